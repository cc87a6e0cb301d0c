//! Spellings of one id in one request: a memory counts once.

use lethe_common::config::Table;
use lethe_common::filter::Type;
use lethe_common::ledger::{LedgerError, NewJob, Route, Spelling};

use crate::state::AppState;
use crate::workers::{self, HEARD_WITHIN};

/// Returns how the ids of a table are told apart, as far as a worker has looked.
pub(crate) async fn of(state: &AppState, route: &Route, table: &Table) -> Result<Spelling, LedgerError> {
    // Without a row only the canonical spelling of a UUID reaches its point: another one is another memory's id.
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

/// Leaves the later spellings of an id out of a job by ids.
// Workers fold those of one batch as well: here is nothing known before one of them has looked.
pub(crate) async fn fold(state: &AppState, job: &mut NewJob) -> Result<(), LedgerError> {
    // Mostly there are none, whatever the table's ids are.
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
