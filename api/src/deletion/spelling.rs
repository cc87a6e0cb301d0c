//! Deduplication of one id's spellings in a request: a memory counts once.

use lethe_common::config::Table;
use lethe_common::filter::Type;
use lethe_common::ledger::{LedgerError, NewJob, Route, Spelling};

use crate::state::AppState;
use crate::workers::{self, HEARD_WITHIN};

/// Returns the rule that compares ids of a table: by text, unless a worker has reported UUIDs.
pub(crate) async fn of(state: &AppState, route: &Route, table: &Table) -> Result<Spelling, LedgerError> {
    // Without rows only the canonical spelling of a UUID reaches its point. Another spelling is another memory's id.
    let Some(columns) = &table.columns else {
        return Ok(Spelling::Text);
    };
    let workers = state.ledger().workers(HEARD_WITHIN).await?;
    let types = workers::types(&workers, route);
    let ids = types.and_then(|types| types.get(&columns.id).copied());
    Ok(match ids {
        Some(Type::Uuid) => Spelling::Uuid,
        _ => Spelling::Text,
    })
}

/// Removes repeated spellings of an id from a job by ids.
// Workers also deduplicate each batch, since the API knows no types before the first report.
pub(crate) async fn fold(state: &AppState, job: &mut NewJob) -> Result<(), LedgerError> {
    // Most jobs repeat no id in any spelling, and need no report.
    if job.query.is_some() || job.subject.is_some() || !Spelling::Uuid.repeats(&job.partitions) {
        return Ok(());
    }
    let Some(route) = job.partitions.first().map(|partition| partition.route.clone()) else {
        return Ok(());
    };
    let target = state.config().target(&route.target);
    if let Some(table) = target.and_then(|target| target.table(&route.table)) {
        of(state, &route, table).await?.fold(&mut job.partitions);
    }
    Ok(())
}
