//! The jobs that an act on all matching jobs can change. This module writes nothing.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::aim::{Aim, aim};
use super::filter::JobFilter;
use super::job::targets;
use super::walk::{BOUND, Walk};
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
}

/// The most jobs that are read for a page. Reading so many takes about a second.
const MOST: usize = 200_000;

/// A page of jobs that an act can change.
// The aims are personal data: no `Debug`.
pub struct MatchedPage {
    /// The jobs, the newest first.
    pub jobs: Vec<Matched>,
    /// The time at which the act began, in milliseconds since 1970.
    pub until: i64,
    /// The last job that was read, which may be one that the caller may not see; `None` if all were read.
    pub next: Option<JobId>,
    /// The number of jobs that were read.
    pub read: usize,
}

impl Ledger {
    /// Lists jobs that an act can change, the newest first.
    ///
    /// A page reads no more than 200,000 jobs. `until` is the time, in milliseconds since 1970, at which the
    /// act began; `None`: now. Jobs that were accepted or ended later are left out.
    pub async fn matching(
        &self,
        filter: &JobFilter,
        changeable: Changeable,
        until: Option<i64>,
    ) -> Result<MatchedPage, LedgerError> {
        let until = match until {
            Some(until) => until,
            // The clock comes first, so that the first page leaves out the same jobs as the following ones.
            None => self.clock().await?,
        };
        let can_change = match changeable {
            Changeable::Unfinished => {
                "ended_at IS NULL AND state <> {job.cancelling} AND accepted_at <= CAST(? AS BIGINT)"
            }
            Changeable::Repeatable => "forgotten_at IS NULL AND expect IS NULL AND ended_at <= CAST(? AS BIGINT)",
        };
        let mut only = filter.only(BOUND);
        only.add(can_change, Some(until.to_string()));
        let walk = Walk {
            name: "ledger::matching",
            ways: filter.ways(changeable == Changeable::Unfinished),
            filter,
            only,
            most: MOST,
        };
        let walked = walk.go(&self.inner).await?;
        Ok(MatchedPage {
            jobs: self.matched(&walked.ids).await?,
            until,
            next: walked.next,
            read: walked.read,
        })
    }

    /// Returns the facts about jobs, in their order. Jobs that are gone are skipped.
    async fn matched(&self, ids: &[JobId]) -> Result<Vec<Matched>, LedgerError> {
        let listed: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        let rows = sqlx::query(self.inner.sql(
            "-- ledger::matching jobs
            SELECT id, principal, targets, subject, owner, workspace FROM jobs WHERE id {in_ids}",
        ))
        .bind(json!(listed).to_string())
        .fetch_all(&self.inner.read)
        .await?;
        let mut jobs = HashMap::with_capacity(rows.len());
        for row in &rows {
            let job = matched(row)?;
            jobs.insert(job.id, job);
        }
        Ok(ids.iter().filter_map(|id| jobs.remove(id)).collect())
    }

    async fn clock(&self) -> Result<i64, LedgerError> {
        let sql = self.inner.sql("-- ledger::matching clock\nSELECT {now} AS now_ms");
        let row = sqlx::query(sql).fetch_one(&self.inner.read).await?;
        Ok(row.try_get("now_ms")?)
    }
}

fn matched(row: &AnyRow) -> Result<Matched, LedgerError> {
    Ok(Matched {
        id: rows::parsed(row, "jobs", "id")?,
        principal: row.try_get("principal")?,
        targets: targets(row.try_get("targets")?),
        aim: aim(row)?,
    })
}
