//! Maintenance windows: the times, in a time zone, when batches may begin.
//!
//! The local clock opens and closes a window. On days with a clock change, a window over that hour is an
//! hour shorter or longer.

mod closed;

use std::fmt;
use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::zone;
use crate::clock::from_millis;

/// The days of the week, as written in a window.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// The most windows: one for each hour of a week.
const MOST: usize = 168;

/// The wait for windows that cannot be read: an operator may correct them meanwhile.
const UNKNOWN: Duration = Duration::from_hours(1);

const DAY: u32 = 24 * 60;
const WEEK: u32 = 7 * DAY;

/// A time on each of some days, until another time; if that is not later, until it on the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it opens: `mon` to `sun`. Absent: every day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<String>>,
    /// The time when it opens: `HH:MM`.
    pub from: String,
    /// The time when it closes: `HH:MM`, or `24:00` for the end of the day.
    pub to: String,
}

/// The windows in which batches may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    time_zone: String,
    windows: Vec<Window>,
}

/// The reason why windows make no sense, with their place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowsError {
    /// There are none.
    Empty,
    /// There are too many.
    TooMany,
    /// The time zone is not known.
    Zone,
    /// A window opens on no day, on an unknown day, or twice on one day.
    Days(usize),
    /// A window opens at no time of day.
    From(usize),
    /// A window closes at no time of day.
    To(usize),
    /// A window closes when it opens.
    Length(usize),
    /// A window opens while another is open.
    Overlap(usize, usize),
}

impl fmt::Display for WindowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("write at least one window, or leave them out"),
            Self::TooMany => write!(f, "write at most {MOST} windows"),
            Self::Zone => f.write_str("write a time zone by its name, such as `Europe/Berlin` or `UTC`"),
            Self::Days(_) => {
                f.write_str("write at least one of mon, tue, wed, thu, fri, sat and sun, each once, or leave it out")
            }
            Self::From(_) => f.write_str("write a time of day from `00:00` to `23:59`"),
            Self::To(_) => f.write_str("write a time of day from `00:00` to `24:00`"),
            Self::Length(_) => f.write_str("write another time than `from`: this window is never open"),
            Self::Overlap(_, other) => write!(f, "merge it with `windows[{other}]`: both are open at the same time"),
        }
    }
}

impl WindowsError {
    /// Returns the path of the error inside the list of windows.
    pub fn place(self) -> String {
        match self {
            Self::Empty | Self::TooMany | Self::Zone => String::new(),
            Self::Days(n) => format!("[{n}].days"),
            Self::From(n) => format!("[{n}].from"),
            Self::To(n) | Self::Length(n) => format!("[{n}].to"),
            Self::Overlap(n, _) => format!("[{n}]"),
        }
    }
}

impl Windows {
    /// Returns windows in a time zone, if they make sense.
    ///
    /// # Errors
    ///
    /// The error, and its place.
    pub fn new(time_zone: &str, windows: Vec<Window>) -> Result<Self, WindowsError> {
        zone(time_zone).ok_or(WindowsError::Zone)?;
        match windows.len() {
            0 => return Err(WindowsError::Empty),
            n if n > MOST => return Err(WindowsError::TooMany),
            _ => {}
        }
        let mut open: Vec<(u32, u32, usize)> = Vec::new();
        for (n, window) in windows.iter().enumerate() {
            let from = minute(&window.from)
                .filter(|at| *at < DAY)
                .ok_or(WindowsError::From(n))?;
            let to = minute(&window.to).ok_or(WindowsError::To(n))?;
            if from == to {
                return Err(WindowsError::Length(n));
            }
            let days = window.weekdays().ok_or(WindowsError::Days(n))?;
            let length = if to > from { to - from } else { to + DAY - from };
            let first = |day: Weekday| u32::from(day.to_monday_zero_offset().unsigned_abs()) * DAY;
            open.extend(days.into_iter().map(|day| (first(day) + from, length, n)));
        }
        open.sort_unstable();
        // After the last window of the week comes the first window of the next week.
        let first = open.first().map(|&(from, length, n)| (from + WEEK, length, n));
        let following = open.iter().copied().skip(1).chain(first);
        for (&(from, length, n), (next, _, other)) in open.iter().zip(following) {
            if from + length > next {
                return Err(WindowsError::Overlap(n.max(other), n.min(other)));
            }
        }
        Ok(Self {
            time_zone: time_zone.to_owned(),
            windows,
        })
    }

    /// Returns the windows as written.
    pub fn list(&self) -> &[Window] {
        &self.windows
    }

    /// Returns whether no window is open at `at`, in milliseconds since 1970.
    pub fn are_closed(&self, at: i64) -> bool {
        !self.wait(at).is_zero()
    }

