//! Pages of the rows that meet a job's conditions, even if few rows of a large table do.

use std::time::Instant;

use lethe_common::job::StoreKind;
use lethe_common::ledger::Lease;
use lethe_common::metrics::StoreCall;

use crate::job::conditions::conditions;
use crate::job::piece::Piece;
use crate::job::pieces;
use crate::lease::Environment;
use crate::store::sql::SqlTable;
use crate::store::{Seen, StoreError};
use crate::targets::Mapped;

/// The rows that a page may hold.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'k> {
    /// The last key, if there is one.
    pub(crate) through: Option<&'k str>,
    /// Whether the page includes rows that changed since the job began.
    pub(crate) changed: bool,
    /// The most rows of the page.
    pub(crate) limit: u32,
}

/// A page.
#[derive(Default)]
pub(crate) struct Page {
    /// The rows. An empty page may still have a next one.
    pub(crate) rows: Vec<(String, Seen)>,
    /// The start of the next page; `None` on the last page.
    pub(crate) next: Option<Piece>,
}

/// Returns the next rows in key order. Each call reads one page, or scans one piece.
pub(crate) async fn page(
    env: &Environment,
    mapped: &Mapped,
    lease: &Lease,
    call: StoreCall,
    from: &Piece,
    rows: Rows<'_>,
) -> Result<Page, StoreError> {
    let Some(table) = mapped.sql().await? else {
        return Ok(Page::default());
    };
    let start = Instant::now();
    let limit = env.config.worker.store_timeout;
    // The end of a piece and its rows are two calls, but the caller's lease covers the time limit of one.
    let read = tokio::time::timeout(limit, read(env, mapped, &table, lease, call, from, rows)).await;
    match read.unwrap_or_else(|_| Err(StoreError::timed_out(StoreKind::Sql))) {
        Ok((found, _)) if found.len() >= rows.limit as usize => {
            // After a full page the next matching rows are near: no pieces are needed.
            let after = found.last().map(|(id, _)| id.clone());
            let next = Some(Piece { after, rows: 0 });
            Ok(Page { rows: found, next })
        }
        Ok((rows, end)) => {
            let next = end.map(|end| from.then(end, start.elapsed(), limit));
            Ok(Page { rows, next })
        }
        Err(timeout @ StoreError::Timeout { .. }) => {
            let next = if from.rows == 0 {
                pieces::begin(lease, &table).await?;
                Piece::first(from.after.clone())
            } else {
                from.smaller().ok_or(timeout)?
            };
            Ok(Page {
                rows: Vec::new(),
                next: Some(next),
            })
        }
        Err(error) => Err(error),
    }
}

/// Returns rows, and the last key of the piece unless it is the last piece.
async fn read(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    lease: &Lease,
    call: StoreCall,
    from: &Piece,
    rows: Rows<'_>,
) -> Result<(Vec<(String, Seen)>, Option<String>), StoreError> {
    let end = match from.rows {
        0 => None,
        _ => pieces::end(env, mapped, table, from, rows.through).await?,
    };
    let conditions = conditions(lease);
    let (after, through) = (from.after.as_deref(), end.as_deref().or(rows.through));
    let found = async {
        if rows.changed {
            return table.page_rows(&conditions, after, through, rows.limit).await;
        }
        let ids = table.page(&conditions, after, through, rows.limit).await?;
        Ok(ids.into_iter().map(|id| (id, Seen::default())).collect())
    };
    let found = env.call(mapped, StoreKind::Sql, call, found).await?;
    Ok((found, end))
}
