//! Optional table changes: the ledger works without them for a while.

use sqlx::{AnyConnection, AssertSqlSafe, Executor as _};

use super::error::LedgerError;

/// SQLSTATEs that must not stop a start: no ownership, a view on the column, a time limit, a locked table.
const LATER: [&str; 4] = ["42501", "0A000", "57014", "55P03"];

/// Changes a table. If that is not possible now, logs `otherwise`, the consequence.
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
                "{otherwise}: run `lethe migrate` as the owner of the table, while no other session locks it"
            );
            Ok(())
        }
        altered => {
            altered?;
            Ok(())
        }
    }
}
