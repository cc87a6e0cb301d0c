//! A time in a form: a time, or a duration from now on.

use jiff::Timestamp;
use lethe_common::config::parse_duration;

/// Returns the time of a text that may be a duration from now on; a day has 24 hours. Any other text stays as it is, for a
/// route to refuse.
pub(super) fn time(text: String, now: Timestamp) -> String {
    let after = parse_duration(text.trim()).and_then(|after| now.checked_add(after).ok());
    after.map_or(text, |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_a_form_is_a_time_or_a_duration() {
        let now: Timestamp = "2030-01-31T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("90d", "2030-05-01T12:00:00Z"),
            ("36h", "2030-02-02T00:00:00Z"),
            ("2031-01-01T00:00:00Z", "2031-01-01T00:00:00Z"),
            ("soon", "soon"),
        ] {
            assert_eq!(time(text.to_owned(), now), expected);
        }
    }
}
