//! What is due, and what will be next: looks into the queue that cost the same however long it is.

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
    /// Returns what a worker with these mappings may find to do, and what it waits for otherwise.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn ahead(&self, routes: &[Route]) -> Result<Ahead, LedgerError> {
        // Two looks into the index for each mapping and weight, however long the queue is. By a time that is
        // read once: one that moves while the statement runs is no use to an index.
        let weights: Vec<String> = (LIGHTEST..=HEAVIEST)
            .map(|weight| format!("SELECT {weight} AS weight"))
            .collect();
        let of_weight = "SELECT MIN(due_at) FROM partitions
                WHERE route = e.value->>'route' AND weight = weights.weight AND state IN ({partition.due}, {partition.running})";
        let list: Vec<Value> = routes.iter().map(|route| json!({"route": route.to_string()})).collect();
        // A row without a route as well: the revision is told where there are no mappings.
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
        // Of those that are alike each has its turn.
        due.shuffle(&mut rand::rng());
        due.sort_by_key(|(weight, _)| **weight);
        ahead.due = due.into_iter().map(|(_, route)| route.clone()).collect();
        Ok(ahead)
    }
}
