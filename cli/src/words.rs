//! The API's words in those of people: outcomes, states, ages.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// The outcomes, in the order in which they are read, and what they mean.
const OUTCOMES: [(&str, &str); 10] = [
    ("erased", "erased"),
    ("found", "found"),
    ("absent", "not found"),
    ("held", "held"),
    ("conflicted", "kept (conflict)"),
    ("unsupported", "not supported"),
    ("unverifiable", "kept (owner unknown)"),
    ("failed", "failed"),
    ("left", "not begun"),
    ("residue", "found again"),
];

/// Returns the counts of one store in words, such as `3 erased, 1 not found`; `nothing` without any.
pub(crate) fn counts(counts: &Map<String, Value>) -> String {
    let number = |outcome: &str| counts.get(outcome).and_then(Value::as_u64).filter(|n| *n > 0);
    let known = OUTCOMES.iter();
    let known = known.filter_map(|&(outcome, word)| Some(format!("{} {word}", number(outcome)?)));
    // A later version may have more outcomes.
    let is_new = |outcome: &str| OUTCOMES.iter().all(|&(known, _)| known != outcome);
    let others = counts.keys().map(String::as_str).filter(|&outcome| is_new(outcome));
    let others = others.filter_map(|outcome| Some(format!("{} {outcome}", number(outcome)?)));
    let all: Vec<String> = known.chain(others).collect();
    if all.is_empty() {
        return "nothing".to_owned();
    }
    all.join(", ")
}

/// Returns the outcome of one memory in words.
pub(crate) fn outcome(outcome: &str) -> &str {
    let known = OUTCOMES.iter().find(|&&(known, _)| known == outcome);
    known.map_or(outcome, |&(_, word)| word)
}

/// Returns the colour of a state.
pub(crate) fn colour_of(state: &str) -> Style {
    match state {
        "succeeded" | "ready" => AnsiColor::Green.on_default(),
        "failed" | "does not fit" | "no worker" => AnsiColor::Red.on_default(),
        "cancelled" | "cancelling" | "held" | "paused" => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}

/// Returns how long ago a time of an answer was, such as `5m`; `-` for no time.
pub(crate) fn age(at: &Value, now: Timestamp) -> String {
    let at = at.as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let Some(at) = at else { return "-".to_owned() };
    // The clocks of two machines differ.
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_are_said_in_words_and_none_is_lost() {
        let said = |given: Value| counts(given.as_object().unwrap());
        assert_eq!(
            said(json!({"absent": 2, "erased": 3, "failed": 0, "left": 1})),
            "3 erased, 2 not found, 1 not begun"
        );
        assert_eq!(said(json!({"erased": 0})), "nothing");
        assert_eq!(said(json!({"melted": 4, "erased": 1})), "1 erased, 4 melted");
    }

    #[test]
    fn an_age_has_one_unit() {
        let now: Timestamp = "2030-01-10T00:00:00Z".parse().unwrap();
        for (at, expected) in [
            ("2030-01-10T00:00:01Z", "0s"),
            ("2030-01-09T23:59:01Z", "59s"),
            ("2030-01-09T23:59:00Z", "1m"),
            ("2030-01-09T20:30:00Z", "3h"),
            ("2030-01-08T00:00:00Z", "2d"),
            ("soon", "-"),
        ] {
            assert_eq!(age(&json!(at), now), expected, "{at}");
        }
        assert_eq!(age(&Value::Null, now), "-");
    }
}
