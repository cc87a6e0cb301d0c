//! Siblings: mappings that share a table or collection, published so that processes with other files can compare.
//!
//! `sharing.rs` refuses such mappings in one file. For the files of other processes, the ledger holds places and scopes
//! as hashes, computed from the configuration alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use strum::{EnumString, IntoStaticStr};

use super::mapping::hex;
use super::target::{Table, Target};

/// A mapping in a place that other mappings may share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sibling {
    /// The hash of the place of the collection or the table.
    pub place: String,
    /// The kind of the place.
    pub kind: PlaceKind,
    /// The target's name.
    pub target: String,
    /// The table's name inside it.
    pub table: String,
    /// Hashes of the constants that tell its memories in this place from other mappings', by column or field.
    pub scope: BTreeMap<String, String>,
}

/// The kind of a shared place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum PlaceKind {
    /// A collection of a vector store.
    Collection,
    /// A table of a SQL database.
    Table,
    /// The table of the owners that a mapping's rows reference. It may be common to mappings; none may delete its rows.
    Owners,
}

impl PlaceKind {
    /// Returns the word used in the ledger and in answers.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Sibling {
    /// Returns the hash of its name and scope, which differs from all others in its place.
    pub fn identity(&self) -> String {
        hashed(&json!([self.target, self.table, self.scope]))
    }

    /// Returns a key that differs from all others.
    pub fn key(&self) -> String {
        format!("{}/{}", self.place, self.identity())
    }

    /// Returns the mapping's name for people.
    pub fn name(&self) -> String {
        format!("{}/{}", self.target, self.table)
    }

    /// Returns whether both are the same mapping, perhaps in two versions of a file.
    pub fn is_same_mapping(&self, other: &Self) -> bool {
        (&self.target, &self.table) == (&other.target, &other.table)
    }

    /// Returns whether nothing tells the memories of two mappings apart: they share the place of their memories, and no
    /// column or field has another constant in each.
    pub fn is_mixed_with(&self, other: &Self) -> bool {
        let differs = |(field, value): (&String, &String)| other.scope.get(field).is_some_and(|theirs| theirs != value);
        let share = self.place == other.place && self.kind != PlaceKind::Owners;
        share && !self.is_same_mapping(other) && !self.scope.iter().any(differs)
    }
}

impl Target {
    /// Returns the siblings of a mapping: one for each place of its memories, and one for the place of their owners.
    pub fn siblings(&self, table: &Table) -> Vec<Sibling> {
        let sibling = |kind, place: String, scope: &super::MappingScope| Sibling {
            place: place_of(kind, &place),
            kind,
            target: self.name.clone(),
            table: table.name.clone(),
            scope: scope
                .iter()
                .map(|(name, constant)| (name.to_owned(), hashed(&json!(constant.folded()))))
                .collect(),
        };
        let rows = self
            .table_place(table)
            .map(|place| sibling(PlaceKind::Table, place, &table.scope));
        let points = table.collection.as_ref().and_then(|collection| {
            let place = if self.embedded {
                format!("embedded {}", collection.name)
            } else {
                self.collection_place(table)?
            };
            Some(sibling(PlaceKind::Collection, place, &collection.scope))
        });
        let owners = table.columns.as_ref().and_then(|columns| {
            let place = self.sql_place(&columns.owners.as_ref()?.table)?;
            Some(sibling(PlaceKind::Owners, place, &super::MappingScope::default()))
        });
        rows.into_iter().chain(points).chain(owners).collect()
    }

    /// Returns the places of a mapping's dependents, in the form that siblings publish.
    pub fn dependent_places(&self, table: &Table) -> Vec<String> {
        let places = table
            .dependent_tables()
            .into_iter()
            .filter_map(|name| self.sql_place(name));
        places.map(|place| place_of(PlaceKind::Table, &place)).collect()
    }

    /// Returns the places of the tables whose rows a mapping deletes, in the form that siblings publish for owners.
    pub fn deleted_places(&self, table: &Table) -> Vec<String> {
        let dependents = table.dependent_tables().into_iter();
        let dependents = dependents.filter_map(|name| self.sql_place(name));
        let places = self.table_place(table).into_iter().chain(dependents);
        places.map(|place| place_of(PlaceKind::Owners, &place)).collect()
    }

    /// Returns the places of tables of its database, in the form that siblings publish for owners.
    pub fn owner_places(&self, tables: &[String]) -> Vec<String> {
        let places = tables.iter().filter_map(|name| self.sql_place(name));
        places.map(|place| place_of(PlaceKind::Owners, &place)).collect()
    }
}

/// Long enough that no two places have the same hash.
const HASH_BYTES: usize = 16;

fn place_of(kind: PlaceKind, place: &str) -> String {
    hashed(&json!([kind, place]))
}

fn hashed(value: &serde_json::Value) -> String {
    hex(&Sha256::digest(value.to_string())[..HASH_BYTES])
}
