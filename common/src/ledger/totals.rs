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

impl Inner {
    /// Adds to the totals, in the caller's transaction.
    // Call it last in a transaction. Transactions of this process lock the same rows: in the order of the keys
    // they cannot deadlock.
    pub(super) async fn add_totals(
        &self,
        tx: &mut AnyConnection,
        increments: impl IntoIterator<Item = Increment>,
    ) -> Result<(), LedgerError> {
        let mut sums = BTreeMap::new();
        for Increment { key, n } in increments {
            *sums.entry(key).or_insert(0) += n;
        }
        let rows: Vec<Value> = sums
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .map(|((metric, target, store, outcome), n)| {
                json!({"m": metric.as_str(), "t": target, "s": store, "o": outcome, "n": n})
            })
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(self.sql(
            "-- ledger::totals add
            INSERT INTO totals (slot, metric, target, store, outcome, n)
            SELECT $2, e.value->>'m', e.value->>'t', e.value->>'s', e.value->>'o', CAST(e.value->>'n' AS BIGINT)
            FROM {each} WHERE TRUE
            ON CONFLICT (slot, metric, target, store, outcome) DO UPDATE SET n = totals.n + excluded.n",
        ))
        .bind(json!(rows).to_string())
        .bind(self.slot)
        .execute(tx)
        .await?;
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
