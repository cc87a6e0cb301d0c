//! What the tests of the ledger share.

use lethe_common::job::JobId;
use lethe_common::ledger::{NewJob, NewPartition, Scope};

/// Returns a job with nothing special about it.
pub(crate) fn new_job(partitions: Vec<NewPartition>) -> NewJob {
    NewJob {
        id: JobId::new(),
        scope: Scope {
            principal: "tests".to_owned(),
            route: "/v1/jobs",
        },
        idempotency: None,
        target: None,
        table: None,
        owner: None,
        workspace: None,
        memory_kind: None,
        subject: None,
        query: None,
        dry_run: false,
        limit: None,
        per_second: None,
        not_before: None,
        trace: None,
        partitions,
    }
}
