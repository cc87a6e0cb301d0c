//! Reads one line.

use serde::Deserialize;

/// The content of a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// An id.
    Id(String),
    /// Nothing.
    Blank,
}

/// The form of the lines of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Bare,
}

const JSON: &str = "write a JSON string, or an object with the one field `id`";
const IN_BARE: &str = "write a bare id as in the lines before, or JSON in every line";
const IN_JSON: &str = "write a JSON string, or an object with the one field `id`, as in the lines before";
const TEXT: &str = "write UTF-8";
const BARE: &str =
    "write this id as a JSON string: a bare id cannot begin or end with a blank or comma, or hold a control character";
const LITERAL: &str = "write this id as a JSON string: JSON has another meaning for it";
const QUOTED: &str = "write this id as a JSON string, in double quotes";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    id: String,
}

/// Reads a line. The first line that is not blank decides the form of all lines.
pub(super) fn parse(line: &[u8], form: &mut Option<Form>) -> Result<Line, &'static str> {
    let Some(first) = line.trim_ascii_start().first() else {
        return Ok(Line::Blank);
    };
    let looks = match first {
        b'"' | b'{' | b'[' => Form::Json,
        _ => Form::Bare,
    };
    match (*form.get_or_insert(looks), looks) {
        (Form::Json, Form::Json) => json(line).map(Line::Id).ok_or(JSON),
        (Form::Json, Form::Bare) => Err(IN_JSON),
        (Form::Bare, Form::Json) => Err(IN_BARE),
        (Form::Bare, Form::Bare) => bare(line).map(Line::Id),
    }
}

fn json(line: &[u8]) -> Option<String> {
    match line.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice::<Object>(line).ok().map(|object| object.id),
        _ => serde_json::from_slice(line).ok(),
    }
}

fn bare(line: &[u8]) -> Result<String, &'static str> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let id = std::str::from_utf8(line).map_err(|_| TEXT)?;
    if id.starts_with('\'') {
        return Err(QUOTED);
    }
    if matches!(id, "null" | "true" | "false") {
        return Err(LITERAL);
    }
    let is_edge = |c: char| c.is_whitespace() || c == ',';
    if id.starts_with(is_edge) || id.ends_with(is_edge) || id.contains(char::is_control) {
        return Err(BARE);
    }
    Ok(id.to_owned())
}
