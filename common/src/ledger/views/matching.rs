//! The jobs that an act on all matching jobs can change. This module writes nothing.

use std::collections::BTreeSet;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::aim::{Aim, aim};
use super::filter::JobFilter;
use super::job::targets;
use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError, rows};

/// The jobs that an act can change, beside the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changeable {
    /// Unfinished jobs that are not being cancelled.
    Unfinished,
    /// Ended jobs that another attempt is possible for. The filter has their state.
    Repeatable,
}

/// A job that an act can change: its id, and the facts that decide who sees it.
// The aim is personal data: no `Debug`.
#[derive(Clone)]
pub struct Matched {
    /// The id.
    pub id: JobId,
    /// The caller of the request.
    pub principal: String,
    /// The targets that it is about.
    pub targets: BTreeSet<String>,
    /// The owner of the memories that it is about.
    pub aim: Aim,
    /// The ledger's clock when this was read, in milliseconds since 1970.
    pub now: i64,
}

impl Ledger {
    /// Lists jobs that an act can change, the newest first. `until` is the time, in milliseconds since 1970, at which the
    /// act began: jobs that were accepted or ended later are left out.
    pub async fn matching(
        &self,
        filter: &JobFilter,
        changeable: Changeable,
        until: Option<i64>,
    ) -> Result<Vec<Matched>, LedgerError> {
        let (principal, reached) = filter.whose.parts();
        let can_change = match changeable {
            Changeable::Unfinished => {
                "ended_at IS NULL AND state <> {job.receiving} AND state <> {job.cancelling} AND accepted_at <= $4"
            }
            Changeable::Repeatable => "forgotten_at IS NULL AND expect IS NULL AND ended_at <= $4",
        };
        let only = filter.only(4);
        let mut listing = sqlx::query(self.inner.sql(&format!(
            "-- ledger::matching
            SELECT id, principal, targets, subject, owner, workspace, {{now}} AS now_ms FROM jobs
            WHERE {can_change} AND {}{}
            ORDER BY id DESC LIMIT $3",
            filter.whose.condition(),
            only.text
        )))
        .bind(reached)
        .bind(principal)
        .bind(i64::from(filter.limit))
        .bind(until.unwrap_or(i64::MAX));
        for value in only.values {
            listing = listing.bind(value);
        }
        let rows = listing.fetch_all(&self.inner.read).await?;
        rows.iter().map(matched).collect()
    }
}

fn matched(row: &AnyRow) -> Result<Matched, LedgerError> {
    Ok(Matched {
        id: rows::parsed(row, "jobs", "id")?,
        principal: row.try_get("principal")?,
        targets: targets(row.try_get("targets")?),
        aim: aim(row)?,
        now: row.try_get("now_ms")?,
    })
}
