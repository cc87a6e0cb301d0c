//! Conditions that need somebody.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use lethe_common::ledger::Glance;

use super::numbers::Numbers;
use super::read::{LATE, Read, STUCK};
use super::target_fault::TargetFault;
use crate::auth::Principal;
use crate::console::cause::{self, Cause};
use crate::console::{jobs, links, words};
use crate::job::answer::WaitAnswer;
use crate::routes::targets::{self, TargetAnswer};
use crate::state::AppState;

/// The age from which an unfinished job needs somebody: most purges take less.
const OLD: Duration = Duration::from_hours(1);

/// For how long a failed job needs somebody, at the longest.
const FAILED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// The most workers that are named.
const NAMED_WORKERS: usize = 3;

/// A condition that needs somebody.
pub(super) struct Need {
    /// `bad`: memories stay that should go. `warn`: it may become so.
    pub(super) level: &'static str,
    pub(super) what: String,
    pub(super) remedy: String,
    /// The page about it.
    pub(super) link: Option<Link>,
}

/// A link to a page.
pub(super) struct Link {
    pub(super) path: String,
    pub(super) text: &'static str,
}

impl Need {
    pub(super) fn new(level: &'static str, what: String, remedy: &str) -> Self {
        Self {
            level,
            what,
            remedy: remedy.to_owned(),
            link: None,
        }
    }

    pub(super) fn at(self, path: impl Into<String>, text: &'static str) -> Self {
        let path = path.into();
        Self {
            link: Some(Link { path, text }),
            ..self
        }
    }

    fn at_job(self, path: String) -> Self {
        self.at(path, "Look at the job")
    }

    fn at_targets(self) -> Self {
        self.at(links::TARGETS, "Look at the targets")
    }

    fn at_workers(self) -> Self {
        self.at(links::WORKERS, "Look at the workers")
    }
}

/// Returns the conditions that need somebody, as far as the caller sees them. First come those that keep memories.
pub(super) fn needs(state: &AppState, principal: &Principal, read: &Read, numbers: Option<&Numbers>) -> Vec<Need> {
    let mut needs = of_failed(state, &read.jobs);
    let operation = read.operation.as_ref();
    let targets = operation.map(|operation| targets::told(state, principal, &operation.pauses, &operation.heard));
    let targets = targets.unwrap_or_default();
    // Without any worker there is one condition, not one for each target and each job.
    let has_workers = numbers.is_none_or(|numbers| numbers.workers > 0);
    needs.extend(of_stuck(&read.jobs, &targets, has_workers));
    needs.extend(
        targets
            .iter()
            .flat_map(|target| of_target(target, &read.jobs, has_workers)),
    );
    needs.extend(of_late_holds(read.late_holds));
    needs.extend(read.schedules.iter().flat_map(|schedules| schedules.needs(principal)));
    needs.extend(numbers.into_iter().flat_map(of_numbers));
    if !state.doorbell().state().is_up() {
        let what = "The doorbell does not reach other processes: work is found by polling, up to a second later.";
        needs.push(Need::new("warn", what.to_owned(), "Look at Redis. Nothing is lost."));
    }
    needs.sort_by_key(|need| need.level != "bad");
    needs
}

fn of_failed(state: &AppState, jobs: &[Glance]) -> Vec<Need> {
    let since = (state.clock().now() - FAILED_WITHIN).as_millisecond();
    let recent = jobs.iter().filter(|job| job.ended_at.is_some_and(|at| at >= since));
    recent.map(of_job).collect()
}

/// Jobs that wait for the same reason.
struct Waiting {
    jobs: u64,
    /// The reason, as the newest of them has it.
    detail: String,
    remedy: &'static str,
    path: String,
}

// A store that is down makes many jobs wait: they are one condition. A condition of a target has its jobs with it.
fn of_stuck(jobs: &[Glance], targets: &[TargetAnswer], has_workers: bool) -> Vec<Need> {
    let is_told = |wait: &WaitAnswer| {
        !has_workers && wait.reason == "worker" || targets.iter().any(|target| TargetFault::is_of(target, wait))
    };
    let mut waiting: BTreeMap<(String, &str, Option<String>), Waiting> = BTreeMap::new();
    for job in jobs {
        let Some(wait) = stuck(job).filter(|wait| !is_told(wait)) else {
            continue;
        };
        let same = (place(job), wait.reason, wait.code.clone());
        let first = || Waiting {
            jobs: 0,
            remedy: cause::remedy(&wait),
            detail: cause::detail(&wait),
            path: links::job(job.id),
        };
        waiting.entry(same).or_insert_with(first).jobs += 1;
    }
    let need = |((place, ..), waiting): ((String, &str, Option<String>), Waiting)| {
        let jobs = counted(waiting.jobs, jobs);
        let what = format!("Waiting: {jobs} about {place}. {}", waiting.detail);
        Need::new("warn", what, waiting.remedy).at_job(waiting.path)
    };
    waiting.into_iter().map(need).collect()
}

/// Returns the reason why a job waits, if that ends only when somebody does something.
fn stuck(job: &Glance) -> Option<WaitAnswer> {
    let wait = job.waits_for.clone().map(WaitAnswer::from);
    wait.filter(cause::needs_somebody)
}

