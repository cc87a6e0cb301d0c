//! Random headers `Authorization`.
//!
//! The credentials are those of the header, in a scheme that the route accepts. Nothing is read into a broken header.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Credentials, Scheme, Schemes};
use crate::damage::damage;

/// The number of headers, which take less than a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 4_096;

const WORDS: &[&str] = &["Bearer", "bEARER", "Token", "Basic", "basic", "Digest", "Bearer:", ""];

const SPACES: &[&str] = &[" ", "  ", "\t", ""];

const SCHEMES: &[Schemes] = &[
    &[Scheme::Bearer],
    &[Scheme::Bearer, Scheme::Token],
    &[Scheme::Bearer, Scheme::Basic],
    &[Scheme::Bearer, Scheme::Token, Scheme::Basic],
];

fn value() -> impl Strategy<Value = Vec<u8>> {
    let pair = "[a-zé:]{0,4}:[a-zé: ]{0,4}".prop_map(|pair| STANDARD.encode(pair));
    let damaged = (pair, damage()).prop_map(|(pair, damage)| damage.of(&pair));
    let rest = prop_oneof![damaged, "[a-zA-Z0-9+/=._ -]{0,12}", any::<String>()];
    let written = (select(WORDS), select(SPACES), rest);
    prop_oneof![
        8 => written.prop_map(|(word, between, rest)| format!("{word}{between}{rest}").into_bytes()),
        1 => vec(any::<u8>(), 0..16),
    ]
}

fn headers(values: &[HeaderValue]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(header::AUTHORIZATION, value.clone());
    }
    headers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn credentials_are_those_of_the_header(value in value(), schemes in select(SCHEMES)) {
        // The HTTP library refuses control characters before.
        let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        let twice = Credentials::read(&headers(&[value.clone(), value.clone()]), schemes);
        prop_assert!(twice.is_err(), "two headers are ambiguous");
        if let Ok(read) = Credentials::read(&headers(std::slice::from_ref(&value)), schemes) {
            let (word, rest) = value.to_str().unwrap().split_once(' ').unwrap();
            prop_assert!(schemes.contains(&read.scheme) && read.scheme.word().eq_ignore_ascii_case(word));
            prop_assert!(!read.secret.is_empty());
            let sent = match read.name {
                None => read.secret,
                Some(name) => STANDARD.encode(format!("{name}:{}", read.secret)),
            };
            prop_assert_eq!(sent, rest.trim());
        }
    }

    #[test]
    fn every_name_and_key_arrive_as_they_were_sent(name in "[^:]{0,8}", secret in "(?s).{1,8}") {
        let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")))).unwrap();
        let Ok(read) = Credentials::read(&headers(&[value]), &[Scheme::Basic]) else {
            return Err(TestCaseError::fail("refused"));
        };
        prop_assert_eq!((read.name, read.secret), (Some(name), secret));
    }
}
