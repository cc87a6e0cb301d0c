//! A job as callers see it.

mod preview;

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use lethe_common::clock::{from_millis, to_millis};
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{Attempt, ItemRow, JobView, NewJob, StoreCounts, Warning};
use lethe_common::selection::Digest;
use lethe_common::state::State;
use serde::Serialize;
use serde_json::Number;
use strum::IntoEnumIterator as _;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::prefer::Prefer;
use crate::rate;
use preview::PreviewAnswer;

/// Which job an answer is about.
const JOB: HeaderName = HeaderName::from_static("lethe-job");

/// Returns an answer that is about a job: what it is, where it is, and what was heeded.
pub(crate) fn with_job(status: StatusCode, job: JobView, prefer: Prefer) -> Response {
    let id = job.id;
    let mut response = (status, Json(Job::from(job))).into_response();
    let headers = response.headers_mut();
    prefer.applied(headers);
    let location = HeaderValue::try_from(format!("/v1/jobs/{id}"));
    headers.insert(header::LOCATION, location.expect("a UUID is printable ASCII"));
    name_job(headers, id);
    response
}

/// Says in the headers of an answer which job it is about.
pub(crate) fn name_job(headers: &mut HeaderMap, job: JobId) {
    let id = HeaderValue::try_from(job.to_string()).expect("a UUID is printable ASCII");
    headers.insert(JOB, id);
}

/// An accepted deletion.
#[derive(Serialize, ToSchema)]
pub(crate) struct Job {
    /// The id.
    id: Uuid,
    /// Grows with every change.
    version: u64,
    /// The schedule that made it.
    schedule: Option<String>,
    /// Who asked: the name of an API key, or a word that stands for a token's issuer and person.
    principal: String,
    /// `queued`, `planning`, `running`, `verifying`, `cancelling` or `held`; ended: `succeeded`,
    /// `failed` or `cancelled`.
    #[schema(example = "running")]
    pub(crate) state: &'static str,
    /// `ids`, `subject` or `query`.
    #[schema(example = "ids")]
    kind: String,
    /// The target; `null` for a subject in several.
    target: Option<String>,
    /// The table; `null` for a subject in several.
    table: Option<String>,
    /// Whether it only counts.
    dry_run: bool,
    /// The most memories it may select.
    limit: Option<u64>,
    /// The digest of what it must select.
    #[schema(value_type = Option<String>)]
    expect: Option<Digest>,
    /// What was found, once a dry run has looked at everything, or a look found that something else is
    /// selected than was expected.
    preview: Option<PreviewAnswer>,
    /// The most memories it may erase in a second.
    #[schema(value_type = Option<f64>)]
    per_second: Option<Number>,
    /// Memories it is about, as far as is known.
    selected: u64,
    /// Memories that are not accounted for yet.
    remaining: u64,
    /// What became of them, store by store.
    stores: Vec<StoreAnswer>,
    /// The part of the memories that is accounted for, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    progress: f64,
    /// Memories accounted for per second, since the present attempt started.
    rate: Option<f64>,
    /// Seconds until the rest will probably be accounted for.
    eta: Option<u64>,
    /// 1, and one more for each retry.
    attempt: u64,
    /// Of a job that was tried again: what each attempt did by itself, the present one last. The job's own counts are
    /// those of all attempts, each memory once.
    attempts: Vec<AttemptAnswer>,
    /// Of a query: by what it is known what was there at its start. `created_at`; `batch`: each batch took
    /// what matched at its time; or `plan`: what its plan listed, of a table that has only vectors.
    snapshot: Option<String>,
    /// What is worth knowing although nothing has failed.
    warnings: Vec<WarningAnswer>,
    /// Rounds that were needed because reading back found something.
    round: u64,
    /// `window` while no window of its schedule is open: nothing is begun before.
    waits_for: Option<&'static str>,
    /// When it is tried again, while it only waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    /// The last error, a word of a closed list.
    error_code: Option<String>,
    /// When it was accepted.
    #[schema(value_type = Option<String>, format = DateTime)]
    accepted_at: Option<Timestamp>,
    /// When it may start.
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Timestamp>,
    /// When it started.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

/// What is worth knowing of a job, in one table or as a whole.
#[derive(Serialize, ToSchema)]
#[schema(as = Warning)]
pub(crate) struct WarningAnswer {
    /// `full_scan`: no index helps to find what is asked for, so the database reads every row. `mistyped`: the
    /// table's columns cannot hold a value that is asked for (an e-mail in a column of numbers), so the table was
    /// skipped. `nothing_selected`: nothing matched, in no table. `dependents_uncounted`: a worker died between a
    /// deletion and its record, so `dependents` of this table is too small.
    #[schema(example = "full_scan")]
    code: &'static str,
    /// The target; `null` for what is said of the job as a whole.
    target: Option<String>,
    /// The table; `null` for what is said of the job as a whole.
    table: Option<String>,
}

/// One attempt of a job.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptAnswer {
    /// 1 for the first.
    attempt: u64,
    /// How it ended, or how it stands.
    state: &'static str,
    /// Its last error, a word of a closed list.
    error_code: Option<String>,
    /// When it started.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// What it counted, store by store, without what earlier attempts had settled.
    stores: Vec<StoreAnswer>,
}

