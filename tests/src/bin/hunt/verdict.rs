//! Compares the result of a job with the model.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;

use crate::ask::Done;
use crate::model::{Element, Fate, Job, Keeps, Mapping, State, Verdict, Via, judge};

/// The kinds of faults, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wrong {
    /// An element that was not the job's is gone.
    Erased,
    /// The job succeeded, and one of its elements is still there.
    Left,
    /// An element is new, or has changed.
    Written,
    /// The model excludes the job's final state or error code.
    Ended,
    /// The numbers do not add up.
    Counted,
    /// The API's answer contradicts the job.
    Answered,
}

/// A fault.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) wrong: Wrong,
    pub(crate) text: String,
}

pub(crate) fn fault(wrong: Wrong, text: impl Into<String>) -> Fault {
    Fault {
        wrong,
        text: text.into(),
    }
}

/// Error codes of jobs that another application disturbed.
const IN_BETWEEN: &[&str] = &[
    "point_conflict",
    "unverifiable",
    "split",
    "kept",
    "residue",
    "conflict",
    "selection_changed",
];

/// A change that another application made while a job was under way.
#[derive(Debug, Clone)]
pub(crate) struct Between {
    /// The state before the change.
    pub(crate) before: State,
    /// The state after the change.
    pub(crate) after: State,
    /// Whether the job read all its elements again after the change.
    pub(crate) anew: bool,
}

impl Between {
    /// Returns the right result for each state that the job may have met after the change.
    fn met(
        &self,
        mappings: &[Mapping],
        job: &Job,
        first: &State,
        (at_first, then): (&Verdict, &Verdict),
    ) -> Vec<Verdict> {
        let mut states = vec![self.after.clone()];
        let went = |verdict: &Verdict, from: &State| {
            let gone = from.elements().filter(|element| verdict.fate(element) != Fate::Stays);
            gone.collect::<Vec<_>>()
        };
        if self.anew {
            // A missing row counts as erased by the previous attempt, and its points follow.
            let mut rows = first.rows.clone();
            rows.extend(self.after.rows.clone());
            states.push(State {
                rows,
                points: self.after.points.clone(),
            });
            // A point that goes takes its memory's row with it.
            states.push(self.after.without(&went(then, &self.after)));
        } else {
            // The job had looked before. Elements that it saw and that did not change may be gone, in either store.
            let mut gone = went(at_first, first);
            gone.retain(|element| self.after.has_same(first, element));
            let (points, rows): (Vec<_>, Vec<_>) = gone.iter().cloned().partition(crate::model::Element::is_point);
            states.extend([&gone, &points, &rows].map(|gone| self.after.without(gone)));
            // The job reads rows before points.
            states.push(State {
                rows: first.rows.clone(),
                points: self.after.points.clone(),
            });
        }
        states.iter().map(|state| judge(mappings, state, job)).collect()
    }
}

/// Compares a job with the model. Without `between`, only the job touched the stores.
pub(crate) fn verdict(
    mappings: &[Mapping],
    job: &Job,
    done: &Done,
    first: &State,
    between: Option<&Between>,
    last: &State,
) -> Vec<Fault> {
    let at_first = judge(mappings, first, job);
    let mut faults = match between {
        None => undisturbed(&at_first, done, first, last),
        Some(between) => {
            let then = judge(mappings, &between.after, job);
            disturbed(mappings, job, (&at_first, &then), done, first, between, last)
        }
    };
    faults.extend(counted(done));
    faults.extend(answered(job, done));
    faults
}

