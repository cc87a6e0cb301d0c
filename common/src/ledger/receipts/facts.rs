//! The facts of a receipt: what the transaction that ends a job writes down.
//!
//! A retry resets the job's row, and forgetting empties it. So the facts are a copy. They hold no personal data: the
//! persons are hashes, made when the job was accepted.

use serde::Deserialize;

/// The columns of a receipt that are columns of its job.
pub(in crate::ledger) const COLUMNS: [&str; 8] = [
    "job_id",
    "ending",
    "state",
    "principal",
    "target",
    "targets",
    "ended_at",
    "facts",
];

/// The values of [`COLUMNS`], from the row of a job that has ended or is held.
// JSON with the database's own function: the statement that ends a small job has the row and makes no round trip for it.
pub(in crate::ledger) const VALUES: &str =
    "jobs.id AS job_id, jobs.endings AS ending, jobs.state AS state, jobs.principal AS principal,
            COALESCE(jobs.target, '') AS target, jobs.targets AS targets,
            COALESCE(jobs.ended_at, jobs.held_at) AS ended_at,
            CAST({object}('attempt', jobs.attempt, 'selector', jobs.kind, 'reference', jobs.reference,
                'regulation', jobs.regulation, 'ground', jobs.legal_ground, 'accepted', jobs.accepted_at,
                'received', jobs.received_at, 'deadline', jobs.deadline_at, 'extended_from', jobs.extended_from,
                'extension', jobs.extension, 'started', jobs.started_at, 'rounds', jobs.round, 'code', jobs.error_code,
                'fingerprints', jobs.fingerprints, 'places', jobs.places, 'attempts', jobs.attempts) AS TEXT) AS facts";

/// The facts, as [`VALUES`] writes them. Times are milliseconds since 1970.
#[derive(Deserialize)]
pub(super) struct Facts {
    pub(super) attempt: u64,
    /// `ids`, `query` or `subject`.
    pub(super) selector: String,
    pub(super) reference: Option<String>,
    pub(super) regulation: Option<String>,
    pub(super) ground: Option<String>,
    pub(super) accepted: i64,
    pub(super) received: Option<i64>,
    pub(super) deadline: Option<i64>,
    pub(super) extended_from: Option<i64>,
    pub(super) extension: Option<String>,
    pub(super) started: Option<i64>,
    pub(super) rounds: u64,
    /// The error with which the job failed.
    pub(super) code: Option<String>,
    /// JSON: the hashes of the request and of the persons.
    pub(super) fingerprints: Option<String>,
    /// JSON: the places that the job is about.
    pub(super) places: Option<String>,
    /// JSON: the earlier attempts.
    pub(super) attempts: Option<String>,
}
