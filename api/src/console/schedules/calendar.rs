//! The next two weeks of a schedule as an image: its runs, and the times without an open window.

use askama::Template;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};
use lethe_common::clock::{from_millis, to_millis};
use lethe_common::ledger::ScheduleRecord;
use lethe_common::schedule::Times;

/// The days of the image, from today on.
const DAYS: i32 = 14;

/// The width of these days, in units of the image.
const WIDTH: f64 = 700.0;

/// The time that a mark stands for, in milliseconds. Runs that are closer together share a mark.
const SLOT: i64 = 2 * 3_600_000;

/// The most runs that are named one by one.
const NAMED: usize = 3;

/// The next two weeks of a schedule.
#[derive(Template)]
#[template(path = "console/calendar.svg")]
pub(super) struct Calendar {
    id: String,
    /// The next runs in words, for readers who do not see the marks.
    says: String,
    days: Vec<Day>,
    closed: Vec<Bar>,
    runs: Vec<Bar>,
}

/// The beginning of a day.
struct Day {
    x: String,
    label: String,
}

/// A part of the time.
struct Bar {
    x: String,
    width: String,
}

/// Returns the next runs of a schedule. `next` is the first one, in milliseconds since 1970. A missed one is caught up
/// now.
pub(super) fn next_runs(schedule: &ScheduleRecord, next: Option<i64>, now: Timestamp) -> Vec<Timestamp> {
    let Ok(times) = Times::read(&schedule.cron, &schedule.time_zone) else {
        return Vec::new();
    };
    let first = next.and_then(from_millis).map(|next| next.max(now));
    let runs = std::iter::successors(first, |at| times.next_after(*at));
    runs.take(NAMED).collect()
}

impl Calendar {
    /// Returns the image of a schedule whose next run is `next`, in milliseconds since 1970; `None` if its times cannot
    /// be read.
    pub(super) fn of(schedule: &ScheduleRecord, next: Option<i64>, now: Timestamp) -> Option<Self> {
        let times = Times::read(&schedule.cron, &schedule.time_zone).ok()?;
        let zone = TimeZone::get(times.zone_name()).ok()?;
        let today = now.to_zoned(zone.clone()).date();
        let start = |ahead: i32| today.checked_add(ahead.days()).ok()?.to_zoned(zone.clone()).ok();
        let starts: Vec<Zoned> = (0..=DAYS).map_while(start).collect();
        let whole = (millis(starts.first()?), millis(starts.last()?));
        let closed = match &schedule.windows {
            // Windows that cannot be read count as closed.
            Some(windows) => windows.closed_between(whole.0, whole.1).unwrap_or_else(|| vec![whole]),
            None => Vec::new(),
        };
        let runs = next_runs(schedule, next, now);
        let first = runs.first().map(|at| to_millis(*at));
        let bar = |part| Bar::of(part, whole);
        let day = |start: &Zoned| Day {
            x: place(millis(start), whole),
            label: start.strftime("%a %-d").to_string(),
        };
        Some(Self {
            id: format!("calendar-{}", schedule.name),
            says: says(&runs, &zone),
            days: starts.iter().take(starts.len() - 1).map(day).collect(),
            closed: closed.into_iter().map(bar).collect(),
            runs: slots(&times, first, whole).into_iter().map(bar).collect(),
        })
    }
}

impl Bar {
    fn of((begin, end): (i64, i64), whole: (i64, i64)) -> Self {
        Self {
            x: place(begin, whole),
            width: place(whole.0 + end - begin, whole),
        }
    }
}

fn millis(at: &Zoned) -> i64 {
    to_millis(at.timestamp())
}

/// Returns the parts of the time in which runs begin. `first` is the first run.
fn slots(times: &Times, first: Option<i64>, (from, to): (i64, i64)) -> Vec<(i64, i64)> {
    let mut slots = Vec::new();
    let mut run = first;
    while let Some(at) = run.filter(|at| *at < to) {
        let begin = at - (at - from).rem_euclid(SLOT);
        let end = begin + SLOT;
        slots.push((begin, end));
        // Each turn takes a part of the time, however often the schedule runs.
        let next = from_millis(end - 1).and_then(|before| times.next_after(before));
        run = next.map(|next| to_millis(next).max(end));
    }
    slots
}

