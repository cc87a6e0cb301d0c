//! The events of a run, by the clock of this machine, which the ledger uses too.

use std::sync::Mutex;
use std::time::Duration;

use lethe_common::clock::{Clock, to_millis};

use crate::weather::What;

/// Milliseconds since 1970.
pub(crate) type Ms = i64;

/// An interval, from the first to the second moment.
pub(crate) type Interval = (Ms, Ms);

/// Returns the present time.
pub(crate) fn now() -> Ms {
    to_millis(Clock::system().now())
}

/// Returns a time in milliseconds.
pub(crate) fn ms(time: Duration) -> Ms {
    Ms::try_from(time.as_millis()).unwrap_or(Ms::MAX)
}

/// An event that lasted. Its cause records the request and the completion of each change, and the event began and
/// ended at some moment in between.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) what: What,
    pub(crate) began: Interval,
    pub(crate) ended: Option<Interval>,
}

impl Span {
    /// Returns the longest time that it may have lasted.
    pub(crate) fn possibly(&self) -> Interval {
        (self.began.0, self.ended.map_or(Ms::MAX, |ended| ended.1))
    }

    /// Returns the time that it lasted for certain.
    pub(crate) fn surely(&self) -> Interval {
        (self.began.1, self.ended.map_or(Ms::MAX, |ended| ended.0))
    }
}

/// The events of a run.
#[derive(Debug, Default)]
pub(crate) struct Timeline(Mutex<Vec<Span>>);

impl Timeline {
    /// Records the start of an event that was requested at `asked`. Returns its number.
    pub(crate) fn begin(&self, what: What, asked: Ms) -> usize {
        let mut spans = self.0.lock().unwrap();
        spans.push(Span {
            what,
            began: (asked, now()),
            ended: None,
        });
        spans.len() - 1
    }

    /// Records the end of an event, requested at `asked`.
    pub(crate) fn end(&self, number: usize, asked: Ms) {
        self.0.lock().unwrap()[number].ended = Some((asked, now()));
    }

    /// Returns all events.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().clone()
    }
}

/// Returns the same times in order, with overlaps merged.
pub(crate) fn union(mut times: Vec<Interval>) -> Vec<Interval> {
    times.sort_unstable();
    let mut merged: Vec<Interval> = Vec::new();
    for (from, to) in times.into_iter().filter(|(from, to)| from < to) {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// Returns the length of a time without `stops`, which are a [`union`].
pub(crate) fn counted((from, to): Interval, stops: &[Interval]) -> Ms {
    let stopped: Ms = stops
        .iter()
        .map(|stop| (stop.1.min(to) - stop.0.max(from)).max(0))
        .sum();
    (to - from).max(0) - stopped
}

/// Returns the moment at which `limit` has passed since `from` without `stops`, which are a [`union`].
pub(crate) fn passed(from: Ms, limit: Ms, stops: &[Interval]) -> Ms {
    let mut end = from.saturating_add(limit);
    for stop in stops.iter().filter(|stop| stop.1 > from) {
        let begin = stop.0.max(from);
        if begin >= end {
            break;
        }
        end = end.saturating_add(stop.1.saturating_sub(begin));
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stops_the_clock_is_left_out_once() {
        let stops = union(vec![(30, 40), (10, 20), (15, 25), (25, 25)]);
        assert_eq!(stops, [(10, 25), (30, 40)]);
        assert_eq!(counted((0, 35), &stops), 15);
        assert_eq!(counted((12, 14), &stops), 0);
    }

    #[test]
    fn a_limit_passes_later_by_what_stops_its_clock() {
        let stops = [(10, 25), (30, 40)];
        assert_eq!(passed(0, 10, &stops), 10);
        assert_eq!(passed(0, 12, &stops), 27);
        assert_eq!(passed(0, 15, &stops), 30);
        assert_eq!(passed(20, 6, &stops), 41);
        assert_eq!(passed(50, 6, &stops), 56);
    }
}
