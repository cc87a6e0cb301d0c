//! Records that end their jobs at once, in one statement.
//!
//! Most jobs are small, and end with their only record. A transaction for such records is six round trips. PostgreSQL
//! runs them as one statement, which is a transaction of its own. If the process dies here, all of it has happened, or
//! nothing.
//!
//! The statement writes all of the records, or none: [`write`](super::write) decides about a group in which one of them
//! does not meet all conditions.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use sqlx::Row as _;
use uuid::Uuid;

use super::prepared::{End, Prepared, Recorded};
use super::statements::{PARTITIONS, counts_text, items_text, lease_ms};
use crate::job::JobId;
use crate::ledger::advance;
use crate::ledger::db::{Inner, LedgerError, rows};
use crate::ledger::receipts;
use crate::ledger::totals::{Increment, TotalsMetric, addition, addition_rows};
use crate::ledger::views::CountRow;
use crate::state::State;

/// The state in which these jobs end.
const ENDS_AS: State = State::Succeeded;

/// Writes the records if each of them ends its job. Returns the ends in the order of `records`; `None` if nothing was
/// written.
// All or nothing: otherwise a part of a group might be written although its call fails, and nobody would report those ends.
pub(super) async fn end_at_once(inner: &Inner, records: &[&Prepared]) -> Result<Option<Vec<Recorded>>, LedgerError> {
    if records.is_empty() || !inner.merges() || !may_end(records) {
        return Ok(None);
    }
    let list: Vec<Value> = records.iter().map(|record| row(record)).collect();
    let is_listed = records.iter().any(|record| !record.items.is_empty());
    let mut connection = inner.once().await?;
    let ended = sqlx::query(inner.sql(&text(is_listed)))
        .bind(json!(list).to_string())
        .bind(lease_ms(inner))
        .bind(inner.slot)
        .bind(i64::try_from(records.len()).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await;
    let ended = match ended.map_err(LedgerError::from) {
        // Nothing was written. The transaction finds the refused record.
        Err(error) if error.is_refusal() => return Ok(None),
        ended => ended?,
    };
    let mut ends: HashMap<JobId, Recorded> = HashMap::new();
    for row in &ended {
        let end = Recorded::JobEnded {
            state: rows::parsed(row, "jobs", "state")?,
            duration_ms: row.try_get::<i64, _>("duration")?.max(0),
        };
        ends.insert(rows::parsed(row, "jobs", "id")?, end);
    }
    // In a single-process installation the sequencer is here.
    inner.log.notify_one();
    Ok(records.iter().map(|record| ends.remove(&record.job())).collect())
}

/// Returns whether each record may end its job by itself. Each must be about another job, since an `UPDATE` applies one
/// row to each job.
fn may_end(records: &[&Prepared]) -> bool {
    let mut jobs = HashSet::new();
    records.iter().all(|record| {
        let is_simple = record.planned.is_empty() && record.dependents.is_empty() && record.holds.is_empty();
        let is_settled = !record.conflicts && !record.repeats;
        let is_whole = record.end == End::Gone && record.change.gone.is_some();
        is_whole && is_simple && is_settled && jobs.insert(record.job())
    })
}

/// Returns a record as a row for [`text`]: the fence, and the rows of each table.
fn row(record: &Prepared) -> Value {
    let ended = Increment::new(TotalsMetric::Ended, "", None, ENDS_AS.as_str(), 1);
    let totals = addition_rows(record.totals.iter().chain([&ended]));
    let mut row = rows::fence(record.fence);
    row["partition"] = record.partition.clone();
    row["change"] = record.change.row();
    row["counts"] = json!(record.counts);
    row["items"] = json!(record.items);
    row["totals"] = json!(totals);
    row["receipt"] = json!(Uuid::now_v7());
    row["told"] = json!(json!(told(record)).to_string());
    row
}

/// Returns the counts of a job for its receipt. These are all: the memories of this record are all of the job.
fn told(record: &Prepared) -> Vec<CountRow> {
    let text = |row: &Value, member: &str| row[member].as_str().unwrap_or_default().to_owned();
    let counts = record.counts.iter().map(|row| {
        let (store, outcome) = (text(row, "store"), text(row, "outcome"));
        CountRow::memories(&record.target, &store, &outcome, row["n"].as_u64().unwrap_or(0))
    });
    counts.collect()
}

/// Returns the statement.
// The writes of one statement see the tables as they were before it. So no write may depend on another one: all depend
// on `found`, which locks the present rows and checks them. It locks each partition before its job, as a claim does.
// The receipts take the new values of their jobs from `changed`, which returns one row for each row of `ending`.
// The totals are sums over all of `ending`: so they come after all locks, as `Inner::add_totals` demands.
// `CASE` hides the conditions on the job from the planner. It would search the index of all running jobs.
fn text(is_listed: bool) -> String {
    let of = |rows: &str| {
        format!(
            "(SELECT one.value FROM ending CROSS JOIN jsonb_array_elements(ending.value->'{rows}') AS one(value)) AS e"
        )
    };
    let listed = if is_listed {
        format!("listed AS ({}),", items_text(&of("items")))
    } else {
        String::new()
    };
    let stored = receipts::COLUMNS.map(|column| format!("changed.{column}"));
    format!(
        "-- ledger::record ends
        WITH found AS MATERIALIZED (
            SELECT e.value AS value, partitions.worker AS worker
            FROM {{each}} JOIN partitions ON {HELD} JOIN jobs ON jobs.id = partitions.job_id
            WHERE CASE WHEN {gone} THEN TRUE ELSE FALSE END
            ORDER BY partitions.job_id {{bytes}}
            FOR UPDATE OF partitions, jobs
        ), ending AS MATERIALIZED (
            SELECT value, worker FROM found WHERE (SELECT COUNT(*) FROM found) = $4
        ), written AS (
            {PARTITIONS}
            FROM (SELECT value->'partition' AS value FROM ending) AS e
            WHERE partitions.job_id = e.value->>'job' AND partitions.ordinal = CAST(e.value->>'ordinal' AS BIGINT)
        ), counted AS ({counted}), {listed}
        changed AS (
            {changes}
            FROM (SELECT value->'change' AS value FROM ending) AS e WHERE jobs.id = e.value->>'id'
            RETURNING {values}, {{now}} - jobs.not_before AS duration
        ), receipted AS (
            INSERT INTO receipts (id, {columns}, counts, workers)
            SELECT ending.value->>'receipt', {stored}, ending.value->>'told', CAST(jsonb_build_array(ending.worker) AS TEXT)
            FROM ending JOIN changed ON changed.job_id = ending.value->>'job'
        ), summed AS ({summed})
        SELECT job_id AS id, state, duration FROM changed",
        HELD = rows::HELD,
        gone = advance::gone("e.value->'change'"),
        counted = counts_text(&of("counts")),
        changes = advance::change_text(),
        values = receipts::VALUES,
        columns = receipts::COLUMNS.join(", "),
        stored = stored.join(", "),
        summed = addition("$3", &of("totals")),
    )
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator as _;

    use super::*;
    use crate::state::{Event, next};

    #[test]
    fn a_job_without_memories_left_ends_in_one_state_only() {
        let ends: HashSet<&str> = State::iter()
            .filter_map(|state| next(state, Event::ErasedAndVerified).ok())
            .map(State::as_str)
            .collect();
        assert_eq!(ends, HashSet::from([ENDS_AS.as_str()]));
    }
}