impl AttemptAnswer {
    fn new(attempt: Attempt, dry_run: bool) -> Self {
        Self {
            attempt: attempt.attempt,
            state: attempt.state.as_str(),
            error_code: attempt.error_code.map(String::from),
            started_at: attempt.started_at.and_then(from_millis),
            ended_at: attempt.ended_at.and_then(from_millis),
            stores: attempt.stores.into_iter().map(|store| counts(store, dry_run)).collect(),
        }
    }
}

/// What became of a job's memories in one store.
#[derive(Serialize, ToSchema)]
#[schema(as = StoreCounts)]
pub(crate) struct StoreAnswer {
    /// The target.
    target: String,
    /// `sql` or `vector`.
    store: &'static str,
    /// Memories by outcome, and `residue`: what reading back found. A dry run has `found` in place
    /// of `left`.
    counts: BTreeMap<String, u64>,
    /// Rows of dependent tables that the job deleted with its memories, by table, in all attempts. Tables are those
    /// that the mapping names in `dependents`: what the database deletes by itself (`ON DELETE CASCADE`) is not
    /// counted. Empty for `vector`.
    #[schema(example = json!({"memory_chunks": 12}))]
    dependents: BTreeMap<String, u64>,
}

impl From<Warning> for WarningAnswer {
    fn from(warning: Warning) -> Self {
        Self {
            code: warning.code.as_str(),
            target: warning.target,
            table: warning.table,
        }
    }
}

impl From<JobView> for Job {
    fn from(job: JobView) -> Self {
        let left = job
            .stores
            .iter()
            .filter_map(|store| store.counts.get(Outcome::Left.as_str()));
        // What was cancelled is accounted for, but nothing was done about it.
        let undone = if job.dry_run {
            0
        } else {
            left.copied().max().unwrap_or(0)
        };
        let done = job.selected.saturating_sub(job.remaining).saturating_sub(undone);
        let progress = match job.state {
            State::Succeeded => 1.0,
            _ => ratio(done, job.selected),
        };
        let rate = job.started_at.map(|started| {
            let ms = job.ended_at.unwrap_or(job.now) - started;
            let own = done.saturating_sub(job.settled);
            ratio(own.saturating_mul(1000), u64::try_from(ms).unwrap_or(0))
        });
        let open = job.ended_at.is_none() && job.remaining > 0;
        let eta = rate
            .filter(|rate| open && *rate > 0.0)
            .map(|rate| seconds(job.remaining, rate));
        Self {
            id: job.id.0,
            version: job.version,
            schedule: job.schedule,
            principal: job.principal,
            state: job.state.as_str(),
            kind: job.kind,
            target: job.target,
            table: job.table,
            dry_run: job.dry_run,
            limit: job.limit,
            expect: job.expect,
            preview: job.preview.map(PreviewAnswer::from),
            per_second: job.per_second.and_then(rate::number),
            selected: job.selected,
            remaining: job.remaining,
            stores: job.stores.into_iter().map(|store| counts(store, job.dry_run)).collect(),
            progress,
            rate,
            eta,
            attempt: job.attempt,
            attempts: job
                .attempts
                .into_iter()
                .map(|attempt| AttemptAnswer::new(attempt, job.dry_run))
                .collect(),
            snapshot: job.snapshot,
            warnings: job.warnings.into_iter().map(WarningAnswer::from).collect(),
            round: job.round,
            waits_for: job.waits_for_window.then_some("window"),
            next_attempt_at: job.next_attempt_at.and_then(from_millis),
            error_code: job.error_code.map(String::from),
            accepted_at: from_millis(job.accepted_at),
            not_before: from_millis(job.not_before),
            started_at: job.started_at.and_then(from_millis),
            ended_at: job.ended_at.and_then(from_millis),
        }
    }
}

