//! The output of a run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::evidence::Ledger;
use crate::fleet::Fleet;
use crate::follow::{Attempt, Followed, moment};
use crate::judge::{Fault, Judge, Wrong};
use crate::sites::NAMES;
use crate::timeline::{Interval, Ms, Span};
use crate::weather::{Place, What};

/// The number of faults of a kind that are shown with details.
const SHOWN: usize = 3;

/// The number of log lines that are shown of a job.
const LINES: usize = 25;

#[expect(clippy::print_stdout, reason = "it answers on its terminal")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Shows faults. The first of each kind include the job, the events around it, the ledger's rows and the logs.
pub(crate) async fn faults(
    faults: &[Fault],
    jobs: &BTreeMap<String, Followed>,
    judge: &Judge,
    fleet: &Fleet,
    ledger: &Ledger,
) {
    let mut shown: BTreeMap<Wrong, usize> = BTreeMap::new();
    for fault in faults {
        let n = shown.entry(fault.wrong).or_default();
        *n += 1;
        if *n > SHOWN {
            continue;
        }
        let mut text = format!("\nFAULT {:?}: {}", fault.wrong, fault.text);
        if let Some((id, job)) = fault.job.as_ref().and_then(|id| Some((id, jobs.get(id)?))) {
            text += &self::job(id, job, judge);
            let rows = ledger.rows(id).await;
            write!(text, "\n  the ledger at the end:\n{rows}").expect("a String takes any text");
            let lines = fleet.logged(id, LINES).join("\n    ");
            write!(text, "  logged:\n    {lines}").expect("a String takes any text");
        }
        say(&text);
    }
    for (wrong, n) in shown {
        say(&format!("{n} × {wrong:?}"));
    }
}

fn job(id: &str, job: &Followed, judge: &Judge) -> String {
    let asked = &job.asked;
    let targets: Vec<_> = asked.targets.iter().map(|target| NAMES[*target]).collect();
    let sizes: Vec<_> = asked.meant.iter().map(Vec::len).collect();
    let mut text = format!(
        "\n  job {id}, number {}: {:?} of {sizes:?} memories in {targets:?}, {} unknown or foreign ids, pace {:?}",
        asked.number, asked.sort, asked.strange, asked.per_second
    );
    for (n, attempt) in job.attempts.iter().enumerate() {
        let view = &attempt.view;
        let at = |moment: Option<Ms>| moment.map_or_else(|| "never".to_owned(), |moment| judge.at(moment));
        write!(
            text,
            "\n  attempt {}: accepted {}, started {}, ended {}: {} {}, cancelled {}, progress",
            n + 1,
            judge.at(attempt.asked.0),
            at(moment(&view["started_at"])),
            at(attempt.ended()),
            view["state"],
            view["error_code"],
            at(attempt.cancelled)
        )
        .expect("a String takes any text");
        for step in &attempt.steps {
            let phase = if step.phase { " (phase)" } else { "" };
            write!(text, " {}–{}{phase}", judge.at(step.when.0), judge.at(step.when.1))
                .expect("a String takes any text");
        }
        for when in &attempt.failures {
            write!(text, ", failed {}–{}", judge.at(when.0), judge.at(when.1)).expect("a String takes any text");
        }
        write!(text, "\n    selected {}: {}", view["selected"], outcomes(view)).expect("a String takes any text");
        if let Some(rows) = &attempt.overdue {
            write!(text, "\n  the ledger when it was overdue:\n{rows}").expect("a String takes any text");
        }
    }
    let first = job.attempts[0].asked.0 - 10_000;
    let last = job.attempts.last().and_then(Attempt::ended).unwrap_or(judge.run.1);
    text += "\n  around it:";
    for span in judge
        .spans
        .iter()
        .filter(|span| concerns(span, job) && is_in(span, (first, last)))
    {
        let (from, to) = span.possibly();
        let to = if to == Ms::MAX { "…".to_owned() } else { judge.at(to) };
        write!(text, "\n    {}–{to} {}", judge.at(from), name(span.what)).expect("a String takes any text");
    }
    text
}

/// Returns the counts of each store that are not zero.
fn outcomes(view: &Value) -> String {
    let stores = view["stores"].as_array().into_iter().flatten();
    let stores = stores.map(|store| {
        let counts = store["counts"].as_object().into_iter().flatten();
        let counts: Vec<_> = counts
            .filter(|(_, n)| **n != 0)
            .map(|(name, n)| format!("{name} {n}"))
            .collect();
        format!("{}/{} {}", store["target"], store["store"], counts.join(", "))
    });
    stores.collect::<Vec<_>>().join("; ").replace('"', "")
}

fn concerns(span: &Span, job: &Followed) -> bool {
    match span.what {
        What::Closed(number) => number == job.asked.number,
        _ => true,
    }
}

fn is_in(span: &Span, (first, last): Interval) -> bool {
    let (from, to) = span.possibly();
    from <= last && to >= first
}

fn name(what: What) -> String {
    let target = |target: usize| NAMES[target];
    match what {
        What::Outage(Place::Sql(n), illness) => format!("{}/sql {illness:?}", target(n)),
        What::Outage(Place::Vector(n), illness) => format!("{}/vector {illness:?}", target(n)),
        What::Outage(place, illness) => format!("{place:?} {illness:?}"),
        What::Pause(None) => "everything paused".to_owned(),
        What::Pause(Some(n)) => format!("{} paused", target(n)),
        What::Death(worker) => format!("worker {worker} dead"),
        What::Closed(_) => "its windows closed".to_owned(),
    }
}

/// Returns a summary of the jobs and events of a run.
pub(crate) fn summary(jobs: &BTreeMap<String, Followed>, spans: &[Span]) -> String {
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for attempt in jobs.values().flat_map(|job| &job.attempts) {
        let view = &attempt.view;
        let code = if view["state"] == "failed" {
            view["error_code"].as_str()
        } else {
            None
        };
        let end = format!(
            "{} {}",
            view["state"].as_str().unwrap_or("unseen"),
            code.unwrap_or_default()
        );
        *ends.entry(end.trim().to_owned()).or_default() += 1;
    }
    let mut sorts: BTreeMap<_, usize> = BTreeMap::new();
    for job in jobs.values() {
        *sorts.entry(job.asked.sort).or_default() += 1;
    }
    let count = |is: fn(&What) -> bool| spans.iter().filter(|span| is(&span.what)).count();
    let attempts: usize = jobs.values().map(|job| job.attempts.len()).sum();
    format!(
        "jobs {} {sorts:?}, attempts {attempts} {ends:?}; outages {}, pauses {}, workers killed {}, windows closed {}",
        jobs.len(),
        count(|what| matches!(what, What::Outage(..))),
        count(|what| matches!(what, What::Pause(_))),
        count(|what| matches!(what, What::Death(_))),
        count(|what| matches!(what, What::Closed(_))),
    )
}
