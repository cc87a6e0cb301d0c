//! The verdict on a job's attempt, from its request, the events around it, and the times of its progress.
//!
//! If a moment is known only within an interval, the judge takes the end that favours the job. So each reported fault
//! is certain.

use crate::follow::{Attempt, Followed, Step};
use crate::jobs::Sort;
use crate::timeline::{Interval, Ms, Span, counted, ms, passed, union};
use crate::times::Times;
use crate::weather::{Place, What};

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wrong {
    /// A memory is gone that had to stay.
    Erased,
    /// A memory is there after a success.
    Left,
    /// An orphan: a vector is there, and its row is gone.
    Orphaned,
    /// A job ended although its limit had not passed, or with an error that no outage explains.
    FailedEarly,
    /// A job failed although its stores had been well for long enough to go on.
    FailedWell,
    /// A job went on for longer than its limit and the tolerance.
    Late,
    /// A job has not ended.
    Unended,
    /// A job was cancelled without a request.
    Cancelled,
    /// A batch began while no window was open.
    OutsideWindow,
    /// Counts of a job do not add up, or differ from the memories that it selects.
    Counted,
    /// The totals do not add up.
    Totals,
    /// A valid request was refused, or its job is lost or exists twice.
    Accepted,
    /// A process ended by itself.
    Died,
}

/// A fault.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) wrong: Wrong,
    pub(crate) job: Option<String>,
    pub(crate) text: String,
}

/// The error codes of jobs that passed their limit.
const TRANSIENT: [&str; 4] = ["unavailable", "timeout", "busy", "internal"];

/// The number of rescues after which a partition fails, by default.
const RESCUES: usize = 3;

/// The error of reading a clock, in milliseconds.
const ROUNDING: Ms = 50;

/// Judges attempts.
pub(crate) struct Judge {
    pub(crate) times: Times,
    pub(crate) spans: Vec<Span>,
    /// The start of the run, and the time of the last look.
    pub(crate) run: Interval,
}

impl Judge {
    /// Judges all attempts of a job.
    pub(crate) fn job(&self, id: &str, job: &Followed) -> Vec<Fault> {
        let mut found = Vec::new();
        for attempt in &job.attempts {
            self.attempt(job, attempt, &mut |wrong, text| {
                found.push(Fault {
                    wrong,
                    job: Some(id.to_owned()),
                    text,
                });
            });
        }
        found
    }

    fn attempt(&self, job: &Followed, attempt: &Attempt, fault: &mut impl FnMut(Wrong, String)) {
        self.is_in_time(job, attempt, fault);
        self.is_in_windows(job, attempt, fault);
        let Some(ended) = attempt.ended() else {
            return fault(
                Wrong::Unended,
                format!("it is {} ({})", attempt.view["state"], attempt.view["error_code"]),
            );
        };
        match attempt.view["state"].as_str() {
            Some("failed") => self.may_fail(job, attempt, fault),
            Some("cancelled") if attempt.cancelled.is_none_or(|asked| asked > ended) => {
                fault(Wrong::Cancelled, "no caller had requested it".to_owned());
            }
            _ => {}
        }
        if let Some(text) = crate::counts::wrong(job, attempt) {
            fault(Wrong::Counted, text);
        }
    }

    /// Checks that no time without progress exceeds the limit and the tolerance.
    fn is_in_time(&self, job: &Followed, attempt: &Attempt, fault: &mut impl FnMut(Wrong, String)) {
        let stops = union(self.stops(job, Span::possibly, true).collect());
        let hindered = union(stops.iter().copied().chain(self.hindrances()).collect());
        let end = attempt.ended().unwrap_or(self.run.1);
        let last = Step {
            when: (end, end),
            phase: true,
        };
        let mut from = attempt.asked.1;
        for step in attempt.steps.iter().chain([&last]) {
            let limit = ms(self.times.limit()) + Self::throttle(job);
            let deadline = passed(from, limit, &stops);
            let late = counted((deadline, step.when.0.min(end)), &hindered);
            if late > ms(self.times.tolerance()) {
                let waited = counted((from, step.when.0), &stops);
                let text = format!(
                    "{waited} ms without progress, {late} ms more than the limit allows (tolerance {} ms), from {} to {}",
                    ms(self.times.tolerance()),
                    self.at(from),
                    self.at(step.when.0)
                );
                return fault(Wrong::Late, text);
            }
            from = step.when.1;
        }
    }

    fn may_fail(&self, job: &Followed, attempt: &Attempt, fault: &mut impl FnMut(Wrong, String)) {
        let code = attempt.view["error_code"].as_str().unwrap_or_default();
        let is_poison = code == "poison";
        if !is_poison && !TRANSIENT.contains(&code) {
            return fault(Wrong::FailedEarly, format!("with {code:?}, which no outage explains"));
        }
        for when in &attempt.failures {
            let since = Self::since(job, attempt, when.0);
            if is_poison {
                self.may_be_poison((since, when.1), fault);
            } else {
                self.has_passed(job, (since, when.1), fault);
                self.was_hindered(job, since, *when, fault);
            }
        }
    }

