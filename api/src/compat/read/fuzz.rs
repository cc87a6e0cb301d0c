//! Random paths and queries of URLs.
//!
//! Each part of a path is decoded once, and stays one part: an encoded slash or two dots are characters of an id, and
//! lead nowhere. Text that is not UTF-8 is refused: an id with U+FFFD in it is another one.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use futures::executor::block_on;
use lethe_common::config::Config;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tower::ServiceExt as _;

use super::{InPath, Query};
use crate::deletion::new_job;

/// The number of URLs, which take less than a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 2_048;

/// Parts of a path, between slashes.
const IN_PATH: &[&str] = &[
    "a",
    "Z",
    "7",
    "~",
    "+",
    ";",
    "=",
    ":",
    "@",
    "*",
    ".",
    "..",
    "%2F",
    "%2f",
    "%5C",
    "%00",
    "%2e%2E",
    "%25",
    "%252F",
    "%20",
    "%C3%A9",
    "%E2%80%AE",
    "%ff",
    "%c3",
    "%",
    "%4",
    "%zz",
    "é",
];

/// Parts of a query.
const IN_QUERY: &[&str] = &[
    "a", "b", "=", "&", "+", "%3D", "%26", "%2B", "%00", "%C3%A9", "%ff", "%c3", "%", "%4", "%zz", "é", "?", "/",
];

fn app() -> Router {
    let parts = async |InPath(parts): InPath<(String, String, String)>| Json(parts);
    Router::new().route("/{container}/{kind}/{id}", get(parts))
}

/// Returns the parts of a path as a handler gets them, or the status of the refusal.
fn in_path(app: &Router, path: &str) -> Result<Vec<String>, StatusCode> {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = block_on(app.clone().oneshot(request)).unwrap();
    if response.status() != StatusCode::OK {
        return Err(response.status());
    }
    let body = block_on(to_bytes(response.into_body(), usize::MAX)).unwrap();
    Ok(serde_json::from_slice(&body).unwrap())
}

/// Decodes a text once; `None` if the result is not UTF-8. A percent sign without two digits stands for itself.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (first, digit(0), digit(1)) {
            bytes.push(u8::try_from(high * 16 + low).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[test]
fn each_part_of_a_path_is_decoded_once_and_stays_one_part() {
    let (app, config) = (app(), Config::default());
    let part = || vec(select(IN_PATH), 1..5).prop_map(|parts| parts.concat());
    proptest!(ProptestConfig::with_cases(CASES), |(parts in [part(), part(), part()])| {
        let expected: Option<Vec<String>> = parts.iter().map(|part| decoded(part)).collect();
        match (in_path(&app, &format!("/{}", parts.join("/"))), expected) {
            (Ok(read), Some(expected)) => {
                prop_assert_eq!(&read, &expected);
                for id in read {
                    prop_assert_eq!(new_job::id(&id, &config).is_ok(), !id.contains('\0'), "{:?}", id);
                }
            }
            (Ok(read), None) => return Err(TestCaseError::fail(format!("{parts:?} became {read:?}"))),
            (Err(status), expected) => {
                prop_assert!(expected.is_none() && status.is_client_error(), "{:?}: {}", parts, status);
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn every_parameter_arrives_as_it_was_sent(
        pairs in vec(("[a-c]{1,2}", vec(any::<char>(), 0..4)), 0..5),
    ) {
        let text = |(name, value): (String, Vec<char>)| (name, value.into_iter().collect::<String>());
        let pairs: Vec<(String, String)> = pairs.into_iter().map(text).collect();
        let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let query = Query::read(&written).unwrap();
        for (name, value) in &pairs {
            let count = pairs.iter().filter(|(other, _)| other == name).count();
            match query.one(name) {
                Ok(read) => prop_assert_eq!((read, count), (Some(value.as_str()), 1)),
                Err(_) => prop_assert!(count > 1),
            }
        }
        prop_assert_eq!(query.0, pairs);
    }

    #[test]
    fn a_query_that_is_not_utf_8_is_refused(parts in vec(select(IN_QUERY), 0..8)) {
        let written = parts.concat();
        match Query::read(&written) {
            Ok(query) => {
                let holds = |text: &String| text.contains(char::REPLACEMENT_CHARACTER);
                prop_assert!(!query.0.iter().any(|(name, value)| holds(name) || holds(value)), "{}", written);
                prop_assert!(decoded(&written).is_some(), "{}", written);
            }
            Err(_) => prop_assert!(decoded(&written).is_none(), "{}", written),
        }
    }
}
