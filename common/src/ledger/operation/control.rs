//! What operators and processes tell the ledger beside jobs: pauses, workers, secrets.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;
use strum::IntoEnumIterator as _;

use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::route::Route;
use crate::state::State;

/// What is paused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pauses {
    /// Whether everything is.
    pub all: bool,
    /// The targets that are.
    pub targets: BTreeSet<String>,
}

/// What a worker says of itself.
#[derive(Debug, Clone)]
pub struct WorkerReport {
    /// Its name, unique per start.
    pub name: String,
    /// Its version.
    pub version: &'static str,
    /// How many tasks it runs at once.
    pub slots: u32,
    /// The mappings it claims for.
    pub routes: Vec<Route>,
    /// The keys of its mappings among the siblings.
    pub siblings: Vec<String>,
    /// Health and mapping faults of each target, as JSON.
    pub targets: Value,
    /// Whether it has claimed something since its last report.
    pub claimed: bool,
}

/// A worker as the ledger knows it.
#[derive(Debug, Clone)]
pub struct WorkerRow {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How many tasks it runs at once.
    pub slots: u64,
    /// The mappings it claims for.
    pub routes: Vec<String>,
    /// The keys of its mappings among the siblings.
    pub siblings: Vec<String>,
    /// Health and mapping faults of each target.
    pub targets: Value,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// When it last reported.
    pub last_seen_at: i64,
    /// When it last claimed something.
    pub last_claim_at: Option<i64>,
}

impl Ledger {
    /// Returns what is paused.
    pub async fn pauses(&self) -> Result<Pauses, LedgerError> {
        let rows = sqlx::query(self.inner.sql("-- ledger::pauses\nSELECT scope FROM pauses"))
            .fetch_all(&self.inner.read)
            .await?;
        let mut pauses = Pauses::default();
        for row in rows {
            let scope: String = row.try_get("scope")?;
            if scope == "*" {
                pauses.all = true;
            } else {
                pauses.targets.insert(scope);
            }
        }
        Ok(pauses)
    }

    /// Pauses a target, or everything: no new batch begins, acceptance goes on.
    pub async fn pause(&self, target: Option<&str>) -> Result<(), LedgerError> {
        sqlx::query(self.inner.sql(
            "-- ledger::pause
            INSERT INTO pauses (scope, paused_at) VALUES ($1, {now}) ON CONFLICT (scope) DO NOTHING",
        ))
        .bind(target.unwrap_or("*"))
        .execute(&self.inner.write)
        .await?;
        Ok(())
    }

