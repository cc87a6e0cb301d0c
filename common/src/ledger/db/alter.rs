//! Changes of tables that the ledger can do without for a while.

use sqlx::{AnyConnection, AssertSqlSafe, Executor as _};

use super::error::LedgerError;

/// What must not keep a process from starting: it is not the owner's, a view uses the column, or somebody holds the table.
const LATER: [&str; 4] = ["42501", "0A000", "57014", "55P03"];

/// Changes a table; where that cannot be now, says in the log what this means.
pub(super) async fn alter(
    connection: &mut AnyConnection,
    table: &str,
    changes: &str,
    otherwise: &str,
) -> Result<(), LedgerError> {
    match connection
        .execute(AssertSqlSafe(format!("ALTER TABLE {table} {changes}")))
        .await
    {
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| LATER.contains(&&*code)) => {
            tracing::warn!(
                table,
                ledger.sqlstate = error.code().as_deref(),
                "{otherwise}: let the owner of the table run `lethe migrate`, while nobody else changes it"
            );
            Ok(())
        }
        altered => {
            altered?;
            Ok(())
        }
    }
}
