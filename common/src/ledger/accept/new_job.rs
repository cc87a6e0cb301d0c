//! A job to be accepted, and the result of its acceptance.

use crate::filter::Filter;
use crate::job::{JobId, SelectorKind, Subject};
use crate::ledger::types::{ExecutionOptions, NewPartition, Warning, Work};
use crate::receipt::body::Place;
use crate::selection::Digest;

/// The caller and the route for which an idempotency key is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The caller.
    pub principal: String,
    /// The route's template.
    pub route: &'static str,
}

/// An idempotency key and the keyed hash of the request that came with it.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The caller's key.
    pub key: String,
    /// The keyed hash of the request.
    pub fingerprint: String,
}

/// A job to be accepted. It was validated before.
// Personal data: no `Debug`.
#[derive(Clone)]
pub struct NewJob {
    /// The id it will have.
    pub id: JobId,
    /// The caller and the route.
    pub scope: Scope,
    /// The caller's key, if one was given.
    pub idempotency: Option<Idempotency>,
    /// The keyed hash of the request, if a repeat of it joins this job while it has not ended.
    pub request: Option<String>,
    /// The target that the request names.
    pub target: Option<String>,
    /// The table that the request names.
    pub table: Option<String>,
    /// The owner of the memories.
    pub owner: Option<String>,
    /// The workspace of the memories.
    pub workspace: Option<String>,
    /// The kind of the memories, if one table holds several kinds.
    pub memory_kind: Option<String>,
    /// The person, for a job by subject.
    pub subject: Option<Subject>,
    /// The filter that the memories must match, for a job by query. It was validated before.
    pub query: Option<Filter>,
    /// Whether it is a dry run, which touches nothing.
    pub dry_run: bool,
    /// The most memories it may select.
    pub limit: Option<u64>,
    /// The expected selection. If it differs from the real one, nothing is touched.
    pub expect: Option<Digest>,
    /// The rate limit, in memories a second.
    pub per_second: Option<f64>,
    /// Its options.
    pub execution: ExecutionOptions,
    /// The earliest start, in milliseconds since 1970.
    pub not_before: Option<i64>,
    /// The traceparent of the request.
    pub trace: Option<String>,
    /// The places that it is about, by the names of the mapping. Its receipts show them.
    pub places: Vec<Place>,
    /// Facts that its caller should know from the start.
    pub warnings: Vec<Warning>,
    /// Its first partitions: lists of ids, or a plan (for a dry run, a preview) for each table and name.
    pub partitions: Vec<NewPartition>,
}

impl NewJob {
    /// Returns the word for the kind of its selector.
    pub fn kind(&self) -> &'static str {
        let kind = match (&self.query, &self.subject) {
            (Some(_), _) => SelectorKind::Query,
            (None, Some(_)) => SelectorKind::Subject,
            (None, None) => SelectorKind::Ids,
        };
        kind.as_str()
    }

    /// Returns the number of ids that it lists.
    pub fn ids(&self) -> u64 {
        let ids = self.partitions.iter().map(|partition| match &partition.work {
            Work::Ids(ids) => ids.len() as u64,
            _ => 0,
        });
        ids.sum()
    }
}

/// The result of an acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// A new job. It is on disk.
    New(JobId),
    /// The same request was accepted before: its key is known, or its job has not ended.
    Replay(JobId),
    /// The key was used for another request.
    Conflict,
    /// The first request with this key is still being received.
    InFlight,
}

impl Accepted {
    /// Returns the job that the same request made before, if it made one.
    pub fn replay(self) -> Option<JobId> {
        match self {
            Self::Replay(id) => Some(id),
            Self::New(_) | Self::Conflict | Self::InFlight => None,
        }
    }
}