    /// Lifts a pause. Its time counts for no job's limit.
    pub async fn resume(&self, target: Option<&str>) -> Result<(), LedgerError> {
        let inner = &self.inner;
        let scope = target.unwrap_or("*");
        let mut tx = inner.begin().await?;
        let lifted =
            sqlx::query(inner.sql("-- ledger::resume\nDELETE FROM pauses WHERE scope = $1 RETURNING paused_at"))
                .bind(scope)
                .fetch_optional(&mut *tx)
                .await?;
        let Some(lifted) = lifted else { return Ok(()) };
        // What no unfinished job has seen is nobody's stop. One look into the index for each state.
        let oldest = |state: State| {
            let state = state.as_str();
            format!("SELECT MIN(accepted_at) AS oldest_at FROM jobs WHERE ended_at IS NULL AND state = {{job.{state}}}")
        };
        let states: Vec<String> = State::iter()
            .filter(|state| !state.is_ended())
            .map(|state| format!("SELECT ({}) AS oldest_at", oldest(state)))
            .collect();
        sqlx::query(inner.sql(&format!(
            "-- ledger::resume forget
            DELETE FROM past_pauses WHERE resumed_at < (SELECT COALESCE(MIN(oldest_at), {{now}}) FROM ({}) AS oldest)",
            states.join(" UNION ALL ")
        )))
        .execute(&mut *tx)
        .await?;
        sqlx::query(inner.sql(
            "-- ledger::resume past
            INSERT INTO past_pauses (scope, paused_at, resumed_at) VALUES ($1, $2, {now})",
        ))
        .bind(scope)
        .bind(lifted.try_get::<i64, _>("paused_at")?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Writes down what a worker says of itself.
    pub async fn report_worker(&self, report: &WorkerReport) -> Result<(), LedgerError> {
        let routes: Vec<String> = report.routes.iter().map(Route::to_string).collect();
        sqlx::query(self.inner.sql(
            "-- ledger::report_worker
            INSERT INTO workers (name, version, slots, routes, targets, siblings, started_at, last_seen_at)
            VALUES ($1, $2, $3, $4, $5, $6, {now}, {now})
            ON CONFLICT (name) DO UPDATE SET last_seen_at = {now}, targets = excluded.targets, routes = excluded.routes",
        ))
        .bind(&report.name)
        .bind(report.version)
        .bind(i64::from(report.slots))
        .bind(json!(routes).to_string())
        .bind(report.targets.to_string())
        .bind(json!(report.siblings).to_string())
        .execute(&self.inner.write)
        .await?;
        if report.claimed {
            sqlx::query(
                self.inner
                    .sql("-- ledger::report_worker claim\nUPDATE workers SET last_claim_at = {now} WHERE name = $1"),
            )
            .bind(&report.name)
            .execute(&self.inner.write)
            .await?;
        }
        Ok(())
    }

    /// Forgets a worker that stops, and those not heard of for a day.
    pub async fn forget_worker(&self, name: &str) -> Result<(), LedgerError> {
        sqlx::query(self.inner.sql(
            "-- ledger::forget_worker
            DELETE FROM workers WHERE name = $1 OR last_seen_at < {now} - 86400000",
        ))
        .bind(name)
        .execute(&self.inner.write)
        .await?;
        Ok(())
    }

    /// Returns the workers heard of within `within`.
    pub async fn workers(&self, within: Duration) -> Result<Vec<WorkerRow>, LedgerError> {
        self.each_worker(within).await?.into_iter().collect()
    }

    /// Returns the workers heard of within `within`, also those that this version cannot read.
    pub(in crate::ledger) async fn each_worker(
        &self,
        within: Duration,
    ) -> Result<Vec<Result<WorkerRow, LedgerError>>, LedgerError> {
        let rows = sqlx::query(self.inner.sql(
            "-- ledger::workers
            SELECT name, version, slots, routes, siblings, targets, started_at, last_seen_at, last_claim_at FROM workers
            WHERE last_seen_at >= {now} - $1 ORDER BY name",
        ))
        .bind(i64::try_from(within.as_millis()).unwrap_or(i64::MAX / 4))
        .fetch_all(&self.inner.read)
        .await?;
        Ok(rows.iter().map(worker).collect())
    }

    /// Returns the routes that workers heard of within `within` have.
    pub async fn routes_seen_within(&self, within: Duration) -> Result<BTreeSet<String>, LedgerError> {
        Ok(self
            .workers(within)
            .await?
            .into_iter()
            .flat_map(|worker| worker.routes)
            .collect())
    }

    /// Returns a secret of this installation, made of `fresh` if there was none.
    pub async fn secret(&self, name: &str, fresh: &str) -> Result<String, LedgerError> {
        sqlx::query(self.inner.sql(
            "-- ledger::secret
            INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        ))
        .bind(name)
        .bind(fresh)
        .execute(&self.inner.write)
        .await?;
        let row = sqlx::query(
            self.inner
                .sql("-- ledger::secret read\nSELECT value FROM secrets WHERE name = $1"),
        )
        .bind(name)
        .fetch_one(&self.inner.read)
        .await?;
        Ok(row.try_get(0)?)
    }
}

fn worker(row: &AnyRow) -> Result<WorkerRow, LedgerError> {
    Ok(WorkerRow {
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        slots: rows::number(row, "slots")?,
        routes: rows::json(row, "workers", "routes")?,
        siblings: rows::json(row, "workers", "siblings")?,
        targets: rows::json(row, "workers", "targets")?,
        started_at: row.try_get("started_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        last_claim_at: row.try_get("last_claim_at")?,
    })
}