/// Returns a number of waiting jobs, of those that were read.
// The overview reads a bounded number of unfinished jobs: from there on, more jobs may wait.
fn counted(n: u64, read: &[Glance]) -> String {
    let open = read.iter().filter(|job| job.ended_at.is_none()).count();
    let at_least = if open >= STUCK as usize { "at least " } else { "" };
    format!("{at_least}{}", words::many(n, "job", "jobs"))
}

/// Returns the place of a job's memories.
fn place(job: &Glance) -> String {
    jobs::place_of(job.target.as_deref(), job.table.as_deref())
}

fn of_job(job: &Glance) -> Need {
    let code = job.error_code.clone().map(String::from);
    let cause = code.as_deref().map(Cause::of);
    let why = cause.map_or("", |cause| cause.what);
    let what = format!("A job about {} failed. {why}", place(job));
    let remedy = cause.map_or("Look at the job.", |cause| cause.remedy);
    Need::new("bad", what, remedy).at_job(links::job(job.id))
}

fn of_target(target: &TargetAnswer, jobs: &[Glance], has_workers: bool) -> Vec<Need> {
    let mut needs = Vec::new();
    if target.paused {
        let what = format!("The target {} is paused: no batch of it begins.", target.name);
        needs.push(Need::new("warn", what, "Lift the pause when the work may go on.").at_targets());
    }
    let waits: Vec<WaitAnswer> = jobs.iter().filter_map(stuck).collect();
    let faults = TargetFault::of(target).into_iter();
    for fault in faults.filter(|fault| has_workers || !matches!(fault, TargetFault::Unserved(_))) {
        let waiting = waits.iter().filter(|wait| fault.explains(target, wait)).count() as u64;
        let what = match waiting {
            0 => fault.what(target),
            n => format!("{} Waiting for it: {}.", fault.what(target), counted(n, jobs)),
        };
        needs.push(Need::new("bad", what, &fault.remedy(target)).at_targets());
    }
    needs
}

fn of_numbers(numbers: &Numbers) -> Vec<Need> {
    let mut needs = Vec::new();
    if numbers.workers == 0 {
        let what = "No worker has reported in the last seconds: nothing is erased.".to_owned();
        needs.push(Need::new("bad", what, "Start a worker.").at_workers());
    }
    needs.extend(of_gone(&numbers.gone));
    needs.extend(of_due(numbers));
    if numbers.oldest >= OLD {
        let what = format!(
            "The oldest unfinished job could have run for {}.",
            words::span(numbers.oldest)
        );
        let remedy = "Look at unfinished jobs, and at the workers.";
        needs.push(Need::new("warn", what, remedy).at_workers());
    }
    needs
}

fn of_due(numbers: &Numbers) -> Vec<Need> {
    let mut needs = Vec::new();
    let jobs = |n| words::many(n, "job", "jobs");
    if numbers.overdue > 0 {
        let what = format!("Overdue: {}. The law gave less time.", jobs(numbers.overdue));
        let remedy = "Look why they wait, and tell the persons.";
        let path = links::jobs([("overdue", "true")]);
        needs.push(Need::new("bad", what, remedy).at(path, "Look at the jobs"));
    }
    if numbers.due_soon > 0 {
        let what = format!("Due soon: {}.", jobs(numbers.due_soon));
        let remedy = "See that they end in time, or extend their deadlines.";
        needs.push(Need::new("warn", what, remedy).at(numbers.due_path.clone(), "Look at the jobs"));
    }
    needs
}

/// Returns the condition that jobs stay held although a hold no longer keeps their memories.
fn of_late_holds(holds: u64) -> Option<Need> {
    let holds = (holds > 0).then(|| words::many(holds, "hold", "holds"))?;
    let after = words::span(LATE);
    let what = format!("Released or expired more than {after} ago: {holds} whose held jobs may not go on.");
    let remedy = "Read the logs of the APIs: each of them queues these jobs again, usually within a second.";
    let path = links::jobs([("state", "held")]);
    Some(Need::new("bad", what, remedy).at(path, "Look at the held jobs"))
}

fn of_gone(gone: &[String]) -> Option<Need> {
    let named: Vec<&str> = gone.iter().take(NAMED_WORKERS).map(String::as_str).collect();
    let more = match gone.len().saturating_sub(named.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let what = format!("{}{more} stopped reporting without signing off.", named.join(", "));
    let remedy =
        "The others take over the work. Find out why the process ended, and start another one if none took its place.";
    (!gone.is_empty()).then(|| Need::new("warn", what, remedy).at_workers())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_whose_jobs_do_not_go_on_needs_somebody() {
        assert!(of_late_holds(0).is_none());
        let need = of_late_holds(2).unwrap();
        assert_eq!(need.level, "bad");
        assert!(need.what.contains("more than 1 min ago: 2 holds"), "{}", need.what);
        assert_eq!(need.link.unwrap().path, "/console/jobs?state=held");
    }

    #[test]
    fn workers_that_have_gone_are_named_and_linked() {
        assert!(of_gone(&[]).is_none());
        let of = |names: &[&str]| of_gone(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        let need = of(&["a", "b"]);
        assert_eq!(need.what, "a, b stopped reporting without signing off.");
        assert_eq!(need.link.unwrap().path, links::WORKERS);
        assert!(of(&["a", "b", "c", "d"]).what.starts_with("a, b, c and 1 more stopped"));
    }
}
