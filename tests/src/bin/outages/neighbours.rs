//! Compares the times of small jobs on healthy stores, beside ill targets and without: reported, not judged.

use std::collections::BTreeMap;

use crate::follow::Followed;
use crate::jobs::Sort;
use crate::timeline::{Interval, Ms, Span};
use crate::weather::{Place, What};

/// Returns a line about each period and about their ratio.
pub(crate) fn compare(jobs: &BTreeMap<String, Followed>, spans: &[Span], aftermath: Ms) -> String {
    let (mut well, mut beside) = (Vec::new(), Vec::new());
    for job in jobs.values() {
        let first = &job.attempts[0];
        let Some(ended) = first.ended() else { continue };
        if !matches!(job.asked.sort, Sort::One | Sort::List) || first.cancelled.is_some() {
            continue;
        }
        let time = (first.asked.0, ended);
        let during = |is: &dyn Fn(What) -> bool, after: Ms| {
            spans
                .iter()
                .any(|span| is(span.what) && overlaps(span.possibly(), time, after))
        };
        let own = |target: usize| job.asked.targets.contains(&target);
        let hindered = during(
            &|what| match what {
                What::Outage(Place::Sql(target) | Place::Vector(target), _) => own(target),
                What::Outage(Place::Ledger, _) | What::Death(_) => true,
                What::Pause(target) => target.is_none_or(own),
                What::Outage(Place::Redis, _) | What::Closed(_) => false,
            },
            aftermath,
        );
        if hindered {
            continue;
        }
        let is_beside = during(
            &|what| matches!(what, What::Outage(Place::Sql(_) | Place::Vector(_), _)),
            0,
        );
        let times = if is_beside { &mut beside } else { &mut well };
        times.push(ended - time.0);
    }
    let [(well_p50, well_p99), (beside_p50, beside_p99)] = [&mut well, &mut beside].map(|times| {
        times.sort_unstable();
        (part(times, 50), part(times, 99))
    });
    format!(
        "small jobs on healthy targets: {} while all are well (p50 {well_p50} ms, p99 {well_p99} ms), \
         {} beside an ill one (p50 {beside_p50} ms, p99 {beside_p99} ms): {} and {} times as long",
        well.len(),
        beside.len(),
        ratio(beside_p50, well_p50),
        ratio(beside_p99, well_p99)
    )
}

fn overlaps((from, to): Interval, (start, end): Interval, after: Ms) -> bool {
    from < end && to.saturating_add(after) > start
}

/// Returns a percentile of sorted values.
fn part(sorted: &[Ms], percent: usize) -> Ms {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or(0)
}

/// Returns a ratio with one decimal.
fn ratio(a: Ms, b: Ms) -> String {
    let tenths = a * 10 / b.max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}