/// Returns the counts with every outcome, so that callers need not tell absent from zero.
fn counts(store: StoreCounts, dry_run: bool) -> StoreAnswer {
    let words = Outcome::iter().map(Outcome::as_str).chain(["residue"]);
    let mut counts: BTreeMap<String, u64> = words.map(|word| (word.to_owned(), 0)).collect();
    counts.extend(store.counts);
    if dry_run {
        let left = counts.remove(Outcome::Left.as_str()).unwrap_or(0);
        counts.insert("found".to_owned(), left);
    }
    StoreAnswer {
        target: store.target,
        store: store.store.as_str(),
        counts,
        dependents: store.dependents,
    }
}

/// Returns the view of a job that was accepted just now.
// Reading it back from the ledger would cost each acceptance three queries. Its times are this
// process' until somebody asks again.
pub(crate) fn just_accepted(job: &NewJob, now: Timestamp) -> JobView {
    let now = to_millis(now);
    let selected = job.partitions.iter().map(|partition| partition.remaining).sum();
    let stores: BTreeSet<(String, StoreKind)> = job
        .partitions
        .iter()
        .flat_map(|partition| {
            partition
                .stores
                .iter()
                .map(|store| (partition.route.target.clone(), *store))
        })
        .collect();
    JobView {
        id: job.id,
        version: 1,
        principal: job.scope.principal.clone(),
        state: State::Queued,
        kind: job.kind().to_owned(),
        target: job.target.clone(),
        table: job.table.clone(),
        dry_run: job.dry_run,
        limit: job.limit,
        expect: job.expect,
        preview: None,
        per_second: job.per_second,
        throttled_ms: 0,
        throttled_for_ms: 0,
        batch: job.manner.batch.map(u64::from),
        slices: job.manner.slices.map(u64::from),
        opaque_id: job.manner.opaque_id.clone(),
        schedule: job.manner.schedule.clone(),
        waits_for_window: job
            .manner
            .windows
            .as_ref()
            .is_some_and(|windows| windows.are_closed(now)),
        task_forgotten: false,
        accepted_at: now,
        not_before: job.not_before.unwrap_or(now),
        started_at: None,
        ended_at: None,
        forgotten_at: None,
        attempt: 1,
        attempts: Vec::new(),
        settled: 0,
        round: 0,
        selected,
        remaining: selected,
        error_code: None,
        version_erased: None,
        snapshot: None,
        warnings: BTreeSet::new(),
        next_attempt_at: Some(job.not_before.unwrap_or(now)),
        stores: stores
            .into_iter()
            .map(|(target, store)| StoreCounts {
                target,
                store,
                counts: BTreeMap::new(),
                dependents: BTreeMap::new(),
            })
            .collect(),
        now,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a progress bar needs no more than 52 bits")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate: never negative, and a float too large for 64 bits becomes the largest number"
)]
fn seconds(memories: u64, rate: f64) -> u64 {
    (memories as f64 / rate).ceil() as u64
}

/// A memory that was not simply erased.
#[derive(Serialize, ToSchema)]
pub(crate) struct Item {
    /// The memory's id.
    id: String,
    /// The table.
    table: String,
    /// `sql` or `vector`.
    store: String,
    /// What became of it there.
    outcome: String,
    /// Why, a word of a closed list.
    code: Option<String>,
}

impl Item {
    /// Returns a memory, with the outcome in the words in which it was asked for.
    pub(crate) fn new(row: ItemRow, outcome: &str) -> Self {
        Self {
            id: row.id,
            table: row.table,
            store: row.store,
            outcome: outcome.to_owned(),
            code: row.code.map(String::from),
        }
    }
}
