//! What unit tests make leases of.

use std::sync::Arc;
use std::time::Instant;

use lethe_common::job::{JobId, StoreKind};
use lethe_common::ledger::{JobFacts, Kind, Lease, Route, Work};

/// Returns a lease of a partition that erases, with nothing done.
pub(crate) fn lease(work: Work) -> Lease {
    let job = JobFacts {
        id: JobId(uuid::Uuid::nil()),
        owner: None,
        workspace: None,
        memory_kind: None,
        subject: None,
        query: None,
        per_second: None,
        batch: None,
        most: None,
        expects: false,
        scheduled: false,
        lenient: false,
        trace: None,
        cancelling: false,
        waited_ms: 0,
        first: false,
        attempt: 1,
    };
    Lease {
        job: Arc::new(job),
        ordinal: 0,
        token: 1,
        until: Instant::now(),
        kind: Kind::Erase,
        alias: 0,
        route: Route {
            target: "main".to_owned(),
            table: "memories".to_owned(),
            digest: "0".to_owned(),
        },
        work,
        progress: None,
        intent: None,
        snapshot: None,
        remaining: 3,
        rescues: 0,
        failures: 0,
        alone: false,
        stores: vec![StoreKind::Sql, StoreKind::Vector],
        siblings: 0,
    }
}
