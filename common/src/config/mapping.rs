//! The identity of a mapping. A worker claims only work that it understands as the accepting process
//! did.
//!
//! A digest holds no URL and no secret: a store may have another address in another process. It also leaves out
//! mappings that share its collection or table ([`Sibling`](super::Sibling)): a new one must not strand queued jobs.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::scope::MappingScope;
use super::target::{Collection, Columns, Dependent, FieldPath, Table, Target, TimeZone};
use crate::filter::Unit;

/// A table of a target, with the digest of its configuration.
#[derive(Debug, Clone)]
pub struct Mapping<'a> {
    /// The target.
    pub target: &'a Target,
    /// The table inside it.
    pub table: &'a Table,
    /// See [`Target::digest`].
    pub digest: String,
}

/// The input of the digest. Absent keys are left out, so a key that a later version adds changes no
/// digest where it is not used.
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

/// Long enough for different digests in one installation, short enough to read.
const DIGEST_BYTES: usize = 8;

impl Target {
    /// Returns the table named `name`.
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

    /// Returns 16 hexadecimal digits that change when the meaning of `table` changes.
    ///
    /// They are the same for every process, version and machine, and hold no URLs and secrets.
    pub fn digest(&self, table: &Table) -> String {
        hex(&Sha256::digest(canonical(self, table))[..DIGEST_BYTES])
    }
}

fn canonical(target: &Target, table: &Table) -> Vec<u8> {
    let canonical = Canonical {
        target: &target.name,
        table: &table.name,
        // A name equal to the default means the same as no name.
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

    /// Returns the names of the tables whose rows are deleted with a memory, at any depth.
    pub fn dependent_tables(&self) -> Vec<&str> {
        let mut names = Vec::new();
        let mut lists = vec![&self.dependents];
        while let Some(list) = lists.pop() {
            names.extend(list.iter().map(|dependent| dependent.table.as_str()));
            lists.extend(list.iter().map(|dependent| &dependent.dependents));
        }
        names
    }

    /// Returns the path of a name that queries use: one of `fields`, or a path below one of them
    /// (`namespace.user` where `namespace` is a field); `None` if it is not mapped.
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
