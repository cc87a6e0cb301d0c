//! Adding entries: one transaction gives each its place, and moves the head.
//!
//! Places have no gap and no double: the transaction locks the head, and each receipt and event is taken once. If the
//! process dies here, all of it has happened, or nothing.

use serde_json::{Value, json};
use sqlx::AnyConnection;
use uuid::Uuid;

use super::lease::{LogLease, lock};
use super::numbers;
use super::tiles;
use crate::ledger::db::{Inner, Ledger, LedgerError, rows};
use crate::tlog::append::{Appended, append};
use crate::tlog::hash::{Hash, leaf, to_base64};
use crate::tlog::tile::needed;

/// An entry for the log, and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The text of the entry.
    pub entry: String,
    /// Its origin.
    pub of: EntryOf,
}

/// The origin of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryOf {
    /// A receipt, with its signatures.
    Receipt {
        /// Its id.
        id: Uuid,
        /// Its statement: JSON.
        body: String,
        /// Issuer and key: JSON.
        head: String,
        /// Its signatures: JSON.
        signatures: String,
    },
    /// An audit event.
    Event {
        /// Its id.
        id: String,
    },
}

impl Ledger {
    /// Adds entries to the log, in their order. Returns its new size.
    ///
    /// Returns `None`, and adds nothing, if another process leads the log, or has added one of these entries.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Corrupt`] if the stored tree does not have the root of the head. The log then stops: it must not sign
    /// a head that contradicts an earlier one.
    pub async fn sequence(&self, lease: &LogLease, entries: &[NewEntry]) -> Result<Option<u64>, LedgerError> {
        let inner = &self.inner;
        // Hashed before the head is locked.
        let leaves: Vec<Hash> = entries.iter().map(|new| leaf(new.entry.as_bytes())).collect();
        let mut tx = inner.begin().await?;
        let Some(head) = lock(inner, &mut tx, lease).await? else {
            tx.rollback().await?;
            return Ok(None);
        };
        let size = rows::number(&head, "size")?;
        let edge = tiles::read(inner, &mut tx, &needed(size)).await?;
        let is_intact = edge.root(size) == Some(super::head::root(&head)?);
        let appended = append(size, &edge, &leaves).filter(|_| is_intact);
        let Some(appended) = appended else {
            tx.rollback().await?;
            return Err(tiles::corrupt(size));
        };
        if !take(inner, &mut tx, size, entries).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        write(inner, &mut tx, size, entries, &appended).await?;
        tx.commit().await?;
        Ok(Some(appended.size))
    }
}

/// Gives receipts their places and signatures, and takes events off the list. Returns whether none of them had a place.
async fn take(inner: &Inner, tx: &mut AnyConnection, size: u64, entries: &[NewEntry]) -> Result<bool, LedgerError> {
    let (mut receipts, mut events) = (Vec::new(), Vec::new());
    for (index, new) in (size..).zip(entries) {
        match &new.of {
            EntryOf::Receipt {
                id,
                body,
                head,
                signatures,
            } => receipts.push(json!({
                "id": id, "body": body, "head": head, "signatures": signatures, "index": numbers::stored(index),
            })),
            EntryOf::Event { id } => events.push(json!({"id": id})),
        }
    }
    let signed = "-- ledger::log receipts
        UPDATE receipts SET body = e.value->>'body', head = e.value->>'head', signatures = e.value->>'signatures',
            log_index = CAST(e.value->>'index' AS BIGINT), facts = NULL, counts = NULL, workers = NULL,
            held = NULL
        FROM {each} WHERE receipts.id {in_ids} AND receipts.id = e.value->>'id' AND receipts.log_index IS NULL";
    let taken = "-- ledger::log events\nDELETE FROM log_pending WHERE id {in_ids}";
    Ok(changes(inner, tx, signed, receipts).await? && changes(inner, tx, taken, events).await?)
}

/// Runs a statement about rows. Returns whether it changed all of them.
async fn changes(inner: &Inner, tx: &mut AnyConnection, text: &str, rows: Vec<Value>) -> Result<bool, LedgerError> {
    if rows.is_empty() {
        return Ok(true);
    }
    let wanted = rows.len();
    let query = sqlx::query(inner.sql(text)).bind(Value::from(rows).to_string());
    let done = query.execute(tx).await?;
    Ok(usize::try_from(done.rows_affected()) == Ok(wanted))
}

/// Writes the entries, the changed tiles and the head.
async fn write(
    inner: &Inner,
    tx: &mut AnyConnection,
    size: u64,
    entries: &[NewEntry],
    appended: &Appended,
) -> Result<(), LedgerError> {
    let listed = (size..).zip(entries);
    let listed: Vec<Value> = listed
        .map(|(index, new)| json!({"index": numbers::stored(index), "entry": new.entry}))
        .collect();
    sqlx::query(inner.sql(
        "-- ledger::log entries
        INSERT INTO log_entries (idx, entry)
        SELECT CAST(e.value->>'index' AS BIGINT), e.value->>'entry' FROM {each} WHERE TRUE",
    ))
    .bind(Value::from(listed).to_string())
    .execute(&mut *tx)
    .await?;
    tiles::write(inner, tx, &appended.changed).await?;
    // The time of the oldest entry without a signed checkpoint.
    sqlx::query(inner.sql(
        "-- ledger::log move
        UPDATE log_head SET size = $1, root = $2, moved_at = CASE WHEN signed < size THEN moved_at ELSE {now} END
        WHERE id = 1",
    ))
    .bind(numbers::stored(appended.size))
    .bind(to_base64(&appended.root))
    .execute(tx)
    .await?;
    Ok(())
}
