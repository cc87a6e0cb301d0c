//! The limit of values in a JSON body, checked before it is parsed.
//!
//! A value takes a few bytes of JSON and dozens in memory: 16 MiB of `{"":0},` are two gigabytes. So the values of a
//! body are counted first. The count reads each byte once, and takes no memory.

use super::problem::{Kind, Problem};

/// The most objects and lists. A filter has at most 4,096 conditions, with three objects or lists each.
const CONTAINERS: usize = 1 << 15;

/// The most members of objects, and the most values beside ids: twice as many as a filter has terms.
const MEMBERS: usize = 1 << 17;

/// The deepest nesting that `serde_json` reads.
const DEEPEST: usize = 128;

/// Refuses a body with more values than any request needs, and returns their number. A request has at most `ids` ids.
pub(super) fn check(bytes: &[u8], ids: usize) -> Result<usize, Problem> {
    let (mut containers, mut members, mut values, mut depth) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_text(&mut bytes),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        // Deeper values take no memory: the parser refuses or skips them.
        match byte {
            _ if depth > DEEPEST => {}
            b'{' | b'[' => containers += 1,
            b':' => members += 1,
            b',' => values += 1,
            _ => {}
        }
    }
    if containers > CONTAINERS || members > MEMBERS || values > ids.saturating_add(MEMBERS) {
        return Err(Problem::new(
            Kind::TooLarge,
            "send fewer values: split this into several requests, or send ids as NDJSON",
        ));
    }
    Ok(containers + members + values)
}

/// Skips to the end of a string.
fn skip_text(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            // The next byte does not end the string.
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_of_many_values_is_not_made() {
        for part in [r#"{"":0},"#, "[],", "{},"] {
            let body = format!("[{}0]", part.repeat(CONTAINERS));
            assert_eq!(check(body.as_bytes(), 0).unwrap_err().kind, Kind::TooLarge, "{part}");
        }
        let members = format!("{{{}}}", r#""":0,"#.repeat(MEMBERS + 1));
        assert!(check(members.as_bytes(), 1_000_000).is_err());
        let ids = format!("[{}0]", "0,".repeat(MEMBERS + 101));
        assert!(check(ids.as_bytes(), 100).is_err());
        assert!(check(ids.as_bytes(), 101).is_ok());
    }

    #[test]
    fn a_value_counts_once() {
        for (body, values) in [("", 0), ("[]", 1), (r#"{"a": ["b", "c"], "d": "e"}"#, 6)] {
            assert_eq!(check(body.as_bytes(), 0), Ok(values), "{body}");
        }
    }

    #[test]
    fn what_nests_too_deep_is_left_to_who_reads_it() {
        let deep = "[".repeat(1_000_000);
        assert!(check(deep.as_bytes(), 0).is_ok());
        let hidden = format!("[{}{},{}0]", "[".repeat(200), "]".repeat(200), "[],".repeat(CONTAINERS));
        assert!(check(hidden.as_bytes(), 0).is_err(), "what comes after it counts");
    }

    #[test]
    fn what_stands_in_texts_is_no_value() {
        let text = r#"{[:,\"\\"#.repeat(MEMBERS);
        assert!(check(format!(r#"["{text}", "{text}"]"#).as_bytes(), 0).is_ok());
        // A string without an end is not JSON. The parser refuses it.
        assert!(check(br#"{"a": "\"#, 0).is_ok() && check(b"\"", 0).is_ok());
    }
}
