//! Storing receipts, inside the transaction that ends their jobs or makes them held.
//!
//! If the process dies here, neither the end nor its receipt has happened. A unique index refuses a second receipt for
//! one ending.

use serde_json::{Value, json};
use sqlx::AnyConnection;
use uuid::Uuid;

use super::facts::{COLUMNS, VALUES};
use crate::job::JobId;
use crate::ledger::db::{Inner, LedgerError};
use crate::ledger::views::counts_text;

/// The most workers that a receipt names.
const WORKERS: usize = 16;

/// The most partitions whose workers are looked at: the end of a very large job keeps to the time limit of statements.
// A longer time limit would be a round trip more for each job that ends in a transaction.
const PARTITIONS: usize = 10_000;

/// Stores the receipts of jobs that this transaction has ended or made held.
// One statement for all jobs. It holds only texts that the ledger stored before: a text that the database refuses would
// make the job endless.
pub(in crate::ledger) async fn store(inner: &Inner, tx: &mut AnyConnection, jobs: &[JobId]) -> Result<(), LedgerError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let list: Vec<Value> = jobs
        .iter()
        .map(|id| json!({"id": id, "receipt": Uuid::now_v7()}))
        .collect();
    let query = sqlx::query(inner.sql(&text())).bind(json!(list).to_string());
    query.execute(tx).await?;
    Ok(())
}

fn text() -> String {
    let (columns, counts) = (COLUMNS.join(", "), counts_text("= jobs.id"));
    format!(
        "-- ledger::receipts store
        INSERT INTO receipts (id, {columns}, counts, workers, held)
        SELECT e.value->>'receipt', {VALUES},
            (SELECT CAST({{list}}({{object}}('source', counted.source, 'target', counted.target, 'stores', counted.stores,
                'word', counted.word, 'n', counted.n)) AS TEXT) FROM ({counts}) AS counted),
            (SELECT CAST({{list}}(ran.worker) AS TEXT) FROM
                (SELECT DISTINCT worker FROM
                    (SELECT worker FROM partitions WHERE job_id = jobs.id AND worker IS NOT NULL LIMIT {PARTITIONS}) AS looked
                LIMIT {WORKERS}) AS ran),
            (SELECT CAST({{list}}({{object}}('hold', kept.hold, 'ground', kept.ground, 'memories', kept.n)) AS TEXT) FROM
                (SELECT hold, ground, CAST(SUM(n) AS BIGINT) AS n FROM job_holds WHERE job_id = jobs.id GROUP BY hold, ground) AS kept)
        FROM {{each}} JOIN jobs ON jobs.id = e.value->>'id' AND jobs.id {{in_ids}}"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// Returns the files of the ledger whose code, without its tests, has a text.
    fn with(wanted: &str) -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger");
        let (mut open, mut found) = (vec![root.clone()], BTreeSet::new());
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            if code.contains(wanted) {
                let name = path.strip_prefix(&root).unwrap();
                found.insert(name.to_string_lossy().replace('\\', "/"));
            }
        }
        found
    }

    #[test]
    fn jobs_end_only_where_a_receipt_is_stored() {
        // The first two end jobs, and `advance` or `record/ends.rs` stores their receipts. A retry only resets the time.
        let known = ["advance/end.rs", "advance/update.rs", "ending/retry/attempt.rs"];
        assert_eq!(with("ended_at = "), BTreeSet::from(known.map(str::to_owned)));
        // The first makes jobs held, and `advance` stores their receipts. An end, a retry and a release only reset the time.
        let known = [
            "advance/held.rs",
            "advance/end.rs",
            "ending/held/requeue.rs",
            "ending/retry/attempt.rs",
        ];
        assert_eq!(with("held_at = "), BTreeSet::from(known.map(str::to_owned)));
        let endings = ["advance/end.rs", "advance/held.rs", "advance/update.rs"];
        assert_eq!(with("endings = endings + "), BTreeSet::from(endings.map(str::to_owned)));
        let stores = ["advance/moving.rs"];
        assert_eq!(with("receipts::store("), BTreeSet::from(stores.map(str::to_owned)));
        let inserts = ["receipts/store.rs", "record/ends.rs"];
        assert_eq!(with("INSERT INTO receipts"), BTreeSet::from(inserts.map(str::to_owned)));
    }
}
