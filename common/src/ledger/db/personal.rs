//! Which columns hold what is personal: PostgreSQL keeps no samples of them.
//!
//! `ANALYZE` copies common values into `pg_statistic`, where they stay after their rows have gone, until the table is analysed
//! again. No statement needs to know how often one of these values occurs.

use sqlx::{AnyConnection, AssertSqlSafe, Executor as _, Row as _};

use super::error::LedgerError;

/// Tables, and those of their columns that hold ids or persons.
const PERSONAL: [(&str, &[&str]); 5] = [
    (
        "jobs",
        &[
            "subject",
            "query",
            "owner",
            "workspace",
            "memory_kind",
            "expect",
            "request",
            "opaque_id",
            "preview",
        ],
    ),
    ("partitions", &["work", "progress", "snapshot", "found", "intent"]),
    ("items", &["memory_key", "memory_id"]),
    ("schedules", &["rights", "job"]),
    ("api_keys", &["bound_user", "workspaces"]),
];

/// Has PostgreSQL keep no statistics of these columns.
pub(super) async fn keep_no_statistics(connection: &mut AnyConnection) -> Result<(), LedgerError> {
    for (table, columns) in PERSONAL {
        // A change locks the table: it is made once.
        let sql = format!(
            "SELECT attname::text FROM pg_attribute
             WHERE attrelid = '{table}'::regclass AND attname = ANY('{{{}}}') AND attstattarget IS DISTINCT FROM 0",
            columns.join(",")
        );
        let sampled = connection.fetch_all(AssertSqlSafe(sql)).await?;
        let changes: Result<Vec<String>, _> = sampled
            .iter()
            .map(|row| {
                Ok(format!(
                    "ALTER COLUMN {} SET STATISTICS 0",
                    row.try_get::<String, _>(0)?
                ))
            })
            .collect::<Result<_, sqlx::Error>>();
        let changes = changes?;
        if !changes.is_empty() {
            let sql = format!("ALTER TABLE {table} {}", changes.join(", "));
            connection.execute(AssertSqlSafe(sql)).await?;
        }
    }
    Ok(())
}
