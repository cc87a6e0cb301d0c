//! Comments, messages and pages have plain words: `CONTRIBUTING.md` has the rule, this file a list of breaches.

use std::fs;
use std::path::Path;

use crate::documents::{ROOT, files};

/// Words that a plain sentence replaces: a clause in place of a noun, or a picture in place of a term.
const BANNED: [&str; 19] = [
    "whoever",
    "whomever",
    "whichever",
    "whatsoever",
    "mend",
    "mends",
    "mended",
    "mending",
    "left alone",
    "leave alone",
    "leaves alone",
    "in vain",
    "asks for everything",
    "asking for everything",
    "of which",
    "of whom",
    "that which",
    "all the same",
    "what there is",
];

/// The places of comments, messages and pages.
const DIRECTORIES: [&str; 8] = ["api", "cli", "common", "deploy", "docs", "edge", "tests", "worker"];

/// The pages at the top.
// The changelog is history.
const PAGES: [&str; 3] = ["README.md", "CONTRIBUTING.md", "SECURITY.md"];

/// The only exception: this list.
const OWN: &str = "tests/tests/it/words.rs";

/// Returns a text in small letters on one line, without the marks at the ends of lines: phrases go on over lines.
fn flat(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.trim().trim_end_matches('\\').trim_end();
        line.trim_start_matches(['/', '!', '#', '-', '*', '>']).trim_start()
    });
    lines.collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Returns the surroundings of a phrase in a text, if the text has it as whole words.
fn found<'t>(text: &'t str, phrase: &str) -> Option<&'t str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(phrase).find_map(|(start, _)| {
        let (before, rest) = text.split_at(start);
        let after = rest.strip_prefix(phrase)?;
        if before.ends_with(is_part) || after.starts_with(is_part) {
            return None;
        }
        let from = text.floor_char_boundary(start.saturating_sub(60));
        let to = text.ceil_char_boundary(start + phrase.len() + 60);
        text.get(from..to)
    })
}

#[test]
fn a_phrase_is_found_over_lines_and_only_as_whole_words() {
    let text = flat("/// Retries are looked at in\n    /// vain, I recommend \\\n   none of_which.");
    assert!(found(&text, "in vain").is_some(), "{text}");
    assert!(
        found(&text, "mend").is_none() && found(&text, "of which").is_none(),
        "{text}"
    );
}

#[test]
fn plain_words_are_used() {
    let mut texts = Vec::new();
    for directory in DIRECTORIES {
        texts.extend(files(directory, &["rs", "md", "sql", "toml", "yml"]));
    }
    texts.extend(PAGES.map(|page| Path::new(ROOT).join(page)));
    let own = Path::new(ROOT).join(OWN);
    texts.retain(|path| *path != own);
    assert!(texts.len() > 600, "only {} files were read", texts.len());

    let mut breaches = Vec::new();
    for path in texts {
        let text = flat(&fs::read_to_string(&path).unwrap());
        for phrase in BANNED {
            if let Some(around) = found(&text, phrase) {
                breaches.push(format!("{}: \"{phrase}\" in …{around}…", path.display()));
            }
        }
    }
    let all = breaches.join("\n");
    assert!(breaches.is_empty(), "write these in plain words:\n{all}");
}
