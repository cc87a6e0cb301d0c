//! The holds as they were read last, and what was compiled from them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lethe_common::hold::HoldSet;
use lethe_common::ledger::Route;

use super::compiled::{Place, TableHolds};
use crate::store::sql::SqlTable;

/// The holds that a worker read last.
// Personal data: no `Debug`.
#[derive(Default)]
pub(crate) struct Holds {
    read: Mutex<Option<Arc<HoldSet>>>,
    compiled: Mutex<BTreeMap<Route, Compiled>>,
}

/// The holds on a mapping, and their sources.
struct Compiled {
    set: Arc<HoldSet>,
    /// The table as it was opened: its types decide how a hold is compared.
    sql: Option<Arc<SqlTable>>,
    holds: TableHolds,
}

impl Holds {
    /// Returns the holds of a revision, if they were read last.
    // A newer set would do as well, but a ledger that was restored from a copy goes back, and counts on from there.
    pub(crate) fn at(&self, revision: i64) -> Option<Arc<HoldSet>> {
        self.read().clone().filter(|set| set.revision == revision)
    }

    /// Keeps holds that were just read.
    pub(crate) fn learn(&self, set: HoldSet) -> Arc<HoldSet> {
        let set = Arc::new(set);
        *self.read() = Some(Arc::clone(&set));
        set
    }

    /// Returns the holds of a set on a mapping. They are compiled once for a set and an opened table.
    pub(crate) fn on(&self, set: &Arc<HoldSet>, place: &Place<'_>, sql: Option<Arc<SqlTable>>) -> TableHolds {
        let is_same = |known: &&Compiled| {
            let is_table = match (&known.sql, &sql) {
                (Some(known), Some(sql)) => Arc::ptr_eq(known, sql),
                (known, sql) => known.is_none() && sql.is_none(),
            };
            is_table && Arc::ptr_eq(&known.set, set)
        };
        let known = self
            .compiled()
            .get(place.route)
            .filter(is_same)
            .map(|known| known.holds.clone());
        if let Some(known) = known {
            return known;
        }
        let holds = TableHolds::of(set, place, sql.as_deref());
        let compiled = Compiled {
            set: Arc::clone(set),
            sql,
            holds: holds.clone(),
        };
        self.compiled().insert(place.route.clone(), compiled);
        holds
    }

    fn read(&self) -> MutexGuard<'_, Option<Arc<HoldSet>>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compiled(&self) -> MutexGuard<'_, BTreeMap<Route, Compiled>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_revision_that_was_read_last_is_known() {
        let holds = Holds::default();
        assert!(holds.at(0).is_none());
        for revision in [7, 8, 3] {
            holds.learn(HoldSet {
                revision,
                ..HoldSet::default()
            });
            let known: Vec<i64> = (0..10).filter(|n| holds.at(*n).is_some()).collect();
            assert_eq!(known, [revision]);
        }
    }
}
