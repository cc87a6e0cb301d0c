//! Shrinks the world of a fault while the fault remains.

use crate::ask::ask;
use crate::fleet::{Fleet, Lane};
use crate::hold::release;
use crate::model::{Job, State, What};
use crate::report::Found;
use crate::verdict::{released, verdict};

/// Leaves out the elements and ids of an undisturbed world that the fault does not need.
pub(crate) async fn shrink(fleet: &Fleet, lane: &Lane, mut found: Found) -> Found {
    let elements: Vec<_> = found.first.elements().collect();
    for element in elements {
        let mut less = found.first.clone();
        less.remove(&element);
        if let Some(smaller) = again(fleet, lane, &found, less, found.job.clone()).await {
            found = smaller;
        }
    }
    if let What::Ids(ids) = found.job.what.clone() {
        for id in ids {
            let mut job = found.job.clone();
            if let What::Ids(ids) = &mut job.what {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    break;
                }
            }
            if let Some(smaller) = again(fleet, lane, &found, found.first.clone(), job).await {
                found = smaller;
            }
        }
    }
    found
}

/// Runs a job about a state. Returns the new finding if its fault is the same.
async fn again(fleet: &Fleet, lane: &Lane, found: &Found, first: State, job: Job) -> Option<Found> {
    lane.stores.write(&State::default(), &first).await;
    let done = ask(&fleet.client, &lane.site.mappings[job.mapping], &job).await;
    let last = lane.stores.read().await;
    let then = release(&fleet.client, &job, done.as_ref().ok()).await;
    let after = lane.stores.read().await;
    lane.stores.write(&after, &State::default()).await;
    let done = done.ok()?;
    let mappings = &lane.site.mappings;
    let mut faults = verdict(mappings, &job, &done, &first, None, &last);
    if let Ok(Some(then)) = then {
        faults.extend(released(mappings, &job, &then, &first, false, (&last, &after)));
        faults.sort_by_key(|fault| fault.wrong);
    }
    let same = faults.first().is_some_and(|fault| fault.wrong == found.faults[0].wrong);
    same.then(|| Found {
        job,
        done: Some(done),
        faults,
        first,
        last,
        ..found.clone()
    })
}
