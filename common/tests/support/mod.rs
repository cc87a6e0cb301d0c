//! Helpers of the ledger's tests.

use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{Delta, ExecutionOptions, Kind, NewJob, NewPartition, Route, Scope, Work};

/// Returns a plain job.
pub(crate) fn new_job(partitions: Vec<NewPartition>) -> NewJob {
    NewJob {
        id: JobId::new(),
        scope: Scope {
            principal: "tests".to_owned(),
            route: "/v1/jobs",
        },
        idempotency: None,
        request: None,
        target: None,
        table: None,
        owner: None,
        workspace: None,
        memory_kind: None,
        subject: None,
        query: None,
        dry_run: false,
        limit: None,
        expect: None,
        per_second: None,
        execution: ExecutionOptions::default(),
        not_before: None,
        trace: None,
        places: Vec::new(),
        warnings: Vec::new(),
        partitions,
    }
}

/// Returns the route of all partitions.
pub(crate) fn route() -> Route {
    Route {
        target: "main".to_owned(),
        table: "memories".to_owned(),
        digest: "0".to_owned(),
    }
}

/// Returns a partition of `n` ids, to be erased from both stores.
pub(crate) fn ids(n: usize) -> NewPartition {
    NewPartition {
        kind: Kind::Erase,
        alias: 0,
        route: route(),
        stores: vec![StoreKind::Sql, StoreKind::Vector],
        work: Work::Ids((0..n).map(|n| format!("memory-{n}")).collect()),
        remaining: n as u64,
    }
}

/// Returns the counts of `n` memories that were erased from both stores.
pub(crate) fn erased(n: u64) -> Delta {
    let mut delta = Delta::default();
    delta.count(StoreKind::Sql, Outcome::Erased, n);
    delta.count(StoreKind::Vector, Outcome::Erased, n);
    delta
}
