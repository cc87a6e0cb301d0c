//! The plot of how fast a job went: memories a second, from the start of its attempt.

use std::time::Duration;

use lethe_common::ledger::Course;

use crate::console::plot::{Line, Plot};
use crate::console::words;
use crate::job::answer::Job;

/// The most points of a plot. More would be closer than its line is wide.
const POINTS: u64 = 60;

/// The least milliseconds between two points: the ledger has no closer samples.
const LEAST_MS: u64 = 1_000;

/// A running job that has recorded nothing for a shorter time only works on its next batch: it has not stopped.
const BATCH_MS: u64 = 10_000;

/// Returns the plot of a job; `None` if it has run for less than two seconds, or nothing is known of its course.
pub(super) fn plot(job: &Job, course: &Course) -> Option<Plot> {
    let is_open = job.ended_at.is_none();
    let points = moving(&course.points, is_open);
    let &(passed, memories) = points.last()?;
    let values = rates(points);
    if values.len() < 2 {
        return None;
    }
    let title = if job.attempt > 1 {
        "Memories a second in this attempt"
    } else {
        "Memories a second"
    };
    let span = words::span(Duration::from_millis(passed));
    let (from, to, said) = if is_open {
        let rate = words::rate(job.rate.unwrap_or_default());
        (format!("start, {span} ago"), "now".to_owned(), format!("{rate} now"))
    } else {
        let mean = words::rate(float(memories) / float(passed) * 1_000.0);
        (
            "start".to_owned(),
            format!("end, after {span}"),
            format!("{mean} on average"),
        )
    };
    let line = Line {
        label: "memories",
        class: "a",
        values,
    };
    Some(Plot::new("throughput", title, from, vec![line], words::rate).until(to, &said))
}

/// Returns the points without the time since the last record, if the job is still at work.
fn moving(points: &[(u64, u64)], is_open: bool) -> &[(u64, u64)] {
    match points {
        [before @ .., now] if is_open => match before.last() {
            Some((at, _)) if now.0.saturating_sub(*at) < BATCH_MS => before,
            _ => points,
        },
        _ => points,
    }
}

/// Returns the memories a second in equal parts of the time; none if there is less than one part.
fn rates(points: &[(u64, u64)]) -> Vec<f64> {
    let passed = points.last().map_or(0, |(at, _)| *at);
    let parts = u32::try_from((passed / LEAST_MS).min(POINTS)).unwrap_or(0);
    let width = float(passed) / f64::from(parts.max(1));
    let edges = (0..=parts).map(|part| accounted(points, width * f64::from(part)));
    let edges: Vec<f64> = edges.collect();
    let grown = edges.windows(2).filter_map(|pair| match pair {
        [before, after] => Some((after - before) / width * 1_000.0),
        _ => None,
    });
    grown.collect()
}

/// Returns the memories accounted for at a time, on the straight line between two points.
fn accounted(points: &[(u64, u64)], at: f64) -> f64 {
    let mut before = (0.0, 0.0);
    for (time, n) in points {
        let next = (float(*time), float(*n));
        if next.0 >= at && next.0 > before.0 {
            return before.1 + (next.1 - before.1) * (at - before.0) / (next.0 - before.0);
        }
        before = next;
    }
    before.1
}

#[expect(clippy::cast_precision_loss, reason = "a plot needs no more than 52 bits")]
fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asserts that rates are these, but for the rounding of floats.
    fn are(rates: &[f64], expected: &[f64]) {
        assert_eq!(rates.len(), expected.len(), "{rates:?}");
        let is_near = |(rate, expected): (&f64, &f64)| (rate - expected).abs() < 1e-6;
        assert!(rates.iter().zip(expected).all(is_near), "{rates:?}");
    }

    #[test]
    fn a_rate_is_the_growth_between_samples() {
        are(&rates(&[]), &[]);
        are(&rates(&[(999, 5)]), &[]);
        are(&rates(&[(2_000, 10), (4_000, 10)]), &[5.0, 5.0, 0.0, 0.0]);
        // Several records at one moment, and a start that took a second.
        are(
            &rates(&[(1_000, 0), (2_000, 7), (2_000, 9), (3_000, 9)]),
            &[0.0, 7.0, 2.0],
        );
    }

    #[test]
    fn a_long_course_has_no_more_points_and_loses_no_memory() {
        let points: Vec<(u64, u64)> = (1..=1_000).map(|n| (n * 977, n * n)).collect();
        let rates = rates(&points);
        assert_eq!(rates.len(), 60);
        let all = rates.iter().sum::<f64>() * 977.0 / 60.0;
        assert!((all - 1_000_000.0).abs() < 1.0, "{all}");
    }

    #[test]
    fn a_running_job_does_not_stop_between_two_batches() {
        let (short, long) = ([(5_000, 5), (14_999, 5)], [(5_000, 5), (15_000, 5)]);
        assert_eq!(moving(&short, true), &short[..1]);
        assert_eq!(moving(&long, true), &long);
        assert_eq!(moving(&short, false), &short, "its end is known");
        assert_eq!(moving(&short[..1], true), &short[..1]);
    }
}