fn undisturbed(right: &Verdict, done: &Done, first: &State, last: &State) -> Vec<Fault> {
    let mut faults = kept_as_it_was(first, last);
    for element in first.elements() {
        match (right.fate(&element), last.has(&element)) {
            (Fate::Stays, false) => faults.push(fault(Wrong::Erased, format!("{element:?} is gone"))),
            (Fate::Goes, true) => faults.push(fault(Wrong::Left, format!("{element:?} is still there"))),
            _ => {}
        }
    }
    let ends = &right.ends;
    let right_end = match done.state() {
        "succeeded" => !ends.must_fail && right.held != Keeps::Surely,
        "held" => !ends.must_fail && right.held != Keeps::No,
        "failed" => ends.codes.contains(done.code()),
        _ => false,
    };
    if !right_end {
        let expected = match right.held {
            _ if ends.must_fail => "a failure",
            Keeps::No => "success",
            Keeps::Perhaps | Keeps::Surely => "a held job",
        };
        let text = format!(
            "it ended {} {}, not with {expected} {:?}",
            done.state(),
            done.code(),
            ends.codes
        );
        faults.push(fault(Wrong::Ended, text));
    }
    faults
}

fn disturbed(
    mappings: &[Mapping],
    job: &Job,
    (at_first, then): (&Verdict, &Verdict),
    done: &Done,
    first: &State,
    between: &Between,
    last: &State,
) -> Vec<Fault> {
    let mut faults = kept_as_it_was(&between.after, last);
    for element in first.elements().filter(|element| !between.before.has(element)) {
        if at_first.fate(&element) == Fate::Stays {
            faults.push(fault(
                Wrong::Erased,
                format!("{element:?} was gone before another application changed the stores"),
            ));
        }
    }
    let met = between.met(mappings, job, first, (at_first, then));
    for element in between.after.elements() {
        let same = between.after.has_same(first, &element);
        let was = if same { at_first.fate(&element) } else { Fate::Stays };
        // The job had erased it, and another application wrote it back unchanged.
        let is_back = same && !between.before.has(&element);
        // A row that the job names by id, without demands, goes in spite of changes since the look. Its points stay if
        // they changed, and the job has to report that.
        let is_named = !job.is_query() && !job.is_subject() && job.demands().is_empty() && !element.is_point();
        let goes_as_named = is_named && !between.anew && !done.has_succeeded() && at_first.fate(&element) == Fate::Goes;
        let may_go = met.iter().any(|verdict| verdict.fate(&element) != Fate::Stays)
            || (was != Fate::Stays && (!between.anew || is_back))
            || goes_as_named;
        let is = then.fate(&element);
        let must_go = if between.anew && !job.is_query() {
            is == Fate::Goes
        } else {
            // A query selects the rows that matched at its start. Rows written later stay.
            was == Fate::Goes && is == Fate::Goes && !is_back
        };
        if !may_go && !last.has(&element) {
            let text = format!("{element:?} is gone, and belonged to another owner by then");
            faults.push(fault(Wrong::Erased, text));
        }
        if must_go && last.has(&element) && done.has_succeeded() {
            faults.push(fault(Wrong::Left, format!("{element:?} is still there")));
        }
    }
    let known = IN_BETWEEN.contains(&done.code())
        || at_first.ends.codes.contains(done.code())
        || then.ends.codes.contains(done.code());
    let ends = match done.state() {
        "succeeded" => !(at_first.ends.must_fail && then.ends.must_fail),
        "held" => job.hold.is_some() && !job.dry_run,
        "failed" => known,
        _ => false,
    };
    if !ends {
        faults.push(fault(
            Wrong::Ended,
            format!("it ended {} {}", done.state(), done.code()),
        ));
    }
    faults
}

