//! A job to be accepted, and what became of it.

use crate::filter::Filter;
use crate::job::{JobId, SelectorKind, Subject};
use crate::ledger::types::{ExecutionOptions, NewPartition};
use crate::selection::Digest;

/// In whose name, and by which route, an idempotency key is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Who asks.
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

/// A job to be accepted; everything that can be refused was refused before.
// Personal data: no `Debug`.
#[derive(Clone)]
pub struct NewJob {
    /// The id it will have.
    pub id: JobId,
    /// Who asks, and where.
    pub scope: Scope,
    /// The caller's key, if one was given.
    pub idempotency: Option<Idempotency>,
    /// The keyed hash of the request, if the same one joins this job while it has not ended.
    pub request: Option<String>,
    /// The target as asked.
    pub target: Option<String>,
    /// The table as asked.
    pub table: Option<String>,
    /// Whose memories.
    pub owner: Option<String>,
    /// Of which workspace.
    pub workspace: Option<String>,
    /// Of which kind, where one table holds several.
    pub memory_kind: Option<String>,
    /// The person, for a job by subject.
    pub subject: Option<Subject>,
    /// What the memories have to match, for a job by query; checked before.
    pub query: Option<Filter>,
    /// Whether nothing is to be touched.
    pub dry_run: bool,
    /// The most memories it may select.
    pub limit: Option<u64>,
    /// What it must select, or nothing is touched.
    pub expect: Option<Digest>,
    /// The most memories a second.
    pub per_second: Option<f64>,
    /// How it is done.
    pub execution: ExecutionOptions,
    /// Milliseconds since 1970 before which it must not start.
    pub not_before: Option<i64>,
    /// The traceparent of the request.
    pub trace: Option<String>,
    /// Its first partitions: the ids, or one plan for each table.
    pub partitions: Vec<NewPartition>,
}

impl NewJob {
    /// Returns the word for what it selects by.
    pub fn kind(&self) -> &'static str {
        let kind = match (&self.query, &self.subject) {
            (Some(_), _) => SelectorKind::Query,
            (None, Some(_)) => SelectorKind::Subject,
            (None, None) => SelectorKind::Ids,
        };
        kind.as_str()
    }
}

/// What became of an acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// A new job, on the disk.
    New(JobId),
    /// The same request was accepted before: by its key, or because its job has not ended.
    Replay(JobId),
    /// The key was used for another request.
    Conflict,
    /// The first request with this key is still being received.
    InFlight,
}
