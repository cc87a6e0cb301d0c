//! Looking ahead: the mappings with due partitions, and the next due time. The cost does not grow with the queue.

use std::collections::HashMap;

use rand::seq::SliceRandom as _;
use serde_json::{Value, json};
use sqlx::Row;

use crate::ledger::accept::{HEAVIEST, LIGHTEST};
use crate::ledger::db::{Ledger, LedgerError};
use crate::ledger::operation::REVISION;
use crate::ledger::types::Ahead;
use crate::route::Route;

impl Ledger {
    /// Returns the mappings in `routes` with due partitions, and the time until the next partition becomes due.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn ahead(&self, routes: &[Route]) -> Result<Ahead, LedgerError> {
        // Two index lookups for each mapping and weight, for any queue length. `(SELECT {now})` reads the time once:
        // a time that changes during the statement cannot bound an index scan.
        let weights: Vec<String> = (LIGHTEST..=HEAVIEST)
            .map(|weight| format!("SELECT {weight} AS weight"))
            .collect();
        let of_weight = "SELECT MIN(due_at) FROM partitions
                WHERE route = e.value->>'route' AND weight = weights.weight AND state IN ({partition.due}, {partition.running})";
        let list: Vec<Value> = routes.iter().map(|route| json!({"route": route.to_string()})).collect();
        // The row without a route returns the revision even if `routes` is empty.
        let rows = sqlx::query(self.inner.sql(&format!(
            "-- ledger::ahead
            SELECT route, CAST(MIN(CASE WHEN first <= {{now}} THEN weight END) AS BIGINT) AS lightest, MIN(next) - {{now}} AS next,
                {REVISION} AS siblings
            FROM (SELECT e.value->>'route' AS route, weight, ({of_weight}) AS first, ({of_weight} AND due_at > (SELECT {{now}})) AS next
                FROM {{each}} CROSS JOIN ({}) AS weights
                UNION ALL SELECT '', NULL, NULL, NULL) AS soonest
            GROUP BY route",
            weights.join(" UNION ALL ")
        )))
        .bind(Value::Array(list).to_string())
        .fetch_all(&self.inner.read)
        .await?;
        let mut ahead = Ahead::default();
        let mut lightest = HashMap::new();
        for row in &rows {
            if let Some(weight) = row.try_get::<Option<i64>, _>("lightest")? {
                lightest.insert(row.try_get::<String, _>("route")?, weight);
            }
            let next: Option<i64> = row.try_get("next")?;
            let next = next.map(|next| u64::try_from(next).unwrap_or(0));
            ahead.due_in_ms = ahead.due_in_ms.into_iter().chain(next).min();
            ahead.siblings = row.try_get("siblings")?;
        }
        let due = routes
            .iter()
            .filter_map(|route| Some((lightest.get(&route.to_string())?, route)));
        let mut due: Vec<_> = due.collect();
        // Shuffled first, so that mappings of equal weight take turns.
        due.shuffle(&mut rand::rng());
        due.sort_by_key(|(weight, _)| **weight);
        ahead.due = due.into_iter().map(|(_, route)| route.clone()).collect();
        Ok(ahead)
    }
}
