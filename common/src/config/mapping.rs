//! What identifies a mapping, so that a worker claims only work that it understands as the one
//! who accepted it did.
//!
//! No URL and no secret goes into a digest: where a store is may differ between processes. Nor do the mappings that
//! share its collection or its table ([`Sibling`](super::Sibling)): a new one must not strand jobs that are queued.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::scope::MappingScope;
use super::target::{Collection, Columns, Dependent, FieldPath, Table, Target, TimeZone};
use crate::filter::Unit;

/// A table of a target, with the digest of what the configuration says about it.
#[derive(Debug, Clone)]
pub struct Mapping<'a> {
    /// The target.
    pub target: &'a Target,
    /// The table inside it.
    pub table: &'a Table,
    /// See [`Target::digest`].
    pub digest: String,
}

/// What the digest is made of. Keys that are absent are left out, so that a key which a later
/// version adds changes no digest where it is not used.
#[derive(Serialize)]
struct Canonical<'a> {
    target: &'a str,
    table: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sql_table: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<&'a Columns>,
    #[serde(skip_serializing_if = "MappingScope::is_empty")]
    scope: &'a MappingScope,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: &'a BTreeMap<String, FieldPath>,
    #[serde(rename = "as", skip_serializing_if = "BTreeMap::is_empty")]
    counted: &'a BTreeMap<String, Unit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<&'a TimeZone>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    dependents: &'a [Dependent],
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<&'a Collection>,
}

/// Long enough that two mappings of one installation do not meet, short enough to be read.
const DIGEST_BYTES: usize = 8;

impl Target {
    /// Returns the table that callers call `name`.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Returns every mapping inside this target.
    pub fn mappings(&self) -> impl Iterator<Item = Mapping<'_>> {
        self.tables.iter().map(|table| Mapping {
            target: self,
            table,
            digest: self.digest(table),
        })
    }

    /// Returns 16 hexadecimal digits that change when what `table` means changes.
    ///
    /// The same for every process, version and machine; without URLs and secrets.
    pub fn digest(&self, table: &Table) -> String {
        hex(&Sha256::digest(canonical(self, table))[..DIGEST_BYTES])
    }
}

fn canonical(target: &Target, table: &Table) -> Vec<u8> {
    let canonical = Canonical {
        target: &target.name,
        table: &table.name,
        // Naming the default does not change what it means.
        sql_table: table.columns.as_ref().map(|_| table.sql_table()),
        columns: table.columns.as_ref(),
        scope: &table.scope,
        fields: &table.fields,
        counted: &table.counted,
        time_zone: table.time_zone.as_ref(),
        dependents: &table.dependents,
        collection: table.collection.as_ref(),
    };
    serde_json::to_vec(&canonical).expect("texts and lists are always JSON")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes any text");
        hex
    })
}

impl Table {
    /// Returns the table's name in the database.
    pub fn sql_table(&self) -> &str {
        self.sql_table.as_deref().unwrap_or(&self.name)
    }

    /// Returns the names of the tables whose rows go with a memory, at any depth.
    pub fn dependent_tables(&self) -> Vec<&str> {
        let mut names = Vec::new();
        let mut lists = vec![&self.dependents];
        while let Some(list) = lists.pop() {
            names.extend(list.iter().map(|dependent| dependent.table.as_str()));
            lists.extend(list.iter().map(|dependent| &dependent.dependents));
        }
        names
    }

    /// Returns where a name that queries use is: one of `fields`, or a path that goes on from one of
    /// them (`namespace.user` where `namespace` is a field); `None` if it is not mapped.
    pub fn field(&self, name: &str) -> Option<FieldPath> {
        let (mut known, mut rest) = (name, Vec::new());
        loop {
            if let Some(field) = self.fields.get(known) {
                let mut field = field.clone();
                field.path.extend(rest.into_iter().rev().map(str::to_owned));
                return Some(field);
            }
            let (before, last) = known.rsplit_once('.').filter(|(_, last)| !last.is_empty())?;
            rest.push(last);
            known = before;
        }
    }
}
