//! Says in the log which mappings do not fit: when that is first seen, when it changes, and when it
//! is over. Without it a worker that can do nothing looks like one that has nothing to do.

use std::collections::{BTreeMap, BTreeSet};

use lethe_common::ledger::Route;

/// What a look at a mapping found.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) route: Route,
    /// What does not fit.
    pub(crate) faults: BTreeSet<String>,
    /// Whether all its stores could be asked.
    pub(crate) whole: bool,
}

/// What was seen of all mappings so far.
#[derive(Debug, Default)]
pub(crate) struct MappingLog {
    faults: BTreeMap<Route, BTreeSet<String>>,
}

/// What a look has changed.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    /// It does not fit, for a reason that is new.
    Fault(String),
    /// It fits again.
    Fits,
}

impl MappingLog {
    /// Notes what a look found, and logs what is new about it.
    pub(crate) fn note(&mut self, looked: &Looked) {
        let Route { target, table, .. } = &looked.route;
        for change in self.changes(looked) {
            match change {
                Change::Fault(fault) => tracing::warn!(target.name = target, table, fault, "the mapping does not fit"),
                Change::Fits => tracing::info!(target.name = target, table, "the mapping fits again"),
            }
        }
    }

    fn changes(&mut self, looked: &Looked) -> Vec<Change> {
        let known = self.faults.entry(looked.route.clone()).or_default();
        let new = looked.faults.difference(known).cloned();
        let mut changes: Vec<Change> = new.map(Change::Fault).collect();
        if !looked.whole {
            // What a store that is down would have said is not over.
            known.extend(looked.faults.iter().cloned());
            return changes;
        }
        if looked.faults.is_empty() && !known.is_empty() {
            changes.push(Change::Fits);
        }
        known.clone_from(&looked.faults);
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_said_once_until_it_changes_or_is_over() {
        let mut log = MappingLog::default();
        let mut look = |faults: &[&str], whole| {
            let looked = Looked {
                route: Route {
                    target: "main".to_owned(),
                    table: "memories".to_owned(),
                    digest: "0".to_owned(),
                },
                faults: faults.iter().map(|&fault| fault.to_owned()).collect(),
                whole,
            };
            log.changes(&looked)
        };
        let fault = |text: &str| Change::Fault(text.to_owned());

        assert_eq!(look(&[], true), []);
        assert_eq!(look(&["a", "b"], true), [fault("a"), fault("b")]);
        assert_eq!(look(&["a", "b"], true), []);
        assert_eq!(look(&["b", "c"], true), [fault("c")]);
        // A store is down.
        assert_eq!(look(&[], false), []);
        assert_eq!(look(&["d"], false), [fault("d")]);
        assert_eq!(look(&["b", "c", "d"], true), []);
        assert_eq!(look(&[], true), [Change::Fits]);
        assert_eq!(look(&[], true), []);
        assert_eq!(look(&["a"], true), [fault("a")]);
    }
}