    /// Returns the time until a window is open, from `at` in milliseconds since 1970.
    pub fn wait(&self, at: i64) -> Duration {
        // Beyond the year 9999 no window is open.
        from_millis(at).map_or(UNKNOWN, |at| self.opens_in(at))
    }

    /// Returns the time from `at` until a window is open: zero if one is.
    ///
    /// Windows that cannot be read count as closed.
    pub fn opens_in(&self, at: Timestamp) -> Duration {
        let around = self.around(at);
        if around.iter().any(|(from, to)| *from <= at && at < *to) {
            return Duration::ZERO;
        }
        let coming = around.into_iter().filter(|(from, to)| *from > at && to > from);
        let soonest = coming.map(|(from, _)| from).min();
        soonest.map_or(UNKNOWN, |soonest| soonest.duration_since(at).unsigned_abs())
    }

    /// Returns the time that windows have been open without a break, at `at` in milliseconds since 1970; `None` if
    /// none is open. It counts from the windows of yesterday at most.
    pub fn open_for(&self, at: i64) -> Option<Duration> {
        let at = from_millis(at)?;
        let around = self.around(at);
        let (mut since, _) = *around.iter().find(|(from, to)| *from <= at && at < *to)?;
        while let Some((from, _)) = around.iter().find(|(from, to)| *to == since && from < to) {
            since = *from;
        }
        Some(at.duration_since(since).unsigned_abs())
    }

    /// Returns the opening and closing times around `at`: of windows that may be open, and of those that open next.
    fn around(&self, at: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let Some(zone) = zone(&self.time_zone) else {
            return Vec::new();
        };
        let today = at.to_zoned(zone.clone()).date();
        // From yesterday, whose windows may reach into today, to more than a week ahead: a window in the hour that
        // clocks skip does not open in that week.
        let dates = (-1..=15).map_while(|ahead| today.checked_add(ahead.days()).ok());
        dates
            .flat_map(|date| self.windows.iter().map(move |window| (window, date)))
            .filter_map(|(window, date)| window.on(date, &zone))
            .collect()
    }
}

impl Window {
    /// Returns the days on which it opens; `None` if they cannot be read.
    fn weekdays(&self) -> Option<Vec<Weekday>> {
        let Some(days) = &self.days else {
            return Some(DAYS.map(|(_, day)| day).to_vec());
        };
        let known = |word: &String| DAYS.iter().find(|(name, _)| name == word).map(|(_, day)| *day);
        let mut found: Vec<Weekday> = days.iter().map(known).collect::<Option<_>>()?;
        let n = found.len();
        found.sort_unstable_by_key(|day| day.to_monday_zero_offset());
        found.dedup();
        (n > 0 && found.len() == n).then_some(found)
    }

    /// Returns its opening and closing times, if it opens on `date`.
    fn on(&self, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        if !self.weekdays()?.contains(&date.weekday()) {
            return None;
        }
        let (from, to) = (minute(&self.from)?, minute(&self.to)?);
        let moment = |minute: u32, days: Span| {
            let (date, minute) = (date.checked_add(days).ok()?, minute % DAY);
            let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
            let time = Time::new(hour, minute, 0, 0).ok()?;
            // A time in a gap moves by the length of the gap. Of a time that comes twice, the first counts.
            Some(zone.to_zoned(date.to_datetime(time)).ok()?.timestamp())
        };
        let next = to <= from || to == DAY;
        Some((moment(from, 0.days())?, moment(to, i32::from(next).days())?))
    }
}

