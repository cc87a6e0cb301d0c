//! The holds on one mapping, compiled.

use std::sync::Arc;

use lethe_common::config::Table;
use lethe_common::filter::Filter;
use lethe_common::hold::{Hold, HoldOn, HoldSet};
use lethe_common::ledger::{HoldCount, Route};

use super::asking::{Asking, Kept};
use super::named::Named;
use super::of_points::Points;
use super::of_rows::Rows;
use crate::store::sql::SqlTable;
use crate::store::{Conditions, Spellings};

/// A mapping, as holds are compiled for it.
pub(crate) struct Place<'a> {
    /// Its route.
    pub(crate) route: &'a Route,
    /// Its configuration.
    pub(crate) table: &'a Table,
    /// The routes of the other mappings that may own its points.
    pub(crate) sharing: Vec<&'a Route>,
}

/// A hold that keeps a memory, without what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keeper(Arc<HoldCount>);

/// The holds on one mapping, compiled. Clones share them.
// Personal data: no `Debug`.
#[derive(Clone, Default)]
pub(crate) struct TableHolds {
    revision: i64,
    skips: bool,
    on: Option<Arc<OnTable>>,
}

/// At least one hold on a mapping.
struct OnTable {
    all: Asking,
    each: Vec<(Keeper, Asking)>,
}

impl Keeper {
    fn of(hold: &Hold) -> Self {
        Self(Arc::new(HoldCount {
            hold: hold.name.clone(),
            revision: hold.revision,
            ground: hold.ground,
            n: 0,
        }))
    }

    /// Returns the keeper of a hold with this name.
    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Self {
        Self(Arc::new(HoldCount {
            hold: name.to_owned(),
            revision: 1,
            ground: lethe_common::receipt::HoldGround::Other,
            n: 0,
        }))
    }

    /// Returns the count of memories that the hold keeps.
    pub(crate) fn count(&self, n: u64) -> HoldCount {
        HoldCount {
            n,
            ..HoldCount::clone(&self.0)
        }
    }
}

impl TableHolds {
    /// Compiles the holds of a set for a mapping, whose table is `sql` if it has rows.
    pub(super) fn of(set: &HoldSet, place: &Place<'_>, sql: Option<&SqlTable>) -> Self {
        let compiler = Compiler::new(place, sql);
        let (mut all, mut each) = (compiler.nothing(), Vec::new());
        for hold in &set.holds {
            let mut kept = compiler.nothing();
            if compiler.add(hold, &mut kept) {
                compiler.add(hold, &mut all);
                each.push((Keeper::of(hold), Asking::new(kept)));
            }
        }
        let on = (!each.is_empty()).then(|| {
            Arc::new(OnTable {
                all: Asking::new(all),
                each,
            })
        });
        Self {
            revision: set.revision,
            skips: compiler.rows.as_ref().is_some_and(Rows::skips),
            on,
        }
    }

    /// Returns whether a hold names texts that no row can have by the types of the columns, as they were read.
    pub(crate) fn rely_on_types(&self) -> bool {
        self.skips
    }

    /// Returns the revision of the holds.
    pub(crate) fn revision(&self) -> i64 {
        self.revision
    }

    /// Returns the questions about all holds together; `None`: no hold keeps memories of the mapping.
    pub(crate) fn all(&self) -> Option<&Asking> {
        self.on.as_deref().map(|on| &on.all)
    }

    /// Returns the holds, each with its questions.
    pub(crate) fn each(&self) -> &[(Keeper, Asking)] {
        self.on.as_deref().map(|on| on.each.as_slice()).unwrap_or_default()
    }

    /// Returns the conditions of a job for rows, less the rows that a hold keeps.
    pub(crate) fn narrow(&self, conditions: &Conditions) -> Conditions {
        match self.all() {
            Some(all) => all.narrow(conditions),
            None => conditions.clone(),
        }
    }
}

/// Compiles holds for one mapping.
struct Compiler<'a> {
    place: &'a Place<'a>,
    rows: Option<Rows<'a>>,
    spellings: Spellings,
}

impl<'a> Compiler<'a> {
    fn new(place: &'a Place<'a>, sql: Option<&'a SqlTable>) -> Self {
        Self {
            place,
            rows: sql.map(|sql| Rows::new(place.table, sql)),
            spellings: sql.map(SqlTable::spellings).unwrap_or_default(),
        }
    }

    fn nothing(&self) -> Kept {
        Kept {
            rows: Vec::new(),
            points: Vec::new(),
            beside: Vec::new(),
            every_row: false,
            named: Named::nobody(self.spellings.ids),
        }
    }

    /// Adds what a hold keeps. Returns whether it may keep memories of the mapping.
    fn add(&self, hold: &Hold, kept: &mut Kept) -> bool {
        let concerns = |route: &Route| hold.concerns(&route.target, &route.table);
        let is_own = concerns(self.place.route);
        if !is_own && !self.place.sharing.iter().any(|route| concerns(route)) {
            return false;
        }
        let rows = self.rows.as_ref().filter(|_| is_own);
        let rows = rows.map_or(Filter::Nothing, |rows| rows.kept(hold));
        let points_of = Points {
            table: self.place.table,
            spellings: &self.spellings,
        };
        let beside = points_of.beside_rows(hold);
        let beside = if is_own { beside } else { Filter::Nothing };
        // No row can be of these persons, or in these workspaces: then no point without a row was.
        let is_nobodys = is_own && rows == Filter::Nothing && points_of.follow_rows(hold);
        let points = if is_nobodys {
            Filter::Nothing
        } else {
            points_of.kept(hold, is_own)
        };
        let names = match &hold.on {
            HoldOn::Ids(ids) if self.place.table.collection.is_some() => ids.as_slice(),
            _ => &[],
        };
        kept.named.add(names, self.place.table.collection.as_ref());
        let is_any = [&rows, &points, &beside]
            .iter()
            .any(|filter| **filter != Filter::Nothing);
        kept.rows.push(rows);
        kept.points.push(points);
        kept.every_row |= beside != Filter::Nothing && points_of.decide_alone(hold);
        kept.beside.push(beside);
        is_any || !names.is_empty()
    }
}

#[cfg(test)]
mod tests;
