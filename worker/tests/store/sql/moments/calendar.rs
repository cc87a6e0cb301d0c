//! A calendar that shares no code with the compiler of filters. Moments are microseconds since 1970.

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Returns the days since 1970 of a date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let before = |year: i64| (year - 1) * 365 + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let months = [
        31,
        if leap(year) { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let in_year: i64 = months.iter().take(usize::try_from(month - 1).unwrap()).sum();
    before(year) - before(1970) + in_year + day - 1
}

/// A date and a time of day, as a local clock shows them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) micro: i64,
}

impl Clock {
    /// Returns the local time of a moment, `offset` seconds east of UTC.
    pub(super) fn at(moment: i64, offset: i64) -> Self {
        let local = moment + offset * SECOND;
        let (day, rest) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let mut year = 1970 + day / 366;
        while days(year + 1, 1, 1) <= day {
            year += 1;
        }
        while days(year, 1, 1) > day {
            year -= 1;
        }
        let month = (1..=12).rev().find(|month| days(year, *month, 1) <= day).unwrap();
        Self {
            year,
            month,
            day: day - days(year, month, 1) + 1,
            hour: rest / (3_600 * SECOND),
            minute: rest / (60 * SECOND) % 60,
            second: rest / SECOND % 60,
            micro: rest % SECOND,
        }
    }

    pub(super) fn date(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    pub(super) fn minutes(self) -> String {
        format!("{:02}:{:02}", self.hour, self.minute)
    }

    pub(super) fn seconds(self) -> String {
        format!("{}:{:02}", self.minutes(), self.second)
    }

    pub(super) fn micros(self) -> String {
        format!("{}.{:06}", self.seconds(), self.micro)
    }

    pub(super) fn millis(self) -> String {
        format!("{}.{:03}", self.seconds(), self.micro / 1_000)
    }
}

/// Returns the moment of a date and a number of seconds after its midnight in UTC.
pub(super) fn moment(year: i64, month: i64, day: i64, seconds: i64) -> i64 {
    days(year, month, day) * DAY + seconds * SECOND
}

/// Returns the moments in UTC at which Berlin's clocks go forward and back in a year since 1996: one o'clock on the
/// last Sundays of March and October.
pub(super) fn changes(year: i64) -> (i64, i64) {
    let last_sunday = |month: i64| {
        let last = days(year, month, 31);
        // The first day of 1970 was a Thursday.
        (last - (last + 4).rem_euclid(7)) * DAY + 3_600 * SECOND
    };
    (last_sunday(3), last_sunday(10))
}

/// Returns the offset of Berlin's clocks, in seconds.
pub(super) fn berlin(moment: i64) -> i64 {
    let (forward, back) = changes(Clock::at(moment, 0).year);
    if (forward..back).contains(&moment) {
        7_200
    } else {
        3_600
    }
}

/// Returns whether Berlin's clocks show the time of this moment twice.
pub(super) fn is_twice(moment: i64) -> bool {
    let (_, back) = changes(Clock::at(moment, 0).year);
    (back - 3_600 * SECOND..back + 3_600 * SECOND).contains(&moment)
}

#[test]
fn the_calendar_knows_some_dates() {
    assert_eq!(moment(1970, 1, 1, 0), 0);
    assert_eq!(moment(2024, 1, 31, 54_000), 1_706_713_200 * SECOND);
    assert_eq!(Clock::at(1_709_164_799 * SECOND, 0).date(), "2024-02-28");
    assert_eq!(Clock::at(-1, 0).micros(), "23:59:59.999999");
    assert_eq!(changes(2024), (1_711_846_800 * SECOND, 1_729_990_800 * SECOND));
}
