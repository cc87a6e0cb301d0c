//! Siblings: the mappings that share a collection or a table, as workers publish them.
//!
//! If nothing tells the memories of two mappings apart, a deletion through one mapping erases memories of the other. A
//! file with two such mappings is refused. Here the files of all workers are compared. An entry stays until an operator
//! retires it, or a newer version of the mapping replaces it: a mapping that no worker serves may still have memories.
//!
//! Each change has a revision. A claim and the intent of each new batch name the revision that the worker has read.
//! After a change, no batch begins before the worker has read the siblings again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use crate::config::Sibling;
use crate::ledger::audit::{self, Act, Actor, Deed, Object};
use crate::ledger::db::{Inner, Ledger, LedgerError, rows};

/// The published siblings, and the revision at which they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Siblings {
    /// The revision.
    pub revision: i64,
    /// All siblings, sorted by place.
    pub published: Vec<Sibling>,
}

/// The result of retiring a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetireOutcome {
    /// It is deleted in every place where no worker has it.
    Retired,
    /// Workers have it in every place, so it stays.
    Served,
    /// No worker has published this mapping.
    Unknown,
}

/// The subquery for the revision of the siblings.
pub(in crate::ledger) const REVISION: &str = "(SELECT n FROM revisions WHERE name = 'siblings')";

/// The time after a worker's last report for which its mappings are in use.
// Workers report every 5 s, so two reports may be lost.
pub(in crate::ledger) const IN_USE: Duration = Duration::from_secs(15);

impl Ledger {
    /// Publishes a worker's siblings, and returns all of them; `None` if nothing has changed since `known`.
    ///
    /// Deletes older versions of these mappings, once no worker has them.
    pub async fn publish_siblings(&self, own: &[Sibling], known: Option<i64>) -> Result<Option<Siblings>, LedgerError> {
        // Retiring changes the revision too: at the known revision, the published siblings are still there.
        if known.is_some() && known == Some(self.siblings_revision().await?) {
            return Ok(None);
        }
        let siblings = self.siblings().await?;
        let published: BTreeSet<String> = siblings.published.iter().map(Sibling::key).collect();
        let missing: Vec<&Sibling> = own.iter().filter(|own| !published.contains(&own.key())).collect();
        let own_keys: BTreeSet<String> = own.iter().map(Sibling::key).collect();
        let is_older = |other: &&Sibling| {
            let same = |own: &Sibling| own.place == other.place && own.is_same_mapping(other);
            !own_keys.contains(&other.key()) && own.iter().any(same)
        };
        let older: Vec<&Sibling> = siblings.published.iter().filter(is_older).collect();
        let older = self.unused(older).await?;
        if missing.is_empty() && older.is_empty() {
            return Ok(Some(siblings));
        }
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let changed = insert(inner, &mut tx, &missing).await? + delete(inner, &mut tx, &older).await?;
        // Another worker with the same file may have done this at the same moment. A needless revision would make all
        // workers read the siblings again before they begin a batch.
        if changed > 0 {
            revise(inner, &mut tx).await?;
        }
        tx.commit().await?;
        self.siblings().await.map(Some)
    }

    /// Returns all siblings. Their revision is read first, so it is never newer than the siblings.
    pub async fn siblings(&self) -> Result<Siblings, LedgerError> {
        let revision = self.siblings_revision().await?;
        let found = sqlx::query(self.inner.sql(
            "-- ledger::siblings
            SELECT place, kind, target, table_name, scope FROM siblings ORDER BY place, target, table_name, identity",
        ))
        .fetch_all(&self.inner.read)
        .await?;
        let published = found
            .iter()
            .map(|row| {
                let scope: BTreeMap<String, String> = rows::json(row, "siblings", "scope")?;
                Ok(Sibling {
                    place: row.try_get("place")?,
                    kind: rows::parsed(row, "siblings", "kind")?,
                    target: row.try_get("target")?,
                    table: row.try_get("table_name")?,
                    scope,
                })
            })
            .collect::<Result<_, LedgerError>>()?;
        Ok(Siblings { revision, published })
    }

