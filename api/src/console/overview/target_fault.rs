//! Faults of a target that keep memories: one condition for each cause, with the jobs that wait for it.

use crate::console::cause::Cause;
use crate::job::answer::WaitAnswer;
use crate::routes::targets::TargetAnswer;

/// A fault of a target.
pub(super) enum TargetFault<'a> {
    /// No worker serves these tables, whose mappings fit.
    Unserved(Vec<&'a str>),
    /// No worker reaches this store.
    Down(&'a str),
    /// The mapping of this table does not fit.
    Unfit(&'a str),
}

impl<'a> TargetFault<'a> {
    /// Returns the faults of a target.
    // A mapping that is mixed with another one is not served, either. Its fault says what to write.
    pub(super) fn of(target: &'a TargetAnswer) -> Vec<Self> {
        let mut unfit: Vec<&str> = target.faults.iter().map(|fault| fault.table.as_str()).collect();
        // The faults are sorted by their tables. A mapping may have several.
        unfit.dedup();
        let tables = target.tables.iter().filter(|table| table.served_by == 0);
        let tables = tables.map(|table| table.name.as_str());
        let unserved: Vec<&str> = tables.filter(|table| !unfit.contains(table)).collect();
        let unserved = Some(unserved).filter(|tables| !tables.is_empty());
        let stores = target.stores.iter();
        let down = stores.filter(|(_, health)| health.up == 0 && health.down > 0);
        let down = down.map(|(store, _)| Self::Down(store));
        let faults = unserved.map(Self::Unserved).into_iter().chain(down);
        faults.chain(unfit.into_iter().map(Self::Unfit)).collect()
    }

    /// Returns whether a fault of the target explains a wait.
    pub(super) fn is_of(target: &'a TargetAnswer, wait: &WaitAnswer) -> bool {
        Self::of(target).iter().any(|fault| fault.explains(target, wait))
    }

    /// Returns whether this fault of the target explains a wait.
    pub(super) fn explains(&self, target: &TargetAnswer, wait: &WaitAnswer) -> bool {
        let is_about = |table: &str| wait.reason == "mapping" && wait.table.as_deref() == Some(table);
        wait.target.as_deref() == Some(&*target.name)
            && match self {
                Self::Unserved(tables) => tables.iter().any(|table| is_about(table)),
                Self::Down(store) => wait.reason == "store" && wait.store.is_none_or(|waited| waited == *store),
                Self::Unfit(table) => is_about(table),
            }
    }

    /// Returns the fault in words.
    pub(super) fn what(&self, target: &TargetAnswer) -> String {
        let name = &target.name;
        match self {
            Self::Unserved(tables) => format!("No worker serves {} of {name}: jobs about it wait.", tables.join(", ")),
            Self::Down(store) => {
                let codes = codes(target, store).join(", ");
                format!("No worker reaches the {store} store of {name} ({codes}).")
            }
            Self::Unfit(table) => format!("The mapping {name}/{table} does not fit its stores."),
        }
    }

    /// Returns what to do about it.
    pub(super) fn remedy(&self, target: &TargetAnswer) -> String {
        match self {
            Self::Unserved(_) => "Start a worker with the same configuration as this API.".to_owned(),
            Self::Down(store) => {
                let cause = codes(target, store).first().map(|code| Cause::of(code));
                cause.map_or("Start the store.", |cause| cause.remedy).to_owned()
            }
            Self::Unfit(table) => {
                let faults = target.faults.iter().filter(|fault| fault.table == *table);
                let faults: Vec<&str> = faults.map(|fault| fault.fault.as_str()).collect();
                faults.join("; ")
            }
        }
    }
}

/// Returns the reasons why workers do not reach a store.
fn codes<'a>(target: &'a TargetAnswer, store: &str) -> Vec<&'a str> {
    let health = target.stores.get(store);
    let codes = health.into_iter().flat_map(|health| &health.codes);
    codes.map(String::as_str).collect()
}
