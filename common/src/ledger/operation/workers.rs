//! The reports of workers. They are deleted when a worker stops, or a day after its last report.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::siblings::REVISION;
use super::troubles;
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::route::Route;

/// A worker's report about itself.
#[derive(Debug, Clone)]
pub struct WorkerReport {
    /// Its name, unique per start.
    pub name: String,
    /// Its version.
    pub version: &'static str,
    /// The number of tasks that it runs at once.
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

/// A worker, as it last reported.
#[derive(Debug, Clone)]
pub struct WorkerRow {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The number of tasks that it runs at once.
    pub slots: u64,
    /// The mappings it claims for.
    pub routes: Vec<String>,
    /// The keys of its mappings among the siblings.
    pub siblings: Vec<String>,
    /// Health and mapping faults of each target.
    pub targets: Value,
    /// The time of its first report. All times here are milliseconds since 1970.
    pub started_at: i64,
    /// The time of its last report.
    pub last_seen_at: i64,
    /// The time of its last report after a claim.
    pub last_claim_at: Option<i64>,
    /// The ledger's clock when this was read.
    pub now: i64,
}

impl Ledger {
    /// Stores the report of a worker. Returns the revision of the siblings.
    pub async fn report_worker(&self, report: &WorkerReport) -> Result<i64, LedgerError> {
        let routes: Vec<String> = report.routes.iter().map(Route::to_string).collect();
        let text = format!(
            "-- ledger::report_worker
            INSERT INTO workers (name, version, slots, routes, targets, siblings, troubles, started_at, last_seen_at, last_claim_at)
            VALUES ($1, $2, $3, $4, $5, $6, $8, {{now}}, {{now}}, CASE WHEN $7 = 1 THEN {{now}} END)
            ON CONFLICT (name) DO UPDATE SET last_seen_at = {{now}}, targets = excluded.targets, routes = excluded.routes,
                troubles = excluded.troubles, last_claim_at = COALESCE(excluded.last_claim_at, workers.last_claim_at)
            RETURNING {REVISION} AS revision"
        );
        let row = sqlx::query(self.inner.sql(&text))
            .bind(&report.name)
            .bind(report.version)
            .bind(i64::from(report.slots))
            .bind(json!(routes).to_string())
            .bind(report.targets.to_string())
            .bind(json!(report.siblings).to_string())
            .bind(i64::from(report.claimed))
            .bind(json!(troubles::of(&report.targets)).to_string())
            .fetch_one(&self.inner.write)
            .await?;
        Ok(row.try_get("revision")?)
    }

    /// Deletes a worker that stops, and workers without a report for a day.
    pub async fn forget_worker(&self, name: &str) -> Result<(), LedgerError> {
        sqlx::query(self.inner.sql(
            "-- ledger::forget_worker
            DELETE FROM workers WHERE name = $1 OR last_seen_at < (SELECT {now}) - 86400000",
        ))
        .bind(name)
        .execute(&self.inner.write)
        .await?;
        Ok(())
    }

    /// Returns the workers that reported within the last `within`.
    pub async fn workers(&self, within: Duration) -> Result<Vec<WorkerRow>, LedgerError> {
        self.each_worker(within).await?.into_iter().collect()
    }

    /// Returns the workers that reported within the last `within`, also those that this version cannot read.
    pub(in crate::ledger) async fn each_worker(
        &self,
        within: Duration,
    ) -> Result<Vec<Result<WorkerRow, LedgerError>>, LedgerError> {
        let rows = sqlx::query(self.inner.sql(
            "-- ledger::workers
            SELECT name, version, slots, routes, siblings, targets, started_at, last_seen_at, last_claim_at, (SELECT {now}) AS now_ms
            FROM workers
            WHERE last_seen_at >= (SELECT {now}) - $1 ORDER BY name",
        ))
        .bind(i64::try_from(within.as_millis()).unwrap_or(i64::MAX / 4))
        .fetch_all(&self.inner.read)
        .await?;
        Ok(rows.iter().map(worker).collect())
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
        now: row.try_get("now_ms")?,
    })
}