/// Returns the place of a time in the image.
#[expect(clippy::cast_precision_loss, reason = "two weeks are some 2^30 milliseconds")]
fn place(at: i64, (from, to): (i64, i64)) -> String {
    format!("{:.1}", (at - from) as f64 / (to - from).max(1) as f64 * WIDTH)
}

fn says(runs: &[Timestamp], zone: &TimeZone) -> String {
    let written = |at: &Timestamp| at.to_zoned(zone.clone()).strftime("%a %-d %b %H:%M").to_string();
    let runs: Vec<String> = runs.iter().map(written).collect();
    if runs.is_empty() {
        "It makes no jobs.".to_owned()
    } else {
        format!("Next runs: {}.", runs.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use lethe_common::ledger::Marks;
    use lethe_common::schedule::{Window, Windows};

    use super::*;

    fn schedule(cron: &str, windows: Option<Window>) -> ScheduleRecord {
        ScheduleRecord {
            name: "nightly".to_owned(),
            principal: "p".to_owned(),
            rights: String::new(),
            target: None,
            cron: cron.to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            job: String::new(),
            marks: Marks::default(),
            windows: windows.map(|window| Windows::new("Europe/Berlin", vec![window]).unwrap()),
            paused: false,
            next_run_at: 0,
        }
    }

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn a_daily_run_has_a_mark_on_each_day() {
        let nightly = schedule("0 3 * * *", None);
        let next = Some(to_millis(at("2026-02-01T02:00:00Z")));
        let calendar = Calendar::of(&nightly, next, at("2026-01-31T12:00:00Z")).unwrap();
        assert_eq!((calendar.days.len(), calendar.runs.len()), (14, 13));
        assert_eq!(
            (calendar.days[1].x.as_str(), calendar.days[1].label.as_str()),
            ("50.0", "Sun 1")
        );
        // From two to four.
        assert_eq!(
            (calendar.runs[0].x.as_str(), calendar.runs[0].width.as_str()),
            ("54.2", "4.2")
        );
        assert_eq!(
            calendar.says,
            "Next runs: Sun 1 Feb 03:00, Mon 2 Feb 03:00, Tue 3 Feb 03:00."
        );
        assert!(calendar.closed.is_empty());
        let svg = calendar.render().unwrap();
        assert!(
            svg.contains("calendar-nightly-says") && !svg.contains("style="),
            "{svg}"
        );
    }

    #[test]
    fn a_schedule_of_every_second_has_as_many_marks_as_there_is_room_for() {
        let now = at("2026-01-31T12:00:00Z");
        let often = schedule("* * * * * *", None);
        let calendar = Calendar::of(&often, Some(to_millis(now)), now).unwrap();
        // Today 12 hours are over: 13 o'clock is in the slot of 12 to 14.
        assert_eq!(calendar.runs.len(), 14 * 12 - 6);
        let paused = Calendar::of(&often, None, now).unwrap();
        assert!(paused.runs.is_empty());
        assert_eq!(paused.says, "It makes no jobs.");
        // A missed run is caught up now.
        let missed = Calendar::of(&often, Some(0), now).unwrap();
        assert_eq!(missed.runs.len(), calendar.runs.len());
    }

    #[test]
    fn times_without_an_open_window_are_marked() {
        let weekend = Window {
            days: Some(vec!["sat".to_owned(), "sun".to_owned()]),
            from: "00:00".to_owned(),
            to: "24:00".to_owned(),
        };
        // A Monday.
        let now = at("2026-01-05T12:00:00Z");
        let calendar = Calendar::of(&schedule("0 3 * * *", Some(weekend)), None, now).unwrap();
        let closed: Vec<_> = calendar
            .closed
            .iter()
            .map(|bar| (bar.x.as_str(), bar.width.as_str()))
            .collect();
        assert_eq!(closed, [("0.0", "250.0"), ("350.0", "250.0")]);
    }

    #[test]
    fn a_time_zone_that_is_not_known_has_no_image() {
        let mut elsewhere = schedule("0 3 * * *", None);
        "Nowhere/Else".clone_into(&mut elsewhere.time_zone);
        assert!(Calendar::of(&elsewhere, Some(0), at("2026-01-05T12:00:00Z")).is_none());
        assert!(next_runs(&elsewhere, Some(0), at("2026-01-05T12:00:00Z")).is_empty());
    }
}
