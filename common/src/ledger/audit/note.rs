//! Writing an event.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::{Any, AnyConnection, Transaction};
use uuid::Uuid;

use super::{Act, Actor, AuditEvent, Effect, Object};
use crate::clock::to_millis;
use crate::ledger::db::{Inner, Ledger, LedgerError};
use crate::tlog::entry::Entry;

/// An act with its object, effect and details.
pub(in crate::ledger) struct Deed<'a> {
    act: Act,
    object: Object<'a>,
    effect: Effect,
    details: BTreeMap<String, Value>,
}

impl<'a> Deed<'a> {
    pub(in crate::ledger) fn new(act: Act, object: Object<'a>) -> Self {
        Self {
            act,
            object,
            effect: Effect::Done,
            details: BTreeMap::new(),
        }
    }

    /// Sets whether the act changed anything.
    pub(in crate::ledger) fn changed(mut self, changed: bool) -> Self {
        self.effect = if changed { Effect::Done } else { Effect::Unchanged };
        self
    }

    /// Marks the act as refused.
    fn refused(mut self) -> Self {
        self.effect = Effect::Refused;
        self
    }

    /// Adds a detail. It must hold no memory's id, and no person.
    pub(in crate::ledger) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// Writes an event into the transaction of its act, and commits both.
pub(in crate::ledger) async fn commit(
    inner: &Inner,
    mut tx: Transaction<'_, Any>,
    by: &Actor,
    deed: Deed<'_>,
) -> Result<(), LedgerError> {
    let (object_type, object_id) = deed.object.parts();
    // Ids of one process sort in the order of their creation, also within a millisecond.
    let id = Uuid::now_v7();
    let at = moment(id);
    let event = AuditEvent {
        act: deed.act.as_str().to_owned(),
        actor: by.name.clone(),
        address: by.address,
        at,
        details: deed.details,
        effect: deed.effect,
        id,
        object_id,
        object_type: object_type.to_owned(),
        request_id: by.request.clone(),
    };
    if let Err(error) = write(inner, &mut tx, &event).await {
        if !error.is_transient() {
            inner.unwritten_events.fetch_add(1, Ordering::Relaxed);
        }
        return Err(error);
    }
    tx.commit().await?;
    inner.log.notify_one();
    tracing::info!(
        audit.act = event.act,
        audit.actor = event.actor,
        audit.object_type = event.object_type,
        audit.object_id = event.object_id,
        audit.effect = event.effect.as_str(),
        "an act was noted in the audit trail"
    );
    Ok(())
}

/// Writes an event, and its entry for the log. The sequencer gives the entry its place.
async fn write(inner: &Inner, tx: &mut AnyConnection, event: &AuditEvent) -> Result<(), LedgerError> {
    let (id, at) = (event.id.to_string(), to_millis(event.at));
    let text = serde_json::to_string(event).expect("an event is JSON");
    sqlx::query(inner.sql(
        "-- ledger::audit note
        INSERT INTO audit_events (id, at, act, actor, effect, event) VALUES ($1, $2, $3, $4, $5, $6)",
    ))
    .bind(&id)
    .bind(at)
    .bind(&event.act)
    .bind(&event.actor)
    .bind(event.effect.as_str())
    .bind(&text)
    .execute(&mut *tx)
    .await?;
    // The event may name an address. The log holds only its hash, which the id's random bits keep from being guessed.
    let hash = Sha256::digest(text.as_bytes()).into();
    sqlx::query(inner.sql("-- ledger::audit entry\nINSERT INTO log_pending (id, entry, at) VALUES ($1, $2, $3)"))
        .bind(&id)
        .bind(Entry::Audit { hash }.text())
        .bind(at)
        .execute(tx)
        .await?;
    Ok(())
}

/// Returns the time in a version 7 id, to the millisecond.
fn moment(id: Uuid) -> Timestamp {
    let (seconds, nanoseconds) = id.get_timestamp().map_or((0, 0), |at| at.to_unix());
    let time = i64::try_from(seconds).ok().zip(i32::try_from(nanoseconds).ok());
    time.and_then(|(seconds, nanoseconds)| Timestamp::new(seconds, nanoseconds).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Ledger {
    /// Returns how many events the database has refused to this process. An outage refuses none.
    pub fn unwritten_events(&self) -> u64 {
        self.inner.unwritten_events.load(Ordering::Relaxed)
    }

    /// Notes that a caller reads ids or persons, before it gets its answer.
    pub async fn note_reading(&self, by: &Actor, act: Act, object: Object<'_>) -> Result<(), LedgerError> {
        let tx = self.inner.begin().await?;
        commit(&self.inner, tx, by, Deed::new(act, object)).await
    }

    /// Notes that an act of a caller was refused, `times` in all. `problem` is the code of the answers.
    pub async fn note_refusal(
        &self,
        by: &Actor,
        act: Act,
        object: Object<'_>,
        problem: &str,
        times: u64,
    ) -> Result<(), LedgerError> {
        let tx = self.inner.begin().await?;
        let deed = Deed::new(act, object).refused();
        let deed = deed.with("problem", problem).with("times", times);
        commit(&self.inner, tx, by, deed).await
    }
}
