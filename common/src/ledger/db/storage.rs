//! PostgreSQL's storage settings for tables whose rows change many times within seconds.
//!
//! An update that stays on its page and changes no indexed column writes no index. This needs free room on the page.
//! Vacuum starts at a number of dead rows. By default that is a fifth of the table: with millions of rows, each claim
//! would read past all of those.

use sqlx::{AnyConnection, AssertSqlSafe, Executor as _};

use super::alter::alter;
use super::error::LedgerError;

const TABLES: [&str; 2] = ["jobs", "partitions"];

const SETTINGS: &str = "fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, \
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000";

/// Applies the settings to tables that have none yet.
pub(super) async fn leave_room(connection: &mut AnyConnection) -> Result<(), LedgerError> {
    for table in TABLES {
        let sql = format!("SELECT 1 AS unset FROM pg_class WHERE oid = '{table}'::regclass AND reloptions IS NULL");
        if connection.fetch_optional(AssertSqlSafe(sql)).await?.is_none() {
            continue;
        }
        let otherwise = "PostgreSQL writes more than necessary for each small job";
        alter(connection, table, &format!("SET ({SETTINGS})"), otherwise).await?;
    }
    Ok(())
}
