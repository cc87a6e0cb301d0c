//! Legal holds: memories that no job may erase.
//!
//! The ledger stores them, and workers read them before each batch. This module only says what a hold names: a worker
//! compiles it for a mapping.

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoStaticStr};

use crate::filter::Filter;
use crate::receipt::HoldGround;

/// The holds in force.
// Personal data: no `Debug`.
#[derive(Clone, Default)]
pub struct HoldSet {
    /// The revision of the holds that was read before them. They are at least as new.
    pub revision: i64,
    /// The holds, by name.
    pub holds: Vec<Hold>,
}

/// A hold in force.
// Personal data: no `Debug`.
#[derive(Clone)]
pub struct Hold {
    /// Its name.
    pub name: String,
    /// The revision of its last change.
    pub revision: i64,
    /// The target that it is about; absent: all targets.
    pub target: Option<String>,
    /// The table that it is about; absent: all tables.
    pub table: Option<String>,
    /// The memories that it keeps.
    pub on: HoldOn,
    /// Its ground.
    pub ground: HoldGround,
}

/// The memories that a hold keeps. The column `holds.kind` has the word, and `holds.selection` the JSON.
// Personal data: no `Debug`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldOn {
    /// All memories.
    Everything,
    /// The memories of these owners.
    Persons(Vec<String>),
    /// The memories with these ids.
    Ids(Vec<String>),
    /// The memories in these workspaces.
    Workspaces(Vec<String>),
    /// The memories that match a filter.
    Query(Filter),
}

/// The kind of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum HoldKind {
    /// It keeps all memories.
    Everything,
    /// It names owners.
    Persons,
    /// It names ids.
    Ids,
    /// It names workspaces.
    Workspaces,
    /// It has a filter.
    Query,
}

impl HoldKind {
    /// Returns the word used in the ledger, in requests and in answers.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl HoldOn {
    /// Returns its kind.
    pub fn kind(&self) -> HoldKind {
        match self {
            Self::Everything => HoldKind::Everything,
            Self::Persons(_) => HoldKind::Persons,
            Self::Ids(_) => HoldKind::Ids,
            Self::Workspaces(_) => HoldKind::Workspaces,
            Self::Query(_) => HoldKind::Query,
        }
    }

    /// Returns the number of values that it names; `None` for everything and for a query.
    pub fn named(&self) -> Option<usize> {
        match self {
            Self::Everything | Self::Query(_) => None,
            Self::Persons(values) | Self::Ids(values) | Self::Workspaces(values) => Some(values.len()),
        }
    }
}

impl Hold {
    /// Returns whether it may keep memories of this table.
    pub fn concerns(&self, target: &str, table: &str) -> bool {
        let is_target = self.target.as_deref().is_none_or(|named| named == target);
        is_target && self.table.as_deref().is_none_or(|named| named == table)
    }
}

impl HoldSet {
    /// Returns the holds that may keep memories of a table.
    pub fn of<'a>(&'a self, target: &'a str, table: &'a str) -> impl Iterator<Item = &'a Hold> {
        self.holds.iter().filter(move |hold| hold.concerns(target, table))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use strum::IntoEnumIterator as _;

    use super::*;

    fn hold(target: Option<&str>, table: Option<&str>) -> Hold {
        Hold {
            name: "case-77".to_owned(),
            revision: 1,
            target: target.map(str::to_owned),
            table: table.map(str::to_owned),
            on: HoldOn::Everything,
            ground: HoldGround::Claims,
        }
    }

    #[test]
    fn a_hold_concerns_the_places_that_it_does_not_exclude() {
        for (target, table, main, other_table, other_target) in [
            (None, None, true, true, true),
            (Some("main"), None, true, true, false),
            (Some("main"), Some("memories"), true, false, false),
            (None, Some("memories"), true, false, true),
        ] {
            let hold = hold(target, table);
            assert_eq!(hold.concerns("main", "memories"), main);
            assert_eq!(hold.concerns("main", "notes"), other_table);
            assert_eq!(hold.concerns("other", "memories"), other_target);
        }
        let set = HoldSet {
            revision: 1,
            holds: vec![hold(Some("main"), None), hold(Some("other"), None)],
        };
        assert_eq!(set.of("main", "memories").count(), 1);
    }

    #[test]
    fn the_kind_is_the_word_of_the_json() {
        let names = || vec!["ana".to_owned(), "ben".to_owned()];
        let all = [
            HoldOn::Everything,
            HoldOn::Persons(names()),
            HoldOn::Ids(names()),
            HoldOn::Workspaces(names()),
            HoldOn::Query(Filter::All),
        ];
        let kinds: Vec<HoldKind> = all.iter().map(HoldOn::kind).collect();
        assert_eq!(kinds, HoldKind::iter().collect::<Vec<_>>());
        for on in &all {
            let word = on.kind().as_str();
            let json = json!(on);
            assert!(json == word || json.get(word).is_some(), "{word}");
            assert!(
                serde_json::from_value::<HoldOn>(json).is_ok_and(|read| read == *on),
                "{word}"
            );
        }
        assert_eq!(all.map(|on| on.named()), [None, Some(2), Some(2), Some(2), None]);
    }
}
