//! The hashes of secrets that keys have lost. A refused act with such a secret names its key in the audit trail.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::ledger::db::{Inner, LedgerError};

/// The time for which replaced secrets and those of a revoked key are recognised, in milliseconds: the default retention
/// of the audit trail.
const RECOGNISED_MS: i64 = 365 * 24 * 60 * 60 * 1_000;

/// Returns the hashes of a key's secrets: one, or two while a replaced secret still works.
pub(super) fn secrets(row: &AnyRow) -> Result<Vec<String>, LedgerError> {
    let both: [Option<String>; 2] = [row.try_get("sha256")?, row.try_get("previous_sha256")?];
    Ok(both.into_iter().flatten().collect())
}

/// Keeps hashes that the key `name` has lost, and drops those that are too old.
pub(super) async fn recognise(
    inner: &Inner,
    tx: &mut AnyConnection,
    name: &str,
    lost: Vec<String>,
) -> Result<(), LedgerError> {
    for sha256 in lost {
        sqlx::query(inner.sql(
            "-- ledger::recognise secret
            INSERT INTO revoked_keys (sha256, name, revoked_at) VALUES ($1, $2, {now})
            ON CONFLICT (sha256) DO UPDATE SET name = excluded.name, revoked_at = excluded.revoked_at",
        ))
        .bind(sha256)
        .bind(name)
        .execute(&mut *tx)
        .await?;
    }
    // In the order of the index: PostgreSQL guesses that a third is too old, and may read all. Each time more may go than
    // a key can lose.
    sqlx::query(inner.sql(
        "-- ledger::recognise old
        DELETE FROM revoked_keys WHERE sha256 IN
            (SELECT sha256 FROM revoked_keys WHERE revoked_at <= (SELECT {now}) - $1 ORDER BY revoked_at LIMIT 100)",
    ))
    .bind(RECOGNISED_MS)
    .execute(tx)
    .await?;
    Ok(())
}
