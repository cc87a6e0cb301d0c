//! One round in a site: it writes a few worlds, runs jobs about them, and compares each result with the model.

use std::time::Duration;

use futures::future::join_all;
use lethe_tests::tap::Side;

use crate::ask::{Done, ask};
use crate::fleet::{Fleet, Lane, Mode};
use crate::generate::{World, change, job, world};
use crate::hold::release;
use crate::model::{Element, Job, State, What};
use crate::report::{Found, Report, show};
use crate::shrink::shrink;
use crate::verdict::{Between, Wrong, fault, released, verdict};
use lethe_tests::random::Random;

/// The time limit of the wait for a call to disturb.
const PATIENCE: Duration = Duration::from_mins(1);

/// The maximum number of memories in a batch: the ids of one partition.
const BATCH: usize = 4;

/// A world in a round.
struct Subject {
    world: World,
    random: Random,
    jobs: usize,
    /// Its rows and points at the moment.
    state: State,
}

/// The fate of the disturbed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// It is answered late.
    Late,
    /// It is not answered.
    Lost,
    /// The worker that made it is killed.
    Dies,
}

/// Runs a round of these worlds.
pub(crate) async fn round(fleet: &Fleet, lane: &Lane, seed: u64, numbers: &[u64], report: &Report) {
    let mut subjects: Vec<Subject> = numbers.iter().map(|number| subject(seed, *number, lane)).collect();
    let there = union(subjects.iter().map(|subject| &subject.state));
    lane.stores.write(&State::default(), &there).await;
    let mut at = 0;
    while !subjects.is_empty() {
        at += 1;
        let jobs = subjects.iter_mut().map(|subject| step(fleet, lane, subject));
        let done = join_all(jobs).await;
        let rested = lane.stores.read().await;
        let releasing = done
            .iter()
            .map(|(job, done, _)| release(&fleet.client, job, done.as_ref().ok()));
        let then = join_all(releasing).await;
        let freed = if done.iter().any(|(job, ..)| job.hold.is_some()) {
            lane.stores.read().await
        } else {
            rested.clone()
        };
        let mut going = Vec::new();
        for ((mut subject, (job, done, between)), then) in subjects.into_iter().zip(done).zip(then) {
            let mut last = part(&rested, &subject, between.as_ref());
            let mut faults = match &done {
                Err(text) => vec![fault(Wrong::Ended, text.clone())],
                Ok(done) => verdict(&lane.site.mappings, &job, done, &subject.state, between.as_ref(), &last),
            };
            let after = part(&freed, &subject, between.as_ref());
            match then {
                Err(text) => faults.push(fault(Wrong::Ended, text)),
                Ok(None) => {}
                Ok(Some(then)) => faults.extend(released(
                    &lane.site.mappings,
                    &job,
                    &then,
                    &subject.state,
                    between.is_some(),
                    (&last, &after),
                )),
            }
            if faults.is_empty() {
                last = after;
            }
            report.did(fleet.mode, &job);
            if faults.is_empty() {
                subject.state = last;
                subject.jobs -= 1;
                if subject.jobs > 0 {
                    going.push(subject);
                }
                continue;
            }
            report.add(Found {
                seed,
                world: subject.world.number,
                step: at,
                mode: fleet.mode,
                site: lane.site.name.clone(),
                job,
                done: done.ok(),
                faults,
                first: subject.state,
                between,
                last,
            });
        }
        subjects = going;
    }
    let left = lane.stores.read().await;
    lane.stores.write(&left, &State::default()).await;
    for found in report.to_shrink(fleet.mode, &lane.site.name) {
        show(&Box::pin(shrink(fleet, lane, found)).await);
    }
}

fn subject(seed: u64, number: u64, lane: &Lane) -> Subject {
    let mut random = Random::of(seed, number);
    let world = world(&mut random, &lane.site, number);
    let jobs = 1 + random.below(3);
    Subject {
        state: world.state.clone(),
        world,
        random,
        jobs,
    }
}

/// Runs the next job of a world. Returns the change that another application made meanwhile.
async fn step(fleet: &Fleet, lane: &Lane, subject: &mut Subject) -> (Job, Result<Done, String>, Option<Between>) {
    let random = &mut subject.random;
    let job = job(
        random,
        &lane.site,
        &fleet.places,
        &subject.world,
        fleet.mode.worlds() == 1,
    );
    let mapping = &lane.site.mappings[job.mapping];
    let asking = ask(&fleet.client, mapping, &job);
    let Some(tap) = lane
        .tap
        .as_ref()
        .filter(|_| fleet.mode != Mode::Calm && random.percent(85))
    else {
        return (job.clone(), asking.await, None);
    };
    let side = *random.one(&[Side::Before, Side::After]);
    let mut held = tap.hold_any(random.below(6), side);
    let mut call = random.weighted(&[(5, Call::Late), (3, Call::Lost), (4, Call::Dies)]);
    let mut asking = std::pin::pin!(asking);
    tokio::select! {
        done = &mut asking => return (job.clone(), done, None),
        caught = held.is_caught() => if !caught {
            // The worker was killed for another world.
            return (job.clone(), asking.await, None);
        },
        // A job may wait for something else. The request reports a job that does not end.
        () = tokio::time::sleep(PATIENCE) => return (job.clone(), asking.await, None),
    }
    let killed = if call == Call::Dies { fleet.kill() } else { None };
    if killed.is_some() {
        held.abandoned().await;
    } else if call == Call::Dies {
        call = Call::Late;
    }
    let before = lane.stores.read().await;
    let mut after = before.clone();
    change(random, &lane.site, &subject.world, &subject.state, &mut after);
    lane.stores.write(&before, &after).await;
    match (call, killed) {
        (_, Some(killed)) => killed.replace().await,
        (Call::Lost, None) => held.lose_twice(),
        _ => held.release(),
    }
    let between = Between {
        before,
        after,
        anew: call != Call::Late && is_one(&job),
    };
    (job.clone(), asking.await, Some(between))
}

/// Returns whether a job is one partition: then no other part of it runs beside the lost call.
fn is_one(job: &Job) -> bool {
    match &job.what {
        What::Ids(ids) => ids.len() <= BATCH,
        What::Query(_) => true,
        What::Subject { .. } => false,
    }
}

/// Returns the rows and points of a world.
fn part(all: &State, subject: &Subject, between: Option<&Between>) -> State {
    let mut known: Vec<Element> = subject.state.elements().collect();
    known.extend(between.iter().flat_map(|between| between.after.elements()));
    let is_known = |element: &Element| known.contains(element);
    let mut part = State::default();
    for ((table, id), row) in &all.rows {
        if is_known(&Element::Row(*table, id.clone())) {
            part.rows.insert((*table, id.clone()), row.clone());
        }
    }
    for (pid, payload) in &all.points {
        if is_known(&Element::Point(*pid)) {
            part.points.insert(*pid, payload.clone());
        }
    }
    part
}

fn union<'a>(states: impl Iterator<Item = &'a State>) -> State {
    let mut all = State::default();
    for state in states {
        all.rows.extend(state.rows.clone());
        all.points.extend(state.points.clone());
    }
    all
}
