//! Dates without a library: the proleptic Gregorian calendar, in milliseconds since 1970, and OpenSearch's rounding.

const DAY: i64 = 86_400_000;

/// Returns the day of a date, counted from 1970.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that a leap day is the last day of its year.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Returns the date of a day that is counted from 1970.
fn date_of(day: i64) -> (i64, i64, i64) {
    let mut year = 1970 + day.div_euclid(366);
    while day_of(year + 1, 1, 1) <= day {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && day_of(year, month + 1, 1) <= day {
        month += 1;
    }
    (year, month, day - day_of(year, month, 1) + 1)
}

fn days_in(year: i64, month: i64) -> i64 {
    let (next, month_after) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    day_of(next, month_after, 1) - day_of(year, month, 1)
}

/// Returns a moment, in microseconds since 1970, as a date and a time.
pub(super) fn written(micros: i64) -> String {
    let (day, of_day) = (micros.div_euclid(DAY * 1_000), micros.rem_euclid(DAY * 1_000));
    let (year, month, day) = date_of(day);
    let seconds = of_day / 1_000_000;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{:06}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        of_day % 1_000_000
    )
}

/// Returns the first or the last millisecond of a text's period, `zone` milliseconds east of UTC.
pub(super) fn read(text: &str, zone: i64, up: bool) -> Option<i64> {
    match text.split_once("||") {
        Some((anchor, steps)) => moved(plain(anchor, zone, false)? + zone, steps, up).map(|local| local - zone),
        None => plain(text, zone, up),
    }
}

/// Reads a number of milliseconds, or a year with optional smaller parts and an offset.
fn plain(text: &str, zone: i64, up: bool) -> Option<i64> {
    if text.len() > 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let (text, zone) = match (text.strip_suffix('Z'), text.split_once('+')) {
        (Some(text), _) => (text, 0),
        (None, Some((text, offset))) => {
            let (hours, minutes) = offset.split_once(':')?;
            let minutes: i64 = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            (text, minutes * 60_000)
        }
        (None, None) => (text, zone),
    };
    let numbers: Vec<i64> = text
        .split(['-', 'T', ':', '.'])
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let part = |n: usize, first: i64, last: i64| numbers.get(n).copied().unwrap_or(if up { last } else { first });
    let day = day_of(numbers[0], part(1, 1, 1), part(2, 1, 1));
    let seconds = (part(3, 0, 23) * 60 + part(4, 0, 59)) * 60 + part(5, 0, 59);
    // The texts here have three digits of a fraction, or none.
    Some(day * DAY + seconds * 1_000 + part(6, 0, 999) - zone)
}

/// Returns the result of the steps of date math, in local time.
fn moved(mut at: i64, steps: &str, up: bool) -> Option<i64> {
    let mut rest = steps.chars().peekable();
    while let Some(operator) = rest.next() {
        let mut digits = String::new();
        while let Some(digit) = rest.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        let unit = rest.next()?;
        let n: i64 = if digits.is_empty() { 1 } else { digits.parse().ok()? };
        at = match operator {
            '+' => later(at, n, unit)?,
            '-' => later(at, -n, unit)?,
            '/' if up => later(floor(at, unit)?, 1, unit)? - 1,
            '/' => floor(at, unit)?,
            _ => return None,
        };
    }
    Some(at)
}

fn later(at: i64, n: i64, unit: char) -> Option<i64> {
    let months = match unit {
        'y' => 12 * n,
        'M' => n,
        'w' => return Some(at + 7 * n * DAY),
        'd' => return Some(at + n * DAY),
        'h' => return Some(at + n * 3_600_000),
        _ => return None,
    };
    let (year, month, day) = date_of(at.div_euclid(DAY));
    let (year, month) = (
        (year * 12 + month - 1 + months).div_euclid(12),
        (month - 1 + months).rem_euclid(12) + 1,
    );
    Some(day_of(year, month, day.min(days_in(year, month))) * DAY + at.rem_euclid(DAY))
}

fn floor(at: i64, unit: char) -> Option<i64> {
    let today = at.div_euclid(DAY);
    let (year, month, _) = date_of(today);
    Some(match unit {
        'y' => day_of(year, 1, 1) * DAY,
        'M' => day_of(year, month, 1) * DAY,
        // The first day of 1970 was a Thursday.
        'w' => (today - (today + 3).rem_euclid(7)) * DAY,
        'd' => today * DAY,
        'h' => at.div_euclid(3_600_000) * 3_600_000,
        _ => return None,
    })
}

#[test]
fn dates_are_read_by_hand() {
    assert_eq!(day_of(1970, 1, 1), 0);
    assert_eq!(date_of(day_of(2024, 2, 29)), (2024, 2, 29));
    assert_eq!(date_of(-1), (1969, 12, 31));
    assert_eq!(written(1_704_164_645_000_001), "2024-01-02 03:04:05.000001");
    for (text, up, expected) in [
        ("2024-02-10||/M+1M", true, "2024-03-29 23:59:59.999000"),
        ("2024-01-31||", true, "2024-01-31 00:00:00.000000"),
        ("2024", true, "2024-01-01 23:59:59.999000"),
        ("2024-01-31T10:00:05+01:00", true, "2024-01-31 09:00:05.999000"),
        ("2024-01-31||/w", false, "2024-01-29 00:00:00.000000"),
    ] {
        assert_eq!(written(read(text, 0, up).unwrap() * 1_000), expected, "{text}");
    }
}