    fn may_be_poison(&self, (since, failed): Interval, fault: &mut impl FnMut(Wrong, String)) {
        let deaths = self.spans.iter().filter(|span| matches!(span.what, What::Death(_)));
        let deaths = deaths.filter(|span| span.possibly().1 >= since && span.began.0 <= failed);
        let deaths = deaths.count();
        if deaths < RESCUES {
            let text = format!(
                "poison at {}, and {deaths} workers died since {}",
                self.at(failed),
                self.at(since)
            );
            fault(Wrong::FailedEarly, text);
        }
    }

    /// Checks that the limit has passed, without the times in which its clock stood still.
    fn has_passed(&self, job: &Followed, time: Interval, fault: &mut impl FnMut(Wrong, String)) {
        let stops = union(self.stops(job, Span::surely, false).collect());
        let (waited, limit) = (counted(time, &stops), ms(self.times.limit()));
        if waited + ROUNDING < limit {
            let text = format!(
                "after {waited} ms at most, from {} to {}, and the limit is {limit} ms",
                self.at(time.0),
                self.at(time.1)
            );
            fault(Wrong::FailedEarly, text);
        }
    }

    /// Checks that something hindered the job right before it failed.
    fn was_hindered(&self, job: &Followed, since: Ms, failed: Interval, fault: &mut impl FnMut(Wrong, String)) {
        let well = (failed.0 - ms(self.times.recovery()), failed.1);
        let stops = self.stops(job, Span::possibly, true);
        let ills = union(stops.chain(self.hindrances()).chain(self.ills(job)).collect());
        if since <= well.0 && counted(well, &ills) == well.1 - well.0 {
            let text = format!(
                "at {}, and its stores and workers were healthy since {}",
                self.at(failed.1),
                self.at(well.0)
            );
            fault(Wrong::FailedWell, text);
        }
    }

    /// Returns the earliest start of the clock of a part that failed after `before`.
    fn since(job: &Followed, attempt: &Attempt, before: Ms) -> Ms {
        // With several parts, a count does not show which part it belongs to.
        let alone = job.asked.targets.len() == 1 && job.asked.size() <= 100;
        let mut steps = attempt.steps.iter().rev();
        let step = steps.find(|step| step.when.1 <= before && (step.phase || alone));
        step.map_or(attempt.asked.0, |step| step.when.0).max(attempt.asked.0)
    }

    fn is_in_windows(&self, job: &Followed, attempt: &Attempt, fault: &mut impl FnMut(Wrong, String)) {
        // A batch that had begun is finished, which takes a few calls.
        let begun = ms(self.times.store_timeout() * 4);
        let closed = self
            .spans
            .iter()
            .filter(|span| span.what == What::Closed(job.asked.number));
        for (from, to) in closed.map(Span::surely) {
            let outside = |step: &&Step| step.when.0 > from + begun && step.when.1 < to;
            if let Some(step) = attempt.steps.iter().find(outside) {
                let text = format!(
                    "progress before {}, closed from {} to {}",
                    self.at(step.when.1),
                    self.at(from),
                    self.at(to)
                );
                fault(Wrong::OutsideWindow, text);
            }
        }
    }

    /// Returns the intervals in which the clock of a job stood still: pauses of any of its targets, or of all of them,
    /// and closed windows.
    fn stops<'a>(
        &'a self,
        job: &'a Followed,
        when: fn(&Span) -> Interval,
        any: bool,
    ) -> impl Iterator<Item = Interval> {
        let targets = &job.asked.targets;
        let stopped = move |span: &&Span| match span.what {
            What::Pause(None) => true,
            What::Pause(Some(target)) => targets.contains(&target) && (any || targets.len() == 1),
            What::Closed(number) => number == job.asked.number,
            What::Outage(..) | What::Death(_) => false,
        };
        self.spans.iter().filter(stopped).map(when)
    }

    /// Returns the intervals in which no job could end, even with healthy stores.
    fn hindrances(&self) -> impl Iterator<Item = Interval> {
        let hinders = |span: &&Span| matches!(span.what, What::Outage(Place::Ledger, _) | What::Death(_));
        self.spans.iter().filter(hinders).map(|span| self.with_aftermath(span))
    }

    /// Returns the outages of the job's stores.
    fn ills<'a>(&'a self, job: &'a Followed) -> impl Iterator<Item = Interval> {
        let ill = move |span: &&Span| match span.what {
            What::Outage(Place::Sql(target) | Place::Vector(target), _) => job.asked.targets.contains(&target),
            _ => false,
        };
        self.spans.iter().filter(ill).map(Span::possibly)
    }

    /// Returns a moment as seconds since the start of the run.
    pub(crate) fn at(&self, moment: Ms) -> String {
        let ms = moment.saturating_sub(self.run.0);
        format!(
            "{}{}.{:03}",
            if ms < 0 { "-" } else { "" },
            ms.abs() / 1_000,
            ms.abs() % 1_000
        )
    }

    fn with_aftermath(&self, span: &Span) -> Interval {
        let (from, to) = span.possibly();
        (from, to.saturating_add(ms(self.times.aftermath())))
    }

    /// Returns the longest time that a job may have waited for its pace.
    fn throttle(job: &Followed) -> Ms {
        let Some(pace) = job.asked.per_second else { return 0 };
        debug_assert!(job.asked.sort == Sort::Purge);
        let size = Ms::try_from(job.asked.size()).expect("some thousands");
        size * 1_000 / Ms::from(pace)
    }
}