    /// Deletes a mapping in every place where no worker has it.
    pub async fn retire_sibling(&self, target: &str, table: &str, by: &Actor) -> Result<RetireOutcome, LedgerError> {
        let known = self.siblings().await?.published;
        let named: Vec<&Sibling> = known
            .iter()
            .filter(|sibling| sibling.target == target && sibling.table == table)
            .collect();
        if named.is_empty() {
            return Ok(RetireOutcome::Unknown);
        }
        let unused = self.unused(named).await?;
        if unused.is_empty() {
            return Ok(RetireOutcome::Served);
        }
        let mut tx = self.inner.begin().await?;
        delete(&self.inner, &mut tx, &unused).await?;
        revise(&self.inner, &mut tx).await?;
        let deed = Deed::new(Act::MappingRetire, Object::Mapping(target, table));
        audit::commit(&self.inner, tx, by, deed).await?;
        Ok(RetireOutcome::Retired)
    }

    /// Returns the siblings that no worker has.
    async fn unused<'a>(&self, siblings: Vec<&'a Sibling>) -> Result<Vec<&'a Sibling>, LedgerError> {
        if siblings.is_empty() {
            return Ok(siblings);
        }
        let workers = self.workers(IN_USE).await?;
        let used: BTreeSet<&String> = workers.iter().flat_map(|worker| &worker.siblings).collect();
        Ok(siblings
            .into_iter()
            .filter(|sibling| !used.contains(&sibling.key()))
            .collect())
    }

    async fn siblings_revision(&self) -> Result<i64, LedgerError> {
        let text = format!("-- ledger::siblings revision\nSELECT {REVISION} AS n");
        let row = sqlx::query(self.inner.sql(&text)).fetch_one(&self.inner.read).await?;
        Ok(row.try_get("n")?)
    }
}

/// Inserts siblings; returns how many are new.
async fn insert(inner: &Inner, tx: &mut AnyConnection, siblings: &[&Sibling]) -> Result<u64, LedgerError> {
    let rows: Vec<Value> = siblings
        .iter()
        .map(|sibling| {
            json!({
                "place": sibling.place, "kind": sibling.kind, "identity": sibling.identity(), "target": sibling.target,
                "table": sibling.table, "scope": json!(sibling.scope).to_string(),
            })
        })
        .collect();
    let inserted = sqlx::query(inner.sql(
        "-- ledger::siblings publish
        INSERT INTO siblings (place, kind, identity, target, table_name, scope, published_at)
        SELECT e.value->>'place', e.value->>'kind', e.value->>'identity', e.value->>'target', e.value->>'table',
            e.value->>'scope', {now}
        FROM {each} WHERE TRUE
        ON CONFLICT (place, identity) DO NOTHING",
    ))
    .bind(json!(rows).to_string())
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected())
}

/// Deletes siblings; returns how many there were.
async fn delete(inner: &Inner, tx: &mut AnyConnection, siblings: &[&Sibling]) -> Result<u64, LedgerError> {
    let keys: Vec<Value> = siblings
        .iter()
        .map(|sibling| json!({"place": sibling.place, "identity": sibling.identity()}))
        .collect();
    let deleted = sqlx::query(inner.sql(
        "-- ledger::siblings retire
        DELETE FROM siblings WHERE (place, identity) IN (SELECT e.value->>'place', e.value->>'identity' FROM {each})",
    ))
    .bind(json!(keys).to_string())
    .execute(tx)
    .await?;
    Ok(deleted.rows_affected())
}

/// Increments the revision. The row's lock puts changes one after another.
async fn revise(inner: &Inner, tx: &mut AnyConnection) -> Result<(), LedgerError> {
    sqlx::query(inner.sql("-- ledger::siblings revise\nUPDATE revisions SET n = n + 1 WHERE name = 'siblings'"))
        .execute(tx)
        .await?;
    Ok(())
}
