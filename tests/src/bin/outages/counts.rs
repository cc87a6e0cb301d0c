//! Checks the counts of jobs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::follow::{Attempt, Followed};
use crate::jobs::Sort;
use crate::sites::NAMES;

/// Returns the fault in the counts of an ended job.
pub(crate) fn wrong(job: &Followed, attempt: &Attempt) -> Option<String> {
    let view = &attempt.view;
    let asked = &job.asked;
    for (kind, n) in sums(view) {
        if view["selected"].as_u64() != Some(n) {
            return Some(format!("{n} outcomes in {kind}, selected {}", view["selected"]));
        }
    }
    // A subject or a query is selected anew by a later attempt, and a schedule may ask twice.
    let is_exact = asked.names_ids() || (view["attempt"] == 1 && asked.sort != Sort::Scheduled);
    if view["state"] != "succeeded" || !is_exact {
        return None;
    }
    let outcome = if asked.sort == Sort::Preview { "found" } else { "erased" };
    for (target, meant) in asked.targets.iter().zip(&asked.meant) {
        for kind in ["sql", "vector"] {
            let counts = counts(view, NAMES[*target], kind);
            let expected = [(outcome, meant.len()), ("absent", asked.strange)];
            let expected: BTreeMap<_, _> = expected.into_iter().filter(|(_, n)| *n > 0).collect();
            if counts.len() != expected.len()
                || expected.iter().any(|(name, n)| counts.get(*name) != Some(&(*n as u64)))
            {
                return Some(format!("{} {kind}: {counts:?} instead of {expected:?}", NAMES[*target]));
            }
        }
    }
    None
}

/// Returns the outcomes of a store that are not zero.
fn counts(view: &Value, target: &str, kind: &str) -> BTreeMap<String, u64> {
    let stores = view["stores"].as_array().into_iter().flatten();
    let store = stores.filter(|store| store["target"] == target && store["store"] == kind);
    store.flat_map(outcomes).collect()
}

/// Returns the number of outcomes in all stores, by kind of store.
fn sums(view: &Value) -> BTreeMap<&str, u64> {
    let mut sums = BTreeMap::new();
    for store in view["stores"].as_array().into_iter().flatten() {
        let n: u64 = outcomes(store).map(|(_, n)| n).sum();
        *sums.entry(store["store"].as_str().unwrap_or_default()).or_default() += n;
    }
    sums
}

fn outcomes(store: &Value) -> impl Iterator<Item = (String, u64)> {
    let counts = store["counts"].as_object().into_iter().flatten();
    let counts = counts.filter_map(|(name, n)| Some((name.clone(), n.as_u64()?)));
    counts.filter(|(name, n)| *n > 0 && name != "residue")
}
