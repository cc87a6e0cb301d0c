//! The times of a schedule: a cron expression in a time zone.
//!
//! Where clocks go forward, a time that does not exist becomes the first moment after the gap. Where they
//! go back, a time that comes twice is the first of the two. So a daily time comes once on those days too.
//! Expressions with `*` or steps in their hours, minutes or seconds follow the wall clock instead: no time
//! in the gap, and both hours of the overlap.

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::zone;

/// The longest expression, in bytes: longer than a list of every minute of an hour.
const LONGEST: usize = 255;

/// The times of a schedule.
#[derive(Debug, Clone)]
pub struct Times {
    cron: Cron,
    zone: TimeZone,
}

/// The reason why there are no such times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimesError {
    /// The expression cannot be read.
    Cron,
    /// The time zone is not known.
    Zone,
    /// No time ever matches: the 30th of February.
    Never,
}

impl fmt::Display for TimesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cron => {
                "write five fields, minute, hour, day of the month, month and day of the week, such as \
                 `0 3 * * *`; or six, with seconds before them"
            }
            Self::Zone => "write a time zone by its name, such as `Europe/Berlin` or `UTC`",
            Self::Never => "write another expression: no time matches it",
        })
    }
}

impl Times {
    /// Reads an expression of five fields, or of six with seconds first, in the time zone of that name.
    ///
    /// # Errors
    ///
    /// The part that cannot be read. [`next_after`](Self::next_after) tells whether such a time ever comes.
    pub fn read(cron: &str, zone_name: &str) -> Result<Self, TimesError> {
        let zone = zone(zone_name).ok_or(TimesError::Zone)?;
        if cron.len() > LONGEST {
            return Err(TimesError::Cron);
        }
        // A recurring time has no year.
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed);
        let cron = parser.build().parse(cron).map_err(|_| TimesError::Cron)?;
        Ok(Self { cron, zone })
    }

    /// Returns the first time after `at`; `None` if there is none.
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let at = at.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&at, false).ok()?;
        // The time must always be later, or the schedule would run again and again at once.
        Some(next.timestamp()).filter(|next| *next > at.timestamp())
    }

    /// Returns the IANA name of the time zone.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn runs(cron: &str, zone: &str, from: &str, n: usize) -> Vec<String> {
        let times = Times::read(cron, zone).unwrap();
        let first: Timestamp = from.parse().unwrap();
        let next = std::iter::successors(Some(first), |at| times.next_after(*at));
        next.skip(1).take(n).map(|at| at.to_string()).collect()
    }

    #[test]
    fn a_time_of_day_follows_the_clock_of_its_zone() {
        assert_eq!(
            runs("0 3 * * *", "Europe/Berlin", "2026-01-31T12:00:00Z", 2),
            ["2026-02-01T02:00:00Z", "2026-02-02T02:00:00Z"]
        );
        assert_eq!(
            runs("0 3 * * *", "europe/berlin", "2026-07-31T12:00:00.5Z", 1),
            ["2026-08-01T01:00:00Z"]
        );
        assert_eq!(
            runs("*/20 * * * * *", "UTC", "2026-01-01T00:00:00Z", 3),
            ["2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z", "2026-01-01T00:01:00Z"]
        );
        assert_eq!(
            runs("0 0 * * mon-fri", "UTC", "2026-01-02T00:00:00Z", 2),
            ["2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z"]
        );
    }

    #[test]
    fn last_days_nearest_weekdays_and_nicknames_are_taken() {
        // The 1st of May 2026 is a Friday, the 16th a Saturday.
        for (cron, first) in [
            ("0 3 L * *", "2026-05-31T03:00:00Z"),
            ("0 3 16W * *", "2026-05-15T03:00:00Z"),
            ("0 3 * * 5#2", "2026-05-08T03:00:00Z"),
            ("0 3 * * fri#2", "2026-05-08T03:00:00Z"),
            ("0 3 * * 5L", "2026-05-29T03:00:00Z"),
            ("0 3 ? * 5", "2026-05-01T03:00:00Z"),
            ("0 3 13 * 5", "2026-05-01T03:00:00Z"),
            ("0 3 13 * +5", "2026-11-13T03:00:00Z"),
            ("@hourly", "2026-05-01T01:00:00Z"),
            ("@daily", "2026-05-02T00:00:00Z"),
            ("@weekly", "2026-05-03T00:00:00Z"),
            ("@Monthly", "2026-06-01T00:00:00Z"),
            ("@yearly", "2027-01-01T00:00:00Z"),
        ] {
            assert_eq!(runs(cron, "UTC", "2026-05-01T00:00:00Z", 1), [first], "{cron}");
        }
        for cron in [
            "@never",
            "@reboot",
            "L 3 * * *",
            "0 3 5#2 * *",
            "0 3 * * 5W",
            "0 3 * ? *",
        ] {
            assert_eq!(Times::read(cron, "UTC").err(), Some(TimesError::Cron), "{cron}");
        }
    }

    #[test]
    fn what_happens_once_a_day_happens_once_on_the_day_of_a_gap() {
        // 02:30 does not exist on the 29th: 03:00 is the first moment after the gap.
        assert_eq!(
            runs("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 3),
            ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"]
        );
    }

    #[test]
    fn what_happens_once_a_day_happens_once_on_the_day_of_an_overlap() {
        // 02:30 comes twice on the 25th. The first counts, for a start before, between and after the two.
        assert_eq!(
            runs("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 3),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z"]
        );
        for between in [
            "2026-10-25T00:30:00.001Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T01:30:00Z",
        ] {
            assert_eq!(
                runs("30 2 * * *", "Europe/Berlin", between, 1),
                ["2026-10-26T01:30:00Z"]
            );
        }
    }

    #[test]
    fn every_half_hour_follows_the_wall() {
        assert_eq!(
            runs("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:29:00Z", 5),
            [
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-25T02:00:00Z",
                "2026-10-25T02:30:00Z"
            ]
        );
        assert_eq!(
            runs("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:29:00Z", 3),
            ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let long = format!("{} * * * *", ["0"; 200].join(","));
        for cron in [
            "",
            "* * * *",
            "61 * * * *",
            "0 3 * * * * 2030",
            "often",
            "0 3 * * xyz",
            &long,
        ] {
            assert_eq!(Times::read(cron, "UTC").err(), Some(TimesError::Cron), "{cron}");
        }
        for zone in ["", "Europe/Atlantis", "CET-1CEST", "Etc/Unknown", "+01:00", "local"] {
            assert_eq!(Times::read("* * * * *", zone).err(), Some(TimesError::Zone), "{zone}");
        }
    }

    #[test]
    fn a_time_that_never_comes_is_found_out_soon() {
        let start = Instant::now();
        assert_eq!(
            runs("0 3 30 2 *", "Europe/Berlin", "2026-01-01T00:00:00Z", 1),
            Vec::<String>::new()
        );
        assert_eq!(
            runs("59 59 23 31 2,4,6,9,11 *", "Europe/Berlin", "2026-01-01T00:00:00Z", 1),
            Vec::<String>::new()
        );
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
}
