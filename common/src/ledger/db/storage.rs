//! How PostgreSQL stores the tables whose rows change many times within seconds.
//!
//! A row that is written anew on its own page, with the same values in all indexed columns, leaves the indexes alone; that
//! needs room on the page. Dead rows are swept up by their number: a fifth of a table of millions, which is PostgreSQL's default,
//! would be passed by each claim.

use sqlx::{AnyConnection, AssertSqlSafe, Executor as _};

use super::alter::alter;
use super::error::LedgerError;

const TABLES: [&str; 2] = ["jobs", "partitions"];

const SETTINGS: &str = "fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, \
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000";

/// Sets how the tables are stored, where that was not done yet.
pub(super) async fn leave_room(connection: &mut AnyConnection) -> Result<(), LedgerError> {
    for table in TABLES {
        let sql = format!("SELECT 1 AS unset FROM pg_class WHERE oid = '{table}'::regclass AND reloptions IS NULL");
        if connection.fetch_optional(AssertSqlSafe(sql)).await?.is_none() {
            continue;
        }
        let otherwise = "PostgreSQL writes more than it has to for each small job";
        alter(connection, table, &format!("SET ({SETTINGS})"), otherwise).await?;
    }
    Ok(())
}
