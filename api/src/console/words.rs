//! Numbers, times and words as people read them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use askama::filters::{Escaper as _, Html, HtmlSafeOutput};
use jiff::Timestamp;

/// A time. It is written as markup: the script shows it in the time zone of the reader.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(pub(super) Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(at) = self;
        let shown = at.strftime("%Y-%m-%d %H:%M:%S");
        write!(f, "<time datetime=\"{at}\">{shown} UTC</time>")
    }
}

/// Returns a sentence as markup: text between backticks becomes code, all other text is escaped.
pub(super) fn prose<T: AsRef<str> + ?Sized>(sentence: &T) -> HtmlSafeOutput<String> {
    let mut escaped = String::new();
    Html.write_escaped_str(&mut escaped, sentence.as_ref())
        .expect("a String takes any text");
    let mut text = String::new();
    let mut rest = escaped.as_str();
    while let Some((before, after)) = rest.split_once('`')
        && let Some((code, after)) = after.split_once('`')
    {
        text.extend([before, "<code>", code, "</code>"]);
        rest = after;
    }
    text.push_str(rest);
    HtmlSafeOutput(text)
}

/// Returns a number with a comma after each three digits.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number with its noun, in the plural where needed.
pub(super) fn many(n: u64, one: &str, more: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { more })
}

/// Returns the name of a target's store. Its kind is `sql` or `vector`.
pub(super) fn store(kind: &str, target: &str) -> String {
    let kind = if kind == "sql" { "SQL database" } else { "vector store" };
    format!("{kind} of {target}")
}

/// Returns memories a second: a fraction while there are few.
pub(super) fn rate(per_second: f64) -> String {
    if per_second < 10.0 {
        format!("{per_second:.1}")
    } else {
        format!("{per_second:.0}")
    }
}

/// Returns a time span in its two largest units.
pub(super) fn span(time: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut left = time.as_secs();
    let mut parts = Vec::new();
    for (seconds, unit) in UNITS {
        let n = left / seconds;
        left %= seconds;
        if n > 0 {
            parts.push(format!("{n} {unit}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() {
        "0 s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// Returns a caller's own words about a job: its reference, then its labels.
pub(super) fn marks(reference: Option<&str>, labels: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let reference = reference.map(|reference| ("reference".to_owned(), reference.to_owned()));
    let labels = labels.iter().map(|(name, value)| (name.clone(), value.clone()));
    reference.into_iter().chain(labels).collect()
}

/// Returns the share of a whole in percent, rounded down: 100 only when nothing is left.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 100"
)]
pub(super) fn percent(share: f64) -> u8 {
    (share.clamp(0.0, 1.0) * 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_groups_of_three() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(count(n), text);
        }
        assert_eq!(many(1, "memory", "memories"), "1 memory");
        assert_eq!(many(2_000, "memory", "memories"), "2,000 memories");
    }

    #[test]
    fn a_span_has_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (3_600, "1 h"),
            (3_661, "1 h 1 min"),
            (3_605, "1 h"),
            (90_061, "1 d 1 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_whole_is_reached_only_at_its_end() {
        assert_eq!(
            (percent(0.999), percent(1.0), percent(-1.0), percent(2.0)),
            (99, 100, 0, 100)
        );
    }

    #[test]
    fn a_sentence_shows_code_and_no_other_markup() {
        for (sentence, text) in [
            ("no code", "no code"),
            ("`a` of `b`.", "<code>a</code> of <code>b</code>."),
            ("`a` and ` alone", "<code>a</code> and ` alone"),
            ("`<b>` <i>", "<code>&#60;b&#62;</code> &#60;i&#62;"),
            ("`</code><script>`", "<code>&#60;/code&#62;&#60;script&#62;</code>"),
        ] {
            assert_eq!(prose(sentence).to_string(), text);
        }
    }

    #[test]
    fn a_time_is_markup() {
        let at: Timestamp = "2030-01-31T12:00:05Z".parse().unwrap();
        assert_eq!(
            Moment(at).to_string(),
            "<time datetime=\"2030-01-31T12:00:05Z\">2030-01-31 12:00:05 UTC</time>"
        );
    }
}
