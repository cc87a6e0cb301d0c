//! The words of closed sets in statements. Only this module turns them into SQL.
//!
//! A statement writes `{partition.due}` for the word of [`PartitionState::Due`]. A word that its set does not have is
//! no placeholder, and the database refuses the statement. A mistyped literal would match no row instead.

use std::str::FromStr;

use strum::IntoEnumIterator as _;

use crate::error_code::ErrorCode;
use crate::job::{Outcome, SelectorKind, StoreKind};
use crate::ledger::partition_state::PartitionState;
use crate::ledger::types::{Kind, Run, SnapshotKind};
use crate::state::State;

/// The word for memories that reading back found. Counts and items hold it beside the outcomes.
pub(in crate::ledger) const RESIDUE: &str = "residue";

/// Returns the word that a placeholder names: `{job.queued}`, `{partition.due}`, …
pub(in crate::ledger) fn word(placeholder: &str) -> Option<&'static str> {
    let Some((set, word)) = placeholder.split_once('.') else {
        return (placeholder == RESIDUE).then_some(RESIDUE);
    };
    match set {
        "job" => of::<State>(word),
        "partition" => of::<PartitionState>(word),
        "kind" => of::<Kind>(word),
        "selector" => of::<SelectorKind>(word),
        "store" => of::<StoreKind>(word),
        "outcome" => of::<Outcome>(word),
        "code" => of::<ErrorCode>(word),
        "snapshot" => of::<SnapshotKind>(word),
        "run" => of::<Run>(word),
        _ => None,
    }
}

/// Returns the list that a placeholder names: `{outcomes.settled}` for the words of all outcomes that settle a memory.
// Derived from the methods of [`Outcome`], so that a new outcome is in each list to which it belongs.
pub(in crate::ledger) fn list(placeholder: &str) -> Option<String> {
    let is_in: fn(Outcome) -> bool = match placeholder {
        "outcomes.all" => |_| true,
        "outcomes.fail_job" => Outcome::fails_job,
        "outcomes.settled" => Outcome::is_settled,
        "outcomes.retried" => Outcome::is_retried,
        _ => return None,
    };
    let words: Vec<String> = Outcome::iter()
        .filter(|outcome| is_in(*outcome))
        .map(|outcome| format!("'{}'", outcome.as_str()))
        .collect();
    Some(format!("({})", words.join(", ")))
}

fn of<T: FromStr + Into<&'static str>>(word: &str) -> Option<&'static str> {
    word.parse::<T>().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Returns the sources of the ledger, without their tests.
    fn sources() -> Vec<String> {
        let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger")];
        let mut sources = Vec::new();
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                let text = fs::read_to_string(&path).unwrap();
                sources.extend(text.split("#[cfg(test)]").next().map(str::to_owned));
            }
        }
        sources
    }

    fn is_word(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    }

    #[test]
    fn statements_name_words_that_there_are() {
        let mut named = 0;
        for source in sources() {
            for text in source.split('{').filter_map(|text| text.split_once('}')) {
                if text
                    .0
                    .split_once('.')
                    .is_some_and(|(set, word)| is_word(set) && is_word(word))
                {
                    assert!(
                        word(text.0).is_some() || list(text.0).is_some(),
                        "{{{}}} is no word",
                        text.0
                    );
                    named += 1;
                }
            }
        }
        assert!(named > 80, "{named}");
    }

    #[test]
    fn statements_spell_no_word_themselves() {
        let sets = [
            "job",
            "partition",
            "kind",
            "selector",
            "store",
            "outcome",
            "code",
            "snapshot",
            "run",
        ];
        for source in sources() {
            let quoted: Vec<&str> = source.split('\'').collect();
            for (before, text) in quoted.iter().zip(quoted.iter().skip(1)) {
                // The name of a JSON member may equal a word.
                let is_member = before.trim_end().ends_with('>');
                let is_of = |set: &&str| is_word(text) && word(&format!("{set}.{text}")).is_some();
                assert!(is_member || *text != RESIDUE && !sets.iter().any(is_of), "'{text}'");
            }
        }
    }
}