/// Returns the minute of the day of `HH:MM`, 24:00 included.
fn minute(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |digits: &str| {
        let fine = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        fine.then(|| digits.parse::<u32>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= DAY).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[&str], from: &str, to: &str) -> Window {
        Window {
            days: (!days.is_empty()).then(|| days.iter().map(|&day| day.to_owned()).collect()),
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    fn berlin(windows: Vec<Window>) -> Result<Windows, WindowsError> {
        Windows::new("Europe/Berlin", windows)
    }

    /// Returns the minutes until a window opens.
    fn wait(windows: &Windows, at: &str) -> u64 {
        windows.opens_in(at.parse().unwrap()).as_secs() / 60
    }

    #[test]
    fn how_long_a_window_has_been_open_is_told() {
        let nights = berlin(vec![window(&[], "22:00", "06:00")]).unwrap();
        let open_for = |at: &str| nights.open_for(at.parse::<Timestamp>().unwrap().as_millisecond());
        assert_eq!(open_for("2026-01-10T20:59:59Z"), None);
        assert_eq!(open_for("2026-01-10T21:00:00Z"), Some(Duration::ZERO));
        assert_eq!(open_for("2026-01-11T04:59:00Z"), Some(Duration::from_mins(7 * 60 + 59)));
        assert_eq!(open_for("2026-01-11T05:00:00Z"), None);

        let two = berlin(vec![window(&[], "22:00", "24:00"), window(&[], "00:00", "06:00")]).unwrap();
        let at = "2026-01-11T04:59:00Z".parse::<Timestamp>().unwrap().as_millisecond();
        assert_eq!(two.open_for(at), Some(Duration::from_mins(7 * 60 + 59)));
    }

    #[test]
    fn a_window_is_open_from_its_beginning_until_its_end() {
        // Nights that begin on Saturday and Sunday. In January the zone is UTC+1.
        let nights = berlin(vec![window(&["sat", "sun"], "22:00", "06:00")]).unwrap();
        for (at, minutes) in [
            ("2026-01-03T20:59:00Z", 1),
            ("2026-01-03T21:00:00Z", 0),
            ("2026-01-04T04:59:59Z", 0),
            ("2026-01-04T05:00:00Z", 16 * 60),
            ("2026-01-05T04:59:00Z", 0),
            ("2026-01-05T05:00:00Z", 5 * 24 * 60 + 16 * 60),
        ] {
            assert_eq!(wait(&nights, at), minutes, "{at}");
        }
        let always = berlin(vec![window(&[], "00:00", "24:00")]).unwrap();
        for at in ["2026-01-03T22:59:59Z", "2026-01-03T23:00:00Z", "2026-03-29T01:30:00Z"] {
            assert_eq!(wait(&always, at), 0, "{at}");
        }
    }

    #[test]
    fn a_window_over_the_hour_that_clocks_change_is_shorter_or_longer() {
        let early = berlin(vec![window(&[], "01:00", "04:00")]).unwrap();
        for (at, minutes) in [
            ("2026-03-29T00:00:00Z", 0),
            ("2026-03-29T01:59:00Z", 0),
            ("2026-03-29T02:00:00Z", 21 * 60),
            ("2026-10-24T23:00:00Z", 0),
            ("2026-10-25T02:59:00Z", 0),
            ("2026-10-25T03:00:00Z", 21 * 60),
        ] {
            assert_eq!(wait(&early, at), minutes, "{at}");
        }
        // From half past two, which does not exist on that day, to three.
        let none = berlin(vec![window(&["sun"], "02:30", "03:00")]).unwrap();
        assert_eq!(wait(&none, "2026-03-29T00:30:00Z"), 7 * 24 * 60);
    }

    #[test]
    fn windows_that_make_no_sense_are_refused() {
        for (windows, error) in [
            (vec![], WindowsError::Empty),
            (vec![window(&[], "01:00", "01:01"); 169], WindowsError::TooMany),
            (
                vec![window(&["sat", "caturday"], "01:00", "02:00")],
                WindowsError::Days(0),
            ),
            (vec![window(&["sat", "sat"], "01:00", "02:00")], WindowsError::Days(0)),
            (vec![window(&[], "24:00", "02:00")], WindowsError::From(0)),
            (vec![window(&[], "1:00", "02:00")], WindowsError::From(0)),
            (vec![window(&[], "01:60", "02:00")], WindowsError::From(0)),
            (vec![window(&[], "01:00", "+2:00")], WindowsError::To(0)),
            (vec![window(&[], "01:00", "24:01")], WindowsError::To(0)),
            (vec![window(&[], "01:00", "01:00")], WindowsError::Length(0)),
            (
                vec![window(&["fri"], "01:00", "02:00"), window(&[], "01:59", "03:00")],
                WindowsError::Overlap(1, 0),
            ),
            // Across the end of the week.
            (
                vec![window(&["mon"], "00:30", "02:00"), window(&["sun"], "22:00", "01:00")],
                WindowsError::Overlap(1, 0),
            ),
            (
                vec![window(&["mon"], "01:00", "02:00"), window(&["mon"], "01:00", "02:00")],
                WindowsError::Overlap(1, 0),
            ),
        ] {
            assert_eq!(berlin(windows.clone()).err(), Some(error), "{windows:?}");
        }
        let mut empty = window(&[], "01:00", "02:00");
        empty.days = Some(Vec::new());
        assert_eq!(berlin(vec![empty]).err(), Some(WindowsError::Days(0)));
        let one = vec![window(&[], "01:00", "02:00")];
        assert_eq!(Windows::new("Mars/Olympus", one).err(), Some(WindowsError::Zone));
        let touching = vec![window(&[], "01:00", "02:00"), window(&[], "02:00", "01:00")];
        assert!(berlin(touching).is_ok());
    }
}
