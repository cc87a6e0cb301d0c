//! The words that the ledger, answers and metric labels have: renaming a variant must not change one.

use std::fmt::Debug;
use std::str::FromStr;

use lethe_common::config::PlaceKind;
use lethe_common::job::{Outcome, SelectorKind, StoreKind};
use lethe_common::ledger::{Kind, Run, TotalsMetric, WarningCode};
use lethe_common::metrics::{AuthFailure, RefusedFor};
use lethe_common::state::State;
use serde_json::{Value, json};
use strum::IntoEnumIterator;

fn words<T: IntoEnumIterator + Into<&'static str>>() -> Vec<&'static str> {
    T::iter().map(Into::into).collect()
}

/// Asserts that a type has these words, and parses each of them.
fn assert_words<T>(expected: &[&str])
where
    T: IntoEnumIterator + Into<&'static str> + FromStr + PartialEq + Debug,
{
    assert_eq!(words::<T>(), expected);
    for value in T::iter() {
        let word: &str = value.into();
        assert_eq!(word.parse::<T>().map(Into::into).ok(), Some(word));
        assert!(word.to_uppercase().parse::<T>().is_err(), "{word}");
    }
}

#[test]
fn stored_words_stay() {
    assert_words::<State>(&[
        "receiving",
        "queued",
        "planning",
        "running",
        "verifying",
        "cancelling",
        "held",
        "succeeded",
        "failed",
        "cancelled",
    ]);
    assert_words::<Outcome>(&[
        "erased",
        "absent",
        "held",
        "conflicted",
        "unsupported",
        "unverifiable",
        "failed",
        "left",
    ]);
    assert_words::<Kind>(&["check", "plan", "erase", "read_back", "preview"]);
    assert_words::<SelectorKind>(&["ids", "query", "subject"]);
    assert_words::<StoreKind>(&["sql", "vector"]);
    assert_words::<Run>(&["fired", "skipped", "refused", "gone"]);
    let places = [PlaceKind::Collection, PlaceKind::Table, PlaceKind::Owners].map(PlaceKind::as_str);
    assert_eq!(places, ["collection", "table", "owners"]);
    let sums = [
        TotalsMetric::Accepted,
        TotalsMetric::Ended,
        TotalsMetric::Selected,
        TotalsMetric::Memories,
        TotalsMetric::Residue,
        TotalsMetric::Runs,
    ];
    assert_eq!(
        sums.map(TotalsMetric::as_str),
        ["accepted", "ended", "selected", "memories", "residue", "runs"]
    );
}

#[test]
fn a_word_is_the_same_in_json() {
    let same = |json: Value, word: &str| assert_eq!(json, word);
    State::iter().for_each(|state| same(json!(state), state.as_str()));
    Outcome::iter().for_each(|outcome| same(json!(outcome), outcome.as_str()));
    StoreKind::iter().for_each(|store| same(json!(store), store.as_str()));
    for (code, word) in [
        (WarningCode::FullScan, "full_scan"),
        (WarningCode::Mistyped, "mistyped"),
        (WarningCode::NothingSelected, "nothing_selected"),
        (WarningCode::DependentsUncounted, "dependents_uncounted"),
        (WarningCode::Held, "held"),
    ] {
        same(json!(code), word);
        assert_eq!(code.as_str(), word);
    }
}

#[test]
fn labels_stay() {
    assert_eq!(
        words::<AuthFailure>(),
        [
            "missing",
            "malformed",
            "scheme",
            "unknown_key",
            "expired_key",
            "wrong_name",
            "token_malformed",
            "token_algorithm",
            "token_key",
            "token_signature",
            "token_expired",
            "token_not_yet",
            "token_issuer",
            "token_audience",
            "token_user",
            "limited",
        ]
    );
    assert_eq!(words::<RefusedFor>(), ["body_bytes", "caller_jobs", "caller_ids"]);
}
