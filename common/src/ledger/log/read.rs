//! Reading the log: tiles, bundles of entries, and proofs.

use sqlx::Row as _;

use super::numbers;
use super::tiles;
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::tlog::proof::inclusion;
use crate::tlog::proof_file;
use crate::tlog::tile::{self, TileId, for_inclusion};

/// The number of entries in a full bundle.
const BUNDLE: u64 = 256;

/// A place beyond every log. The ledger can still add to it.
const LAST: u64 = 1 << 62;

impl Ledger {
    /// Returns the hashes of a tile in the width that is asked for, 32 bytes each; `None` if the log has no such tile.
    pub async fn log_tile(&self, id: TileId) -> Result<Option<Vec<u8>>, LedgerError> {
        let row = sqlx::query(self.inner.sql(
            "-- ledger::log tile
            SELECT hashes FROM log_tiles WHERE level = $1 AND n = $2 AND width >= $3",
        ))
        .bind(i64::from(id.level))
        .bind(numbers::stored(id.n))
        .bind(i64::from(id.width))
        .fetch_optional(&self.inner.read)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let hashes = tiles::hashes(&row.try_get::<String, _>("hashes")?).ok_or_else(|| tiles::corrupt(id.n))?;
        Ok(hashes.get(..usize::from(id.width)).map(tile::to_bytes))
    }

    /// Returns the first `width` entries of the bundle `n` as `tlog-tiles` writes them; `None` if the log has fewer.
    pub async fn log_bundle(&self, n: u64, width: u16) -> Result<Option<Vec<u8>>, LedgerError> {
        let Some(first) = n.checked_mul(BUNDLE).filter(|first| *first < LAST) else {
            return Ok(None);
        };
        let found = sqlx::query(self.inner.sql(
            "-- ledger::log bundle
            SELECT entry FROM log_entries WHERE idx >= $1 AND idx < $1 + $2 ORDER BY idx",
        ))
        .bind(numbers::stored(first))
        .bind(i64::from(width))
        .fetch_all(&self.inner.read)
        .await?;
        if found.len() < usize::from(width) {
            return Ok(None);
        }
        let mut entries: Vec<String> = Vec::with_capacity(found.len());
        for row in &found {
            entries.push(row.try_get("entry")?);
        }
        let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
        Ok(tile::bundle(&entries))
    }

    /// Returns the proof that an entry is in the log of the newest signed checkpoint, as `tlog-proof` writes it; `None` if
    /// that checkpoint is older than the entry.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Corrupt`] if tiles are missing.
    pub async fn log_proof(&self, index: u64) -> Result<Option<String>, LedgerError> {
        let mut connection = self.inner.read.acquire().await?;
        let head = sqlx::query(
            self.inner
                .sql("-- ledger::log signed\nSELECT checkpoint, signed FROM log_head WHERE id = 1"),
        )
        .fetch_one(&mut *connection)
        .await?;
        let size = rows::number(&head, "signed")?;
        let checkpoint: Option<String> = head.try_get("checkpoint")?;
        let Some(checkpoint) = checkpoint.filter(|_| index < size) else {
            return Ok(None);
        };
        let found = tiles::read(&self.inner, &mut connection, &for_inclusion(index, size)).await?;
        let hashes = inclusion(index, size, &found).ok_or_else(|| tiles::corrupt(size))?;
        Ok(Some(proof_file::write(index, &hashes, &checkpoint)))
    }
}
