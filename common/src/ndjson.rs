//! Ids that arrive line by line: over HTTP, and in files of the command line.
//!
//! A line is a JSON string (`"id"`), a JSON object (`{"id": "…"}`) or a bare id. The first line decides
//! whether a file is JSON or bare, and a line of the other kind is refused. Otherwise a quotation mark could become
//! part of an id, and its memory would be absent. Tried instead: deciding line by line, which takes a broken JSON
//! string for an id.
//!
//! A bare line is its id, character for character. It cannot begin with `"`, `'`, `{` or `[`, begin or end with a
//! blank or a comma, hold a control character, or be `null`, `true` or `false`. Such an id needs JSON.

mod line;

use std::fmt;

pub use line::Line;
use line::{Form, parse};

/// The most bytes of one character of an id: `\ud83d\ude00`.
const ESCAPED: usize = 12;

/// The bytes of a line beside the id: braces, quotes, the key, some space.
const AROUND: usize = 64;

/// Some editors begin a file with this mark.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Cuts a stream into ids. It holds at most one line in memory.
#[derive(Debug)]
pub struct Lines {
    max_line: usize,
    unfinished: Vec<u8>,
    number: u64,
    /// Set by the first line that is not blank.
    form: Option<Form>,
}

/// The reason why a line was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// The line's number; the first is 1.
    pub line: u64,
    /// The fault of the line.
    pub fault: LineFault,
}

/// The fault of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineFault {
    /// It is longer than this many bytes.
    TooLong(usize),
    /// It is no id; the text says what to write.
    NoId(&'static str),
}

impl std::error::Error for LineError {}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            LineFault::TooLong(most) => write!(f, "line {}: write at most {most} bytes", self.line),
            LineFault::NoId(what) => write!(f, "line {}: {what}", self.line),
        }
    }
}

impl Lines {
    /// Returns a reader for ids of at most `max_id` characters.
    pub fn new(max_id: usize) -> Self {
        Self {
            max_line: max_id.saturating_mul(ESCAPED).saturating_add(AROUND),
            unfinished: Vec::new(),
            number: 0,
            form: None,
        }
    }

    /// Returns the number of the line that was read last.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Takes a line out of `bytes`; `None` if the line continues beyond them.
    ///
    /// # Errors
    /// A line that is too long, or is no id.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Line>, LineError> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (part, rest) = match end {
            Some(end) => (&bytes[..end], &bytes[end + 1..]),
            None => (*bytes, &bytes[bytes.len()..]),
        };
        *bytes = rest;
        if self.unfinished.len() + part.len() > self.max_line {
            return Err(LineError {
                line: self.number + 1,
                fault: LineFault::TooLong(self.max_line),
            });
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
        // The next line reuses this memory.
        self.unfinished = line;
        self.unfinished.clear();
        read.map(Some)
    }

    /// Returns the last line, if it does not end in a line end.
    ///
    /// # Errors
    /// A line that is no id.
    pub fn last(&mut self) -> Result<Option<Line>, LineError> {
        let line = std::mem::take(&mut self.unfinished);
        if line.is_empty() {
            return Ok(None);
        }
        self.read(&line).map(Some)
    }

    fn read(&mut self, line: &[u8]) -> Result<Line, LineError> {
        let line = match self.number {
            0 => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line),
            _ => line,
        };
        self.number += 1;
        parse(line, &mut self.form).map_err(|what| LineError {
            line: self.number,
            fault: LineFault::NoId(what),
        })
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
