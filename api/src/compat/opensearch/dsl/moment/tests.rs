use jiff::Timestamp;

use super::*;

const NOW: &str = "2024-03-31T10:20:30.456789Z";

fn reading(written: &[TimeFormat], zone: &str) -> Reading {
    Reading {
        written: written.to_vec(),
        zone: date::zone(zone).unwrap(),
        now: NOW.parse().unwrap(),
    }
}

fn read(reading: &Reading, text: &str, up: bool) -> Option<String> {
    let at = Timestamp::from_millisecond(reading.read(text, up)?).unwrap();
    Some(at.to_string())
}

/// Checks each text against its first moment and its rounded-up moment.
#[track_caller]
fn reads(reading: &Reading, cases: &[(&str, &str, &str)]) {
    for (text, first, last) in cases {
        assert_eq!(read(reading, text, false).as_deref(), Some(*first), "{text}");
        assert_eq!(read(reading, text, true).as_deref(), Some(*last), "{text}");
    }
}

#[test]
fn dates_are_rounded_as_open_search_rounds_them() {
    let usual = Reading::usual(NOW.parse().unwrap());
    reads(
        &usual,
        &[
            // A missing month or day is the first one, also when rounding up.
            ("2024", "2024-01-01T00:00:00Z", "2024-01-01T23:59:59.999Z"),
            ("2024-02", "2024-02-01T00:00:00Z", "2024-02-01T23:59:59.999Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z", "2024-02-29T23:59:59.999Z"),
            ("2024-02-29T", "2024-02-29T00:00:00Z", "2024-02-29T23:59:59.999Z"),
            ("2024-02-29T10", "2024-02-29T10:00:00Z", "2024-02-29T10:59:59.999Z"),
            (
                "2024-02-29T10:30+01:00",
                "2024-02-29T09:30:00Z",
                "2024-02-29T09:30:59.999Z",
            ),
            (
                "2024-02-29T10:30:05-0130",
                "2024-02-29T12:00:05Z",
                "2024-02-29T12:00:05.999Z",
            ),
            (
                "2024-02-29T10:30:05.5009Z",
                "2024-02-29T10:30:05.5Z",
                "2024-02-29T10:30:05.5Z",
            ),
            (
                "2024-02-29T10:30:05,25",
                "2024-02-29T10:30:05.25Z",
                "2024-02-29T10:30:05.25Z",
            ),
            ("1700000000000", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z"),
            ("-1", "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ],
    );
    for wrong in [
        "",
        "T",
        "yesterday",
        "24-01-01",
        "2024-13",
        "2024-02-30",
        "2024-02-29T25:00",
        "2024-02-29T10:00X",
        "éé24",
        "2024-02-29T100000",
        "2024-02-29 10:00",
        "2024T10",
        "2024-02-29T10:00:60Z",
        "2024-1-1",
        "+2024",
        "1.5",
    ] {
        assert_eq!(usual.read(wrong, false), None, "{wrong}");
    }
}

#[test]
fn steps_lead_from_a_moment_to_another() {
    let usual = Reading::usual(NOW.parse().unwrap());
    reads(
        &usual,
        &[
            ("now", "2024-03-31T10:20:30.456Z", "2024-03-31T10:20:30.456Z"),
            ("now-90d", "2024-01-01T10:20:30.456Z", "2024-01-01T10:20:30.456Z"),
            // A day that a shorter month lacks becomes its last day.
            ("now-1M", "2024-02-29T10:20:30.456Z", "2024-02-29T10:20:30.456Z"),
            ("now+y", "2025-03-31T10:20:30.456Z", "2025-03-31T10:20:30.456Z"),
            ("now/d", "2024-03-31T00:00:00Z", "2024-03-31T23:59:59.999Z"),
            ("now/1d", "2024-03-31T00:00:00Z", "2024-03-31T23:59:59.999Z"),
            ("now-1h/h", "2024-03-31T09:00:00Z", "2024-03-31T09:59:59.999Z"),
            ("now/w", "2024-03-25T00:00:00Z", "2024-03-31T23:59:59.999Z"),
            ("now/y", "2024-01-01T00:00:00Z", "2024-12-31T23:59:59.999Z"),
            ("now/m", "2024-03-31T10:20:00Z", "2024-03-31T10:20:59.999Z"),
            ("now/d+1H", "2024-03-31T01:00:00Z", "2024-04-01T00:59:59.999Z"),
            // After rounding up, the next step starts at the last millisecond.
            ("2024-02-10||/M+1M", "2024-03-01T00:00:00Z", "2024-03-29T23:59:59.999Z"),
            (
                "2024-02-10||/M+1M/d",
                "2024-03-01T00:00:00Z",
                "2024-03-29T23:59:59.999Z",
            ),
            ("2023-02-10||/M/y", "2023-01-01T00:00:00Z", "2023-12-31T23:59:59.999Z"),
            // A moved date is a moment. Only a rounding step rounds it.
            ("2024-01-31||", "2024-01-31T00:00:00Z", "2024-01-31T00:00:00Z"),
            ("2024-01-31||+1M", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ],
    );
    for wrong in [
        "now-",
        "nowd",
        "now-1",
        "now-1x",
        "now/2d",
        "now*1d",
        "now-1d ",
        "now -1d",
        "now-99999999999d",
        "now+300000y",
        "now||/d",
        "||/d",
        "soon||/d",
        "now-é",
    ] {
        assert_eq!(usual.read(wrong, false), None, "{wrong}");
    }
}

#[test]
fn a_time_zone_says_where_dates_are_and_where_days_begin() {
    let paris = reading(
        &[TimeFormat::Date, TimeFormat::Counted(Count::Milliseconds)],
        "Europe/Paris",
    );
    reads(
        &paris,
        &[
            ("2024-01-31", "2024-01-30T23:00:00Z", "2024-01-31T22:59:59.999Z"),
            ("2024-01-31T00:00Z", "2024-01-31T00:00:00Z", "2024-01-31T00:00:59.999Z"),
            // This day has 23 hours.
            ("now/d", "2024-03-30T23:00:00Z", "2024-03-31T21:59:59.999Z"),
            ("2024-03-30T12:00||+1d", "2024-03-31T10:00:00Z", "2024-03-31T10:00:00Z"),
            ("2024-03-30T12:00||+24h", "2024-03-31T11:00:00Z", "2024-03-31T11:00:00Z"),
        ],
    );
    // A number beside a time zone is ambiguous.
    assert_eq!(paris.read("1700000000000", false), None);
    for (name, known) in [
        ("+01:00", true),
        ("Z", true),
        ("America/New_York", true),
        ("Mars", false),
        ("+1", false),
    ] {
        assert_eq!(date::zone(name).is_some(), known, "{name}");
    }
}

#[test]
fn a_format_says_what_a_text_may_be() {
    let whole = reading(&[TimeFormat::DateTime], "UTC");
    reads(
        &whole,
        &[
            (
                "2024-02-29T10:30:05.5+01:00",
                "2024-02-29T09:30:05.5Z",
                "2024-02-29T09:30:05.5Z",
            ),
            (
                "2024-02-29T10:30:05Z",
                "2024-02-29T10:30:05Z",
                "2024-02-29T10:30:05.999Z",
            ),
        ],
    );
    for wrong in ["2024", "2024-02-29", "2024-02-29T10:30:05", "2024-02-29T10:30Z"] {
        assert_eq!(whole.read(wrong, false), None, "{wrong}");
    }
    let seconds = reading(&[TimeFormat::Counted(Count::Seconds), TimeFormat::Date], "UTC");
    reads(
        &seconds,
        &[
            ("1700000000", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.999Z"),
            // The first notation that fits applies.
            ("2024", "1970-01-01T00:33:44Z", "1970-01-01T00:33:44.999Z"),
        ],
    );
}
