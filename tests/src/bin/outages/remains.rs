//! Compares the memories left in the stores at the end with the memories that have to be there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use lethe_tests::memories::Memory;

use crate::follow::Followed;
use crate::jobs::{Asked, Sort};
use crate::judge::{Fault, Wrong};
use crate::sites::{NAMES, Sites};

/// The expected fate of a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
    /// Its job failed or was cancelled. The memory may be there or not, but without an orphan.
    Open,
    /// Its job has not ended.
    Unknown,
}

/// Compares the stores of all targets with the expected memories.
pub(crate) async fn judge(
    sites: &Sites,
    bystanders: &[Vec<Memory>],
    asked: &[Arc<Asked>],
    jobs: &BTreeMap<String, Followed>,
) -> Vec<Fault> {
    let mut by_number: HashMap<usize, Vec<(&str, Fate)>> = HashMap::new();
    for (id, job) in jobs {
        by_number
            .entry(job.asked.number)
            .or_default()
            .push((id.as_str(), fate(job)));
    }
    let mut faults = Vec::new();
    for (n, target) in sites.targets.iter().enumerate() {
        let (rows, points) = tokio::join!(target.memories.left(), target.vectors.left());
        let (rows, points): (BTreeSet<Memory>, BTreeSet<Memory>) =
            (rows.into_iter().collect(), points.into_iter().collect());
        let mut check = |memories: &[Memory], fate: Fate, job: Option<&str>| {
            let mut wrong: BTreeMap<Wrong, Vec<String>> = BTreeMap::new();
            for memory in memories {
                let is_there = (rows.contains(memory), points.contains(memory));
                let fault = match (fate, is_there) {
                    (Fate::Stays, (true, true)) | (Fate::Goes, (false, false)) | (Fate::Unknown, _) => None,
                    (Fate::Stays, _) => Some(Wrong::Erased),
                    (Fate::Goes, _) => Some(Wrong::Left),
                    (Fate::Open, there) => (there == (false, true)).then_some(Wrong::Orphaned),
                };
                if let Some(fault) = fault {
                    let text = format!("{} (row {}, vector {})", memory.id, is_there.0, is_there.1);
                    wrong.entry(fault).or_default().push(text);
                }
            }
            faults.extend(wrong.into_iter().map(|(wrong, texts)| Fault {
                wrong,
                job: job.map(str::to_owned),
                text: format!(
                    "{} of {} in {}: {}",
                    texts.len(),
                    memories.len(),
                    NAMES[n],
                    texts[..texts.len().min(3)].join(", ")
                ),
            }));
        };
        check(&bystanders[n], Fate::Stays, None);
        for asked in asked {
            let Some(place) = asked.targets.iter().position(|target| *target == n) else {
                continue;
            };
            let jobs = by_number.get(&asked.number).map_or(&[][..], Vec::as_slice);
            let goes = jobs.iter().find(|(_, fate)| *fate == Fate::Goes);
            let (job, fate) = match (asked.sort, goes.or_else(|| jobs.first())) {
                (Sort::Preview, job) => (job.map(|(id, _)| *id), Fate::Stays),
                (_, Some((id, fate))) => (Some(*id), *fate),
                (_, None) => (None, Fate::Unknown),
            };
            check(&asked.meant[place], fate, job);
        }
    }
    faults
}

fn fate(job: &Followed) -> Fate {
    let last = job.attempts.last().expect("there is one");
    match last.view["state"].as_str() {
        Some("succeeded") => Fate::Goes,
        Some("failed" | "cancelled") => Fate::Open,
        _ => Fate::Unknown,
    }
}
