//! Logs the mappings that do not fit: when a fault is first seen, when it changes, and when it is gone. Without this
//! log, a worker that can do nothing looks idle.

use std::collections::{BTreeMap, BTreeSet};

use lethe_common::ledger::Route;

/// The result of a look at a mapping.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) route: Route,
    /// The faults of the mapping.
    pub(crate) faults: BTreeSet<String>,
    /// Whether all its stores answered.
    pub(crate) whole: bool,
}

/// The known faults of all mappings.
#[derive(Debug, Default)]
pub(crate) struct MappingLog {
    faults: BTreeMap<Route, BTreeSet<String>>,
}

/// A change since the last look.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    /// The mapping has a new fault.
    Fault(String),
    /// The mapping fits again.
    Fits,
}

impl MappingLog {
    /// Records the result of a look, and logs its changes.
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
            // A store that is down reports nothing, so its known faults stay.
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
