//! Lines of a stream of ids: `"id"` or `{"id": "…"}`, one a line.

use serde::Deserialize;

use crate::problem::{Kind, Problem};

/// How many bytes a character of an id may take: `\ud83d\ude00`.
const ESCAPED: usize = 12;

/// What a line may hold beside the id: braces, quotes, the key, some space.
const AROUND: usize = 64;

/// Cuts a stream into ids, keeping no more than one line.
pub(crate) struct Lines {
    max_line: usize,
    unfinished: Vec<u8>,
    number: u64,
}

impl Lines {
    /// Returns a reader for ids of at most `max_id` characters.
    pub(crate) fn new(max_id: usize) -> Self {
        Self {
            max_line: max_id.saturating_mul(ESCAPED).saturating_add(AROUND),
            unfinished: Vec::new(),
            number: 0,
        }
    }

    /// Takes a line out of `bytes`; `None` if it goes on beyond them.
    pub(crate) fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Line>, Problem> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (part, rest) = match end {
            Some(end) => (&bytes[..end], &bytes[end + 1..]),
            None => (*bytes, &bytes[bytes.len()..]),
        };
        *bytes = rest;
        if self.unfinished.len() + part.len() > self.max_line {
            let what = format!("line {}: write at most {} bytes", self.number + 1, self.max_line);
            return Err(Problem::new(Kind::TooLarge, what));
        }
        if end.is_none() {
            self.unfinished.extend_from_slice(part);
            return Ok(None);
        }
        if self.unfinished.is_empty() {
            return self.read(part).map(Some);
        }
        self.unfinished.extend_from_slice(part);
        let line = std::mem::take(&mut self.unfinished);
        let read = self.read(&line);
        // Its memory serves the next one.
        self.unfinished = line;
        self.unfinished.clear();
        read.map(Some)
    }

    /// Returns the last line, if it does not end in a line end.
    pub(crate) fn last(&mut self) -> Result<Option<Line>, Problem> {
        let line = std::mem::take(&mut self.unfinished);
        if line.is_empty() {
            return Ok(None);
        }
        self.read(&line).map(Some)
    }

    fn read(&mut self, line: &[u8]) -> Result<Line, Problem> {
        self.number += 1;
        parse(line).ok_or_else(|| self.refused("write a JSON string, or an object with the one field `id`"))
    }

    /// Returns the problem of the line that was read last.
    pub(crate) fn refused(&self, what: impl std::fmt::Display) -> Problem {
        let detail = format!("line {}: {what}; no line of this upload was accepted", self.number);
        Problem::new(Kind::Invalid, detail)
    }
}

/// What a line holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Id(String),
    Blank,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    id: String,
}

fn parse(line: &[u8]) -> Option<Line> {
    match line.trim_ascii_start().first() {
        None => Some(Line::Blank),
        Some(b'{') => serde_json::from_slice::<Object>(line)
            .ok()
            .map(|object| Line::Id(object.id)),
        Some(_) => serde_json::from_slice(line).ok().map(Line::Id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `text` in parts of `size` bytes.
    fn read(text: &str, size: usize) -> Result<Vec<String>, Problem> {
        let mut lines = Lines::new(8);
        let mut ids = Vec::new();
        let mut keep = |line| {
            if let Line::Id(id) = line {
                ids.push(id);
            }
        };
        for mut part in text.as_bytes().chunks(size) {
            while !part.is_empty() {
                lines.next(&mut part)?.into_iter().for_each(&mut keep);
            }
        }
        lines.last()?.into_iter().for_each(&mut keep);
        Ok(ids)
    }

    #[test]
    fn ids_are_the_same_wherever_the_stream_is_cut() {
        let text = "\"a\"\r\n{\"id\": \"b\\u00e9\"}\n\n  \"c\"  \n\"d\"";
        for size in 1..=text.len() {
            assert_eq!(read(text, size).unwrap(), ["a", "bé", "c", "d"], "{size}");
        }
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        for (text, number) in [
            ("\"a\"\n3\n", 2),
            ("\n\n\"a\n", 3),
            ("{\"id\": \"a\", \"x\": 1}", 1),
            ("{\"id\": \"a\", \"id\": \"b\"}", 1),
            ("\"a\" \"b\"", 1),
            ("null", 1),
        ] {
            for size in [1, 100] {
                let problem = read(text, size).unwrap_err();
                assert_eq!(problem.kind, Kind::Invalid);
                assert!(
                    problem.detail.starts_with(&format!("line {number}: ")),
                    "{}",
                    problem.detail
                );
            }
        }
    }

    #[test]
    fn a_line_without_an_end_takes_no_memory() {
        for size in [1, 7, 1000] {
            let problem = read(&"x".repeat(1000), size).unwrap_err();
            assert_eq!(problem.kind, Kind::TooLarge);
        }
    }
}
