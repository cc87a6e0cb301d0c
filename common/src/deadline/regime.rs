//! A law with its time limit, or a rule of the operator.

use super::span::CalendarSpan;

/// The General Data Protection Regulation: one month, and two more (Article 12(3)).
pub const GDPR: &str = "gdpr";

/// The California Consumer Privacy Act: 45 days, and 45 more (section 1798.130(a)(2)).
pub const CCPA: &str = "ccpa";

/// The word for no deadline.
pub const NONE: &str = "none";

/// A law with its time limit, or a rule of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regime {
    /// The word in requests: `gdpr`.
    pub name: String,
    /// The time from the request's arrival to its deadline.
    pub within: CalendarSpan,
    /// The most time that an extension adds. Zero: no extension.
    pub extension: CalendarSpan,
}

impl Regime {
    /// Returns the laws that Lethe knows by itself.
    pub fn known() -> [Self; 2] {
        [
            Self {
                name: GDPR.to_owned(),
                within: CalendarSpan::months(1),
                extension: CalendarSpan::months(2),
            },
            Self {
                name: CCPA.to_owned(),
                within: CalendarSpan::days(45),
                extension: CalendarSpan::days(45),
            },
        ]
    }

    /// Returns when a request that was received at `received` is due, both in milliseconds since 1970. `None`: outside
    /// the calendar.
    pub fn due(&self, received: i64) -> Option<i64> {
        self.within.after(received)
    }

    /// Returns the latest time to which that deadline can be extended. Both times are counted from the request's arrival:
    /// one month and two more are three months.
    pub fn latest(&self, received: i64) -> Option<i64> {
        self.within.and(self.extension).after(received)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn known(name: &str) -> Regime {
        Regime::known().into_iter().find(|regime| regime.name == name).unwrap()
    }

    #[test]
    fn a_month_ends_on_the_last_day_of_a_shorter_month() {
        for (received, due, latest) in [
            (
                "2026-01-31T09:00:00.5Z",
                "2026-02-28T09:00:00.5Z",
                "2026-04-30T09:00:00.5Z",
            ),
            ("2028-01-31T09:00:00Z", "2028-02-29T09:00:00Z", "2028-04-30T09:00:00Z"),
            ("2100-01-31T00:00:00Z", "2100-02-28T00:00:00Z", "2100-04-30T00:00:00Z"),
            ("2026-03-31T23:59:59Z", "2026-04-30T23:59:59Z", "2026-06-30T23:59:59Z"),
            ("2026-02-28T12:00:00Z", "2026-03-28T12:00:00Z", "2026-05-28T12:00:00Z"),
            ("2028-02-29T12:00:00Z", "2028-03-29T12:00:00Z", "2028-05-29T12:00:00Z"),
            ("2026-12-31T12:00:00Z", "2027-01-31T12:00:00Z", "2027-03-31T12:00:00Z"),
            ("2027-11-30T12:00:00Z", "2027-12-30T12:00:00Z", "2028-02-29T12:00:00Z"),
        ] {
            assert_eq!(known(GDPR).due(at(received)), Some(at(due)), "{received}");
            assert_eq!(known(GDPR).latest(at(received)), Some(at(latest)), "{received}");
        }
    }

    #[test]
    fn forty_five_days_and_as_many_again_are_days() {
        let ccpa = known(CCPA);
        let received = at("2028-01-31T00:00:00Z");
        assert_eq!(ccpa.due(received), Some(at("2028-03-16T00:00:00Z")));
        assert_eq!(ccpa.latest(received), Some(at("2028-04-30T00:00:00Z")));
        let day = 24 * 60 * 60 * 1000;
        assert_eq!(ccpa.latest(received), Some(received + 90 * day));
    }

    #[test]
    fn a_rule_of_the_operator_adds_months_before_days() {
        let own = Regime {
            name: "own".to_owned(),
            within: "1mo 1d".parse().unwrap(),
            extension: "0d".parse().unwrap(),
        };
        let received = at("2026-01-31T00:00:00Z");
        assert_eq!(own.due(received), Some(at("2026-03-01T00:00:00Z")));
        assert_eq!(own.latest(received), own.due(received));
    }

    #[test]
    fn a_time_outside_the_calendar_has_no_deadline() {
        assert_eq!(known(GDPR).due(i64::MAX), None);
        assert_eq!(known(GDPR).due(at("9999-12-01T00:00:00Z")), None);
    }
}
