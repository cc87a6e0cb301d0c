//! The rows and points in the stores of a world.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use uuid::Uuid;

/// The id of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Pid {
    Number(u64),
    Uuid(Uuid),
}

/// A row, without its table and id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Row {
    pub(crate) user: Option<String>,
    pub(crate) workspace: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) n: i64,
    pub(crate) tenant: Option<String>,
    /// The number of its rows in a dependent.
    pub(crate) parts: usize,
}

/// A row or a point.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Element {
    /// A row with its dependents, by table and id.
    Row(usize, String),
    Point(Pid),
}

impl Element {
    pub(crate) fn is_point(&self) -> bool {
        matches!(self, Self::Point(_))
    }
}

/// All rows and points of a world.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub(crate) rows: BTreeMap<(usize, String), Row>,
    pub(crate) points: BTreeMap<Pid, Map<String, Value>>,
}

impl State {
    /// Returns all rows and points.
    pub(crate) fn elements(&self) -> impl Iterator<Item = Element> {
        let rows = self.rows.keys().map(|(table, id)| Element::Row(*table, id.clone()));
        rows.chain(self.points.keys().map(|id| Element::Point(*id)))
    }

    pub(crate) fn has(&self, element: &Element) -> bool {
        match element {
            Element::Row(table, id) => self.rows.contains_key(&(*table, id.clone())),
            Element::Point(id) => self.points.contains_key(id),
        }
    }

    /// Returns whether both states have the element with the same content.
    pub(crate) fn has_same(&self, other: &Self, element: &Element) -> bool {
        match element {
            Element::Row(table, id) => {
                let key = (*table, id.clone());
                self.rows.contains_key(&key) && self.rows.get(&key) == other.rows.get(&key)
            }
            Element::Point(id) => self.points.contains_key(id) && self.points.get(id) == other.points.get(id),
        }
    }

    /// Returns the state without these elements.
    pub(crate) fn without(&self, gone: &[Element]) -> Self {
        let mut left = self.clone();
        for element in gone {
            left.remove(element);
        }
        left
    }

    /// Removes an element.
    pub(crate) fn remove(&mut self, element: &Element) {
        match element {
            Element::Row(table, id) => drop(self.rows.remove(&(*table, id.clone()))),
            Element::Point(id) => drop(self.points.remove(id)),
        }
    }
}
