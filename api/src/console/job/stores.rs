//! The progress of a job in each store.

use std::collections::BTreeSet;

use crate::console::words;
use crate::job::answer::Job;

/// The outcomes that mean that a memory is gone.
const GONE: [&str; 2] = ["erased", "absent"];

/// The words for memories that are still to be erased: those that nothing touched, and those that reading back found.
const UNDONE: [&str; 2] = ["left", "residue"];

/// A store of a job.
pub(super) struct Store {
    pub(super) name: String,
    /// The memories that are done: of a dry run those that are found.
    pub(super) done: u64,
    /// The memories to account for; 0 while that is not known.
    pub(super) all: u64,
    pub(super) gone: String,
    /// The other outcomes that occurred, with their numbers.
    pub(super) others: Vec<String>,
}

impl Store {
    /// Returns the stores of a job.
    pub(super) fn all(job: &Job) -> Vec<Self> {
        let targets: BTreeSet<&str> = job.stores.iter().map(|store| store.target.as_str()).collect();
        // A job about several targets says only how many memories it selected in all of them.
        let all = if targets.len() == 1 { job.selected } else { 0 };
        let stores = job.stores.iter().map(|store| {
            let gone: u64 = GONE.iter().filter_map(|word| store.counts.get(*word)).sum();
            let others = store
                .counts
                .iter()
                .filter(|(word, n)| **n > 0 && !GONE.contains(&word.as_str()));
            let settled = store.counts.iter().filter(|(word, _)| !UNDONE.contains(&word.as_str()));
            Self {
                name: words::store(store.store, &store.target),
                done: settled.map(|(_, n)| n).sum(),
                all,
                gone: words::count(gone),
                others: others.map(|(word, n)| format!("{} {word}", words::count(*n))).collect(),
            }
        });
        stores.collect()
    }
}
