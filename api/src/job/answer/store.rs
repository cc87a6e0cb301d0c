//! The outcomes of memories, per store.

use std::collections::BTreeMap;

use lethe_common::job::Outcome;
use lethe_common::ledger::StoreCounts;
use serde::Serialize;
use strum::IntoEnumIterator as _;
use utoipa::ToSchema;

/// The outcomes of a job's memories in one store.
#[derive(Serialize, ToSchema)]
#[schema(as = StoreCounts)]
pub(crate) struct StoreAnswer {
    /// The target.
    pub(crate) target: String,
    /// `sql` or `vector`.
    pub(crate) store: &'static str,
    /// Memories by outcome, and `residue`: memories that reading back found. A dry run has `found` in place of `left`.
    pub(crate) counts: BTreeMap<String, u64>,
    /// Rows of dependent tables that the job deleted with its memories, by table, in all attempts. Only tables that the
    /// mapping names in `dependents` are counted, not rows that the database deletes by itself (`ON DELETE CASCADE`).
    /// Empty for `vector`.
    #[schema(example = json!({"memory_chunks": 12}))]
    pub(crate) dependents: BTreeMap<String, u64>,
}

impl StoreAnswer {
    /// Returns the counts with every outcome, so that callers need not tell absent from zero.
    pub(super) fn new(store: StoreCounts, dry_run: bool) -> Self {
        let words = Outcome::iter().map(Outcome::as_str).chain(["residue"]);
        let mut counts: BTreeMap<String, u64> = words.map(|word| (word.to_owned(), 0)).collect();
        counts.extend(store.counts);
        if dry_run {
            let left = counts.remove(Outcome::Left.as_str()).unwrap_or(0);
            counts.insert("found".to_owned(), left);
        }
        Self {
            target: store.target,
            store: store.store.as_str(),
            counts,
            dependents: store.dependents,
        }
    }
}
