//! The columns that hold personal data. PostgreSQL keeps no samples of them.
//!
//! `ANALYZE` copies common values into `pg_statistic`. There they outlive their deleted rows until the next `ANALYZE`
//! of the table. No statement needs statistics of these columns.

use sqlx::{AnyConnection, AssertSqlSafe, Executor as _, Row as _};

use super::alter::alter;
use super::error::LedgerError;

/// Tables, and their columns that hold ids or persons.
const PERSONAL: [(&str, &[&str]); 8] = [
    (
        "jobs",
        &[
            "subject",
            "query",
            "owner",
            "workspace",
            "memory_kind",
            "expect",
            "opaque_id",
            "preview",
            "fingerprint_key",
            "fingerprints",
        ],
    ),
    ("partitions", &["work", "progress", "snapshot", "found", "intent"]),
    ("items", &["memory_key", "memory_id"]),
    ("schedules", &["rights", "job"]),
    ("holds", &["selection", "said_by"]),
    ("api_keys", &["bound_user", "workspaces"]),
    ("audit_events", &["event"]),
    ("receipts", &["facts", "workers", "body"]),
];

/// Makes PostgreSQL keep no statistics of these columns.
pub(super) async fn keep_no_statistics(connection: &mut AnyConnection) -> Result<(), LedgerError> {
    for (table, columns) in PERSONAL {
        // A change locks the table, so columns that are already set are skipped.
        let sql = format!(
            "SELECT attname::text FROM pg_attribute
             WHERE attrelid = '{table}'::regclass AND attname = ANY('{{{}}}') AND attstattarget IS DISTINCT FROM 0",
            columns.join(",")
        );
        let sampled = connection.fetch_all(AssertSqlSafe(sql)).await?;
        let columns: Vec<String> = sampled.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        if columns.is_empty() {
            continue;
        }
        let change = |what: &str| {
            let changes = columns.iter().map(|column| format!("ALTER COLUMN {column} {what}"));
            changes.collect::<Vec<_>>().join(", ")
        };
        // Setting the type drops the old samples. The type stays the same, so no row is rewritten.
        for changes in [change("SET STATISTICS 0"), change("TYPE TEXT")] {
            let otherwise = "PostgreSQL may keep samples of personal data";
            alter(connection, table, &changes, otherwise).await?;
        }
    }
    Ok(())
}
