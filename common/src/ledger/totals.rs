//! Totals: sums that only grow. The transaction of a transition also adds to its totals.
//!
//! `accepted = ended + unfinished`, and for each store
//! `selected = the sum of all outcomes + the memories not yet accounted for`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};
use strum::IntoStaticStr;

use crate::job::StoreKind;
use crate::ledger::db::{Inner, Ledger, LedgerError};

/// The quantity that is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum TotalsMetric {
    /// Jobs accepted.
    Accepted,
    /// Jobs ended, by outcome.
    Ended,
    /// Memories that jobs selected, by store.
    Selected,
    /// Memories accounted for, by store and outcome.
    Memories,
    /// Memories that reading back found, by store.
    Residue,
    /// Due times of schedules, by result.
    Runs,
}

impl TotalsMetric {
    /// Returns the word used in the ledger.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotalRow {
    /// The word of a [`TotalsMetric`].
    pub metric: String,
    /// The target; empty where it does not apply.
    pub target: String,
    /// The store; empty where it does not apply.
    pub store: String,
    /// The outcome; empty where it does not apply.
    pub outcome: String,
    /// The sum.
    pub n: u64,
}

/// An addition to one sum.
#[derive(Debug, Clone)]
pub(super) struct Increment {
    key: (TotalsMetric, String, &'static str, &'static str),
    n: u64,
}

impl Increment {
    pub(super) fn new(
        metric: TotalsMetric,
        target: &str,
        store: Option<StoreKind>,
        outcome: &'static str,
        n: u64,
    ) -> Self {
        Self {
            key: (metric, target.to_owned(), store.map_or("", StoreKind::as_str), outcome),
            n,
        }
    }
}

/// Returns additions as rows for [`addition`], without those of 0.
pub(super) fn addition_rows<'a>(increments: impl IntoIterator<Item = &'a Increment>) -> Vec<Value> {
    increments
        .into_iter()
        .filter(|increment| increment.n > 0)
        .map(|Increment { key, n }| {
            let (metric, target, store, outcome) = key;
            json!({"m": metric.as_str(), "rank": *metric as i64, "t": target, "s": store, "o": outcome, "n": n})
        })
        .collect()
}

/// Returns the statement that adds the [rows](addition_rows) in `source` to the totals of `slot`.
// Transactions of this process lock the same totals. In the order of the keys they cannot deadlock.
pub(super) fn addition(slot: &str, source: &str) -> String {
    format!(
        "INSERT INTO totals (slot, metric, target, store, outcome, n)
        SELECT {slot}, e.value->>'m', e.value->>'t', e.value->>'s', e.value->>'o', SUM(CAST(e.value->>'n' AS BIGINT))
        FROM {source} WHERE TRUE
        GROUP BY e.value->>'rank', e.value->>'m', e.value->>'t', e.value->>'s', e.value->>'o'
        ORDER BY CAST(e.value->>'rank' AS BIGINT), (e.value->>'t') {{bytes}}, (e.value->>'s') {{bytes}}, (e.value->>'o') {{bytes}}
        ON CONFLICT (slot, metric, target, store, outcome) DO UPDATE SET n = totals.n + excluded.n"
    )
}

impl Inner {
    /// Adds to the totals, in the caller's transaction.
    // Call it last in a transaction: others of this process wait for the same rows.
    pub(super) async fn add_totals(
        &self,
        tx: &mut AnyConnection,
        increments: impl IntoIterator<Item = Increment>,
    ) -> Result<(), LedgerError> {
        // Summed here too: a group of many records has few sums.
        let mut sums = BTreeMap::new();
        for Increment { key, n } in increments {
            *sums.entry(key).or_insert(0) += n;
        }
        let sums: Vec<Increment> = sums.into_iter().map(|(key, n)| Increment { key, n }).collect();
        let rows = addition_rows(&sums);
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!("-- ledger::totals add\n{}", addition("$2", "{each}"));
        let query = sqlx::query(self.sql(&sql)).bind(json!(rows).to_string());
        query.bind(self.slot).execute(tx).await?;
        Ok(())
    }
}

impl Ledger {
    /// Returns all sums.
    pub async fn totals(&self) -> Result<Vec<TotalRow>, LedgerError> {
        let rows = sqlx::query(self.inner.sql(
            "-- ledger::totals
            SELECT metric, target, store, outcome, CAST(SUM(n) AS BIGINT) AS n FROM totals
            GROUP BY metric, target, store, outcome ORDER BY metric, target, store, outcome",
        ))
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(TotalRow {
                    metric: row.try_get("metric")?,
                    target: row.try_get("target")?,
                    store: row.try_get("store")?,
                    outcome: row.try_get("outcome")?,
                    n: u64::try_from(row.try_get::<i64, _>("n")?).unwrap_or(0),
                })
            })
            .collect()
    }
}