/// Compares a job with the model that was held, and has ended since its hold was released. `rested` is the state at the
/// release, and `last` the one at the end. With `disturbed`, another application changed the stores before the release.
pub(crate) fn released(
    mappings: &[Mapping],
    job: &Job,
    done: &Done,
    first: &State,
    disturbed: bool,
    (rested, last): (&State, &State),
) -> Vec<Fault> {
    let job = job.unheld();
    let (at_first, at_release) = (judge(mappings, first, &job), judge(mappings, rested, &job));
    let mut faults = kept_as_it_was(rested, last);
    for element in rested.elements().filter(|element| !last.has(element)) {
        if [&at_first, &at_release].map(|right| right.fate(&element)) == [Fate::Stays; 2] {
            faults.push(fault(Wrong::Erased, format!("{element:?} is gone after the release")));
        }
    }
    let is_left = |element: &Element| at_first.fate(element) == Fate::Goes && rested.has_same(first, element);
    let left = last.elements().filter(|element| is_left(element) && !disturbed);
    for element in left.filter(|_| done.has_succeeded()) {
        faults.push(fault(
            Wrong::Left,
            format!("{element:?} is still there after the release"),
        ));
    }
    let known = IN_BETWEEN.contains(&done.code()) && disturbed || at_first.ends.codes.contains(done.code());
    let ends = match done.state() {
        "succeeded" => disturbed || !at_first.ends.must_fail,
        "failed" => known,
        _ => false,
    };
    if !ends {
        let text = format!("it ended {} {} after the release", done.state(), done.code());
        faults.push(fault(Wrong::Ended, text));
    }
    faults.extend(counted(done));
    faults
}

/// Returns the elements that a job wrote, although it may only erase.
fn kept_as_it_was(from: &State, to: &State) -> Vec<Fault> {
    let written = to.elements().filter(|element| !to.has_same(from, element));
    written
        .map(|element| fault(Wrong::Written, format!("{element:?} is not as it was")))
        .collect()
}

/// Checks that the counts of each store add up.
fn counted(done: &Done) -> Vec<Fault> {
    let mut faults = Vec::new();
    let selected = done.job["selected"].as_u64().unwrap_or(0);
    for store in done.job["stores"].as_array().into_iter().flatten() {
        let counts = store["counts"].as_object().into_iter().flatten();
        let counts = counts.filter(|(word, _)| *word != "residue" && *word != "found");
        let sum: u64 = counts.filter_map(|(_, n)| n.as_u64()).sum();
        if sum != selected && done.job["dry_run"] != true {
            faults.push(fault(Wrong::Counted, format!("{selected} selected, and {store}")));
        }
    }
    faults
}

/// Compares the API's answer with the job.
fn answered(job: &Job, done: &Done) -> Option<Fault> {
    let erased = done.job["stores"].as_array().into_iter().flatten();
    let erased = erased
        .filter_map(|store| store["counts"]["erased"].as_u64())
        .max()
        .unwrap_or(0);
    let one = |missing: StatusCode, gone: StatusCode| if erased > 0 { gone } else { missing };
    let expected: BTreeSet<StatusCode> = match (job.via, done.has_succeeded()) {
        (Via::OpenSearchQuery | Via::OpenSearchIndex, succeeded) => {
            let body: Value = serde_json::from_str(&done.text).unwrap_or_default();
            let failed = body["failures"].as_array().is_some_and(|failures| !failures.is_empty());
            return (succeeded && (failed || done.status != StatusCode::OK)).then(|| wrong_answer(done));
        }
        (Via::AgnoOne, true) => [one(StatusCode::NOT_FOUND, StatusCode::NO_CONTENT)].into(),
        (Via::AgnoMany, true) => [StatusCode::NO_CONTENT].into(),
        (Via::Mem0All | Via::Mem0Entity | Via::Native | Via::Lines, _) | (Via::MemoryPlugin | Via::Mem0Batch, true) => {
            [StatusCode::OK].into()
        }
        (Via::Mielto | Via::Mem0One | Via::OpenSearchOne, true) => [one(StatusCode::NOT_FOUND, StatusCode::OK)].into(),
        (_, false) => {
            return done
                .status
                .is_success()
                .then(|| wrong_answer(done))
                .filter(|_| done.status != StatusCode::ACCEPTED);
        }
    };
    // 202: the job took longer than the request waits.
    let waited = done.status == StatusCode::ACCEPTED || expected.contains(&done.status);
    (!waited).then(|| wrong_answer(done))
}

fn wrong_answer(done: &Done) -> Fault {
    fault(
        Wrong::Answered,
        format!("{} {} of a job that {}", done.status, done.text, done.state()),
    )
}
