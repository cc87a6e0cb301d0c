//! The stored tiles of the Merkle tree.
//!
//! A row holds the newest width of its tile. Hashes are only added, so its beginning is every smaller width.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Row as _};

use super::numbers;
use crate::ledger::db::{Inner, LedgerError};
use crate::tlog::hash::Hash;
use crate::tlog::tile::{TileId, Tiles, from_bytes, to_bytes};

/// Reads tiles in the widths that are asked for. The answer leaves out tiles that are missing or narrower.
// One by one: a root takes as many as the tree has levels, and a join with a list might read the table.
pub(super) async fn read(inner: &Inner, connection: &mut AnyConnection, ids: &[TileId]) -> Result<Tiles, LedgerError> {
    let mut tiles = Tiles::default();
    for id in ids {
        let row =
            sqlx::query(inner.sql("-- ledger::log tiles\nSELECT hashes FROM log_tiles WHERE level = $1 AND n = $2"))
                .bind(i64::from(id.level))
                .bind(numbers::stored(id.n))
                .fetch_optional(&mut *connection)
                .await?;
        let Some(row) = row else { continue };
        let hashes = hashes(&row.try_get::<String, _>("hashes")?).ok_or_else(|| corrupt(id.n))?;
        if let Some(hashes) = hashes.get(..usize::from(id.width)) {
            tiles.insert(id.level, id.n, hashes.to_vec());
        }
    }
    Ok(tiles)
}

/// Writes tiles that are new, or have become wider.
pub(super) async fn write(
    inner: &Inner,
    tx: &mut AnyConnection,
    changed: &[(u8, u64, Vec<Hash>)],
) -> Result<(), LedgerError> {
    let changed: Vec<Value> = changed
        .iter()
        .map(|(level, n, hashes)| {
            let text = STANDARD.encode(to_bytes(hashes));
            json!({"level": level, "n": numbers::stored(*n), "width": hashes.len(), "hashes": text})
        })
        .collect();
    sqlx::query(inner.sql(
        "-- ledger::log grow
        INSERT INTO log_tiles (level, n, width, hashes)
        SELECT CAST(e.value->>'level' AS BIGINT), CAST(e.value->>'n' AS BIGINT), CAST(e.value->>'width' AS BIGINT),
            e.value->>'hashes'
        FROM {each} WHERE TRUE
        ON CONFLICT (level, n) DO UPDATE SET width = excluded.width, hashes = excluded.hashes",
    ))
    .bind(Value::from(changed).to_string())
    .execute(tx)
    .await?;
    Ok(())
}

/// Reads the hashes of a row.
pub(super) fn hashes(text: &str) -> Option<Vec<Hash>> {
    from_bytes(&STANDARD.decode(text).ok()?)
}

/// Returns the error for tiles that contradict the head. `row` is the size of the log, or the tile.
pub(super) fn corrupt(row: u64) -> LedgerError {
    LedgerError::Corrupt {
        table: "log_tiles",
        column: "hashes",
        row: row.to_string(),
    }
}
