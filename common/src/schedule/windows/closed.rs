//! The times without an open window. They do not count for a job's time limit.

use jiff::ToSpan;

use super::{Window, Windows, minute, zone};
use crate::clock::{from_millis, to_millis};

impl Windows {
    /// Returns whether the windows can be read, so that one opens some day.
    pub fn are_readable(&self) -> bool {
        let is_time = |text: &str| minute(text).is_some();
        let opens = |window: &Window| window.weekdays().is_some() && is_time(&window.from) && is_time(&window.to);
        zone(&self.time_zone).is_some() && self.windows.iter().any(opens)
    }

    /// Returns the times without an open window between two times, in order and in milliseconds since 1970. `None` if
    /// the windows cannot be read.
    pub fn closed_between(&self, from: i64, to: i64) -> Option<Vec<(i64, i64)>> {
        let zone = zone(&self.time_zone).filter(|_| self.are_readable())?;
        let date = |at: i64| Some(from_millis(at)?.to_zoned(zone.clone()).date());
        // A window of the day before may reach into the first day.
        let (first, last) = (date(from)?.yesterday().ok()?, date(to)?);
        let days = first.series(1.day()).take_while(|day| *day <= last);
        let mut open: Vec<(i64, i64)> = days
            .flat_map(|day| {
                let zone = &zone;
                self.windows.iter().filter_map(move |window| window.on(day, zone))
            })
            .map(|(opens, closes)| (to_millis(opens), to_millis(closes)))
            .filter(|(opens, closes)| opens < closes)
            .collect();
        open.sort_unstable();
        let (mut closed, mut at) = (Vec::new(), from);
        for (opens, closes) in open {
            if opens.min(to) > at {
                closed.push((at, opens.min(to)));
            }
            at = at.max(closes);
        }
        if at < to {
            closed.push((at, to));
        }
        Some(closed)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_times_without_an_open_window_are_told() {
        let millis = |at: &str| at.parse::<Timestamp>().unwrap().as_millisecond();
        let night = Window {
            days: None,
            from: "22:00".to_owned(),
            to: "06:00".to_owned(),
        };
        let nights = Windows::new("Europe/Berlin", vec![night.clone()]).unwrap();
        let closed = |from, to| nights.closed_between(millis(from), millis(to)).unwrap();
        // In January the zone is UTC+1.
        assert_eq!(closed("2026-01-10T22:00:00Z", "2026-01-11T04:00:00Z"), []);
        assert_eq!(
            closed("2026-01-10T10:00:00Z", "2026-01-10T12:00:00Z"),
            [(millis("2026-01-10T10:00:00Z"), millis("2026-01-10T12:00:00Z"))]
        );
        assert_eq!(
            closed("2026-01-10T04:00:00Z", "2026-01-11T23:00:00Z"),
            [
                (millis("2026-01-10T05:00:00Z"), millis("2026-01-10T21:00:00Z")),
                (millis("2026-01-11T05:00:00Z"), millis("2026-01-11T21:00:00Z")),
            ]
        );
        // In the night when clocks go forward, the window is an hour shorter.
        let day: i64 = closed("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z")
            .iter()
            .map(|(from, to)| to - from)
            .sum();
        assert_eq!(day, 17 * 3_600_000);
        let unreadable = Windows {
            time_zone: "Mars/Olympus".to_owned(),
            windows: vec![night],
        };
        assert_eq!(unreadable.closed_between(0, 1), None);
    }
}
