use super::*;

/// Reads `text` in parts of `size` bytes.
fn read(text: &[u8], size: usize) -> Result<Vec<String>, LineError> {
    let mut lines = Lines::new(8);
    let mut ids = Vec::new();
    let mut keep = |line| {
        if let Line::Id(id) = line {
            ids.push(id);
        }
    };
    for mut part in text.chunks(size) {
        while !part.is_empty() {
            lines.next(&mut part)?.into_iter().for_each(&mut keep);
        }
    }
    lines.last()?.into_iter().for_each(&mut keep);
    Ok(ids)
}

#[test]
fn ids_are_the_same_wherever_the_stream_is_cut() {
    for (text, ids) in [
        (
            "\"a\"\r\n{\"id\": \"b\\u00e9\"}\n\n  \"c\"  \n\"d\"",
            vec!["a", "bé", "c", "d"],
        ),
        (
            "a\r\nb é\n\n \n7\n007\n-\n\u{e9}",
            vec!["a", "b é", "7", "007", "-", "\u{e9}"],
        ),
        ("\u{feff}a\n\u{feff}b", vec!["a", "\u{feff}b"]),
        ("\u{feff}\"a\"\n", vec!["a"]),
        ("\n\nx\"y\n", vec!["x\"y"]),
        ("\u{feff}", vec![]),
    ] {
        for size in 1..=text.len() {
            assert_eq!(read(text.as_bytes(), size).unwrap(), ids, "{text:?} {size}");
        }
    }
}

#[test]
fn a_bad_line_is_named_by_its_number() {
    for (text, number) in [
        // JSON.
        ("\"a\"\n3\n", 2),
        ("\"a\"\nb\n", 2),
        ("\n\n\"a\n", 3),
        ("{\"id\": \"a\", \"x\": 1}", 1),
        ("{\"id\": \"a\", \"id\": \"b\"}", 1),
        ("\"a\" \"b\"", 1),
        ("\"a\",\n", 1),
        ("[\"a\"]", 1),
        ("{\n", 1),
        // Bare ids.
        ("a\n\"b\"\n", 2),
        ("a\n{\"id\": \"b\"}", 2),
        ("a\n[b]", 2),
        ("null", 1),
        ("a\ntrue\r\n", 2),
        ("a \n", 1),
        ("a\n\tb\n", 2),
        ("a\u{a0}\n", 1),
        ("a,\n", 1),
        ("a\tb\n", 1),
        ("a\rb\n", 1),
        ("'a'\n", 1),
        ("a\0\n", 1),
    ] {
        for size in [1, 100] {
            let error = read(text.as_bytes(), size).unwrap_err();
            assert!(matches!(error.fault, LineFault::NoId(_)), "{text:?}");
            assert_eq!(error.line, number, "{text:?}");
            assert!(error.to_string().starts_with(&format!("line {number}: ")), "{error}");
        }
    }
}

#[test]
fn what_is_no_utf_8_is_refused() {
    for text in [&b"a\n\xff\xfea"[..], b"a\n\xc3\n"] {
        assert_eq!(read(text, 100).unwrap_err().line, 2);
    }
}

#[test]
fn a_line_without_an_end_takes_no_memory() {
    for size in [1, 7, 1000] {
        let error = read("x".repeat(1000).as_bytes(), size).unwrap_err();
        assert_eq!(error.fault, LineFault::TooLong(160));
    }
}
