//! Tests of notes.

use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;

use super::*;
use crate::damage::damage;

const TEXT: &str = "example.com/log\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

fn private(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn key(name: &str, seed: u8) -> NoteKey {
    NoteKey::new(name, private(seed).verifying_key().as_bytes()).unwrap()
}

fn signed(names: &[(&str, u8)]) -> String {
    let mut note = format!("{TEXT}\n");
    for (name, seed) in names {
        let one = sign(
            TEXT,
            &[(&key(name, *seed), &|text| private(*seed).sign(text).to_bytes())],
        );
        note += one.strip_prefix(&format!("{TEXT}\n")).unwrap();
    }
    note
}

#[test]
fn the_example_of_the_go_library_is_read() {
    // The example of golang.org/x/mod/sumdb/note.
    let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let key = NoteKey::parse(vkey).unwrap();
    assert_eq!(
        (key.name(), key.id(), key.vkey().as_str()),
        ("PeterNeumann", 0xc74f_20a3, vkey)
    );
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    let line = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
    let note = format!("{text}\n\u{2014} PeterNeumann {line}\n");
    assert_eq!(open(&note, &[key]), Ok(text));
}

#[test]
fn a_note_is_opened_by_any_of_its_keys() {
    let note = signed(&[("example.com/log", 1), ("witness.example", 2)]);
    for known in [key("example.com/log", 1), key("witness.example", 2)] {
        assert_eq!(open(&note, &[key("another.example", 3), known]), Ok(TEXT));
    }
}

#[test]
fn a_rotated_key_opens_what_it_has_signed() {
    let both = [key("example.com/log", 1), key("example.com/log", 2)];
    for signers in [[1].as_slice(), &[2], &[1, 2]] {
        let names: Vec<(&str, u8)> = signers.iter().map(|seed| ("example.com/log", *seed)).collect();
        assert_eq!(open(&signed(&names), &both), Ok(TEXT));
    }
    let after = signed(&[("example.com/log", 2)]);
    assert_eq!(open(&after, &[key("example.com/log", 1)]), Err(NoteError::Unsigned));
}

#[test]
fn an_unknown_key_opens_nothing() {
    let note = signed(&[("example.com/log", 1)]);
    for keys in [
        vec![],
        vec![key("example.com/log", 2)],
        vec![key("example.com/other", 1)],
    ] {
        assert_eq!(open(&note, &keys), Err(NoteError::Unsigned));
    }
}

#[test]
fn a_wrong_signature_of_a_known_key_refuses_the_whole_note() {
    // One good signature does not hide a bad one.
    let good = signed(&[("example.com/log", 1), ("witness.example", 2)]);
    let known = [key("example.com/log", 1), key("witness.example", 2)];
    let other = sign(
        "another text\n",
        &[(&key("witness.example", 2), &|text| private(2).sign(text).to_bytes())],
    );
    let (head, _) = good.rsplit_once("\u{2014} witness").unwrap();
    let bad = format!("{head}{}", other.strip_prefix("another text\n\n").unwrap());
    assert_eq!(
        open(&bad, &known),
        Err(NoteError::BadSignature("witness.example".to_owned()))
    );
}

#[test]
fn a_malformed_note_is_refused() {
    let good = signed(&[("example.com/log", 1)]);
    let keys = [key("example.com/log", 1)];
    for note in [
        String::new(),
        TEXT.to_owned(),
        format!("{TEXT}\n"),
        good.trim_end().to_owned(),
        good.replace("\n3\n", "\n3\r\n"),
        good.replace('\u{2014}', "-"),
        good.replace("\u{2014} ", "\u{2014}"),
        format!("{good}\n"),
        format!("{good}a line\n"),
        format!("{good}\u{2014} a.example AAAA\n"),
        format!("{good}{}", "\u{2014} a.example AAAAAAA=\n".repeat(MOST)),
    ] {
        assert!(matches!(open(&note, &keys), Err(NoteError::Malformed(_))), "{note:?}");
    }
    let most = format!("{good}{}", "\u{2014} a.example AAAAAAA=\n".repeat(MOST - 1));
    assert_eq!(open(&most, &keys), Ok(TEXT));
}

#[test]
fn a_key_that_no_note_can_have_is_refused() {
    let public = *private(1).verifying_key().as_bytes();
    for name in ["", "two words", "a+b", "line\nend", "wide\u{3000}space"] {
        assert!(NoteKey::new(name, &public).is_err(), "{name:?}");
    }
    let vkey = key("example.com/log", 1).vkey();
    assert_eq!(NoteKey::parse(&vkey), Ok(key("example.com/log", 1)));
    let (_, after) = vkey.split_once('+').unwrap();
    for text in [
        "",
        "a",
        "a+b",
        "a+b+c",
        "example.com/log+00000000+AQ==",
        &format!("example.com/other+{after}"),
    ] {
        assert!(NoteKey::parse(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn a_changed_note_never_gives_another_text(change in damage()) {
        let note = signed(&[("example.com/log", 1)]);
        let changed = change.of(&note);
        if let Ok(text) = open(&changed, &[key("example.com/log", 1)]) {
            prop_assert_eq!(text, TEXT);
        }
    }
}
