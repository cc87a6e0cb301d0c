//! Random uploads, cut at random places.
//!
//! An id is what JSON says, or the bare line itself. Another id would be another memory.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{BYTE_ORDER_MARK, Line, LineError, Lines};

/// The number of uploads, which take less than a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 4_096;

/// The longest id, in characters. Some lines are longer.
const LONGEST: usize = 6;

/// Lines, and parts of lines, that are easy to mistake.
const PARTS: &[&[u8]] = &[
    b"\"",
    b"'",
    b"{",
    b"[",
    b"\"a\"",
    b"\"\\ud83d\\ude00\"",
    b"\"\\ud83d\"",
    b"{\"id\": \"a\"}",
    b"{\"id\": \"a\", \"id\": \"b\"}",
    b"{\"id\": 7}",
    b"null",
    b"7",
    b",",
    b" ",
    b"\t",
    b"\r",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc2\xa0",
];

/// Line ends, and none.
const ENDS: &[&[u8]] = &[b"\n", b"\n", b"\r\n", b"\n\n", b""];

fn part() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => any::<String>().prop_map(|id| json!(id).to_string().into_bytes()),
        2 => any::<String>().prop_map(|id| json!({"id": id}).to_string().into_bytes()),
        4 => "[a-z0-9 ,'é-]{0,6}".prop_map(String::into_bytes),
        3 => select(PARTS).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..8),
    ]
}

/// Returns lines of one form, or of several: only the first can be read to its end.
fn upload() -> impl Strategy<Value = Vec<u8>> {
    let texts = vec("[a-z\"\\\\é\u{1f600}\u{0}]{0,5}", 0..8);
    let ids = texts.prop_map(|ids| {
        ids.iter()
            .map(|id| json!(id).to_string() + "\n")
            .collect::<String>()
            .into_bytes()
    });
    let bare = vec("[a-z0-9é-]{1,6}(\n|\r\n|\n\n)", 0..8).prop_map(|lines| lines.concat().into_bytes());
    let mixed = vec((part(), select(ENDS)), 0..6).prop_map(|parts| {
        let parts = parts.iter().map(|(part, end)| [part.as_slice(), end].concat());
        parts.collect::<Vec<_>>().concat()
    });
    prop_oneof![ids, bare, mixed]
}

/// Reads an upload that arrives in parts of `size` bytes.
fn read(bytes: &[u8], size: usize) -> Result<Vec<Line>, LineError> {
    let mut lines = Lines::new(LONGEST);
    let mut read = Vec::new();
    for mut part in bytes.chunks(size) {
        while !part.is_empty() {
            read.extend(lines.next(&mut part)?);
        }
    }
    read.extend(lines.last()?);
    Ok(read)
}

/// Returns the id that an accepted line says; `None` if the line is blank.
fn says(line: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(line).unwrap();
    match text.trim_ascii_start().chars().next()? {
        '"' | '{' => {
            let value: Value = serde_json::from_str(text).unwrap();
            value.as_str().or_else(|| value["id"].as_str()).map(str::to_owned)
        }
        _ => Some(text.strip_suffix('\r').unwrap_or(text).to_owned()),
    }
}

/// Returns whether a line looks like JSON; `None` if it is blank.
fn is_json(line: &[u8]) -> Option<bool> {
    let first = line.trim_ascii_start().first()?;
    Some(b"\"{[".contains(first))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn an_id_is_what_its_line_says_wherever_the_upload_is_cut(bytes in upload(), size in 1..24_usize) {
        let whole = read(&bytes, usize::MAX);
        prop_assert_eq!(&read(&bytes, size), &whole);
        let Ok(read) = whole else { return Ok(()) };
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
        let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        if bytes.is_empty() || bytes.ends_with(b"\n") {
            // Nothing follows the last line end.
            lines.pop();
        }
        prop_assert_eq!(read.len(), lines.len());
        for (read, line) in read.into_iter().zip(&lines) {
            let id = match read {
                Line::Id(id) => Some(id),
                Line::Blank => None,
            };
            prop_assert_eq!(id, says(line));
        }
        let mut forms = lines.into_iter().filter_map(is_json);
        let first = forms.next();
        prop_assert!(forms.all(|form| Some(form) == first), "JSON and bare ids in one upload");
    }

    #[test]
    fn every_text_arrives_as_it_was_sent(ids in vec(vec(any::<char>(), 0..LONGEST), 1..8), size in 1..24_usize) {
        let ids: Vec<String> = ids.into_iter().map(|id| id.into_iter().collect()).collect();
        let upload: String = ids.iter().map(|id| json!({"id": id}).to_string() + "\n").collect();
        let read = read(upload.as_bytes(), size).unwrap();
        prop_assert_eq!(read, ids.into_iter().map(Line::Id).collect::<Vec<_>>());
    }
}
