//! Random tokens. Only a token that an issuer signed, for this service and for this time, is accepted.

use std::cell::Cell;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use lethe_common::config::{Config, Role, Scope};
use lethe_common::ledger::{Ledger, LedgerOptions};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::runtime::{Builder, Runtime};

use super::Issuers;
use crate::auth::Principal;
use crate::damage::damage;
use crate::fingerprint::Fingerprints;

/// The number of tokens, which take about a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 2_048;

const SECRET: &str = "a-secret-of-thirty-two-bytes-or-more";

const ISSUER: &str = "https://issuer";

const AUDIENCE: &str = "lethe";

/// Secrets that sign tokens. The issuer has the first.
const SECRETS: &[&str] = &[SECRET, SECRET, SECRET, "another-secret-of-thirty-two-bytes"];

const NOW: i32 = 1_900_000_000;

/// The longest validity of a token.
const DAY: i32 = 86_400;

/// Texts in headers and claims.
const TEXTS: &[&str] = &[
    ISSUER,
    "HTTPS://ISSUER",
    "https://issuer/",
    AUDIENCE,
    "other",
    "ana",
    "",
    "a\0",
    "HS256",
    "HS384",
    "none",
    "RS256",
    "JWT",
    "at+jwt",
    "application/at+JWT",
    "logout+jwt",
    "jobs:read admin memories:delete:any subjects:erase",
];

/// The issuers of a service, and what they need to run.
struct World {
    issuers: Issuers,
    runtime: Runtime,
    _directory: tempfile::TempDir,
}

impl World {
    /// Makes the only issuer of a service, with more settings.
    fn new(more: &str) -> Self {
        let env = BTreeMap::from([("JWT_SECRET".to_owned(), SECRET.to_owned())]);
        let text = format!(
            "[[auth.jwt]]\nname = \"web\"\nalgorithms = [\"HS256\"]\nsecret_env = \"JWT_SECRET\"\n\
             issuer = \"{ISSUER}\"\nmax_age = \"24h\"\n{more}"
        );
        let config = Config::parse(&text, &env, Role::Api).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ledger.sqlite");
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let ledger = runtime.block_on(async {
            let ledger = Ledger::open(LedgerOptions {
                url: format!("sqlite://{}?mode=rwc", file.display()).into(),
                ..LedgerOptions::from(&config)
            });
            let ledger = ledger.unwrap();
            ledger.migrate().await.unwrap();
            ledger
        });
        Self {
            issuers: Issuers::new(&config, Fingerprints::new(ledger)),
            runtime,
            _directory: directory,
        }
    }

    /// Returns the holder of a token, if it is accepted.
    fn holder(&self, token: &str) -> Option<Principal> {
        if !self.issuers.may_have_made(token) {
            return None;
        }
        let now = Timestamp::from_second(NOW.into()).unwrap();
        self.runtime.block_on(self.issuers.verify(token, now)).ok()
    }
}

fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn junk() -> impl Strategy<Value = Value> {
    let names = || prop_oneof![6 => select(TEXTS).prop_map(Value::from), 1 => Just(json!(7))];
    prop_oneof![
        4 => select(TEXTS).prop_map(Value::from),
        2 => vec(names(), 0..3).prop_map(Value::Array),
        3 => (-2 * DAY..2 * DAY).prop_map(|seconds| json!(NOW + seconds)),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => Just(json!(true)),
        1 => Just(json!({"a": 1})),
        1 => Just(Value::Null),
    ]
}

/// Returns mostly this value, sometimes another one, sometimes none.
fn mostly(right: Option<Value>) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        12 => Just(right),
        1 => Just(None),
        2 => junk().prop_map(Some),
    ]
}

/// Returns an object of the fields that are given.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let given = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect())
}

fn header() -> impl Strategy<Value = Value> {
    let extension = || option::weighted(0.1, junk());
    (
        mostly(Some(json!("HS256"))),
        mostly(Some(json!("JWT"))),
        extension(),
        extension(),
    )
        .prop_map(|(alg, typ, crit, kid)| object([("alg", alg), ("typ", typ), ("crit", crit), ("kid", kid)]))
}

fn claims() -> impl Strategy<Value = Value> {
    let times = (mostly(Some(json!(NOW + 600))), mostly(None), mostly(None));
    let names = (
        mostly(Some(json!(ISSUER))),
        prop_oneof![mostly(Some(json!(AUDIENCE))), mostly(None)],
        mostly(Some(json!("ana"))),
        option::of(junk()),
    );
    (times, names).prop_map(|((exp, nbf, iat), (iss, aud, sub, scope))| {
        object([
            ("exp", exp),
            ("nbf", nbf),
            ("iat", iat),
            ("iss", iss),
            ("aud", aud),
            ("sub", sub),
            ("scope", scope),
        ])
    })
}

/// Returns whether a claim is a name, or a list of names that holds it.
fn names(claim: &Value, name: &str) -> bool {
    match claim {
        Value::String(text) => text == name,
        Value::Array(list) => list.iter().all(Value::is_string) && list.iter().any(|text| text == name),
        _ => false,
    }
}

fn is_header_right(header: &Value) -> bool {
    let typ = header["typ"].as_str().map(str::to_lowercase);
    let is_token = header["typ"].is_null()
        || typ.is_some_and(|typ| ["jwt", "at+jwt"].contains(&typ.strip_prefix("application/").unwrap_or(&typ)));
    header["alg"] == "HS256" && header["crit"].is_null() && is_token
}

/// Returns whether claims are about a person, and valid now. Clocks may differ by half a minute, and times are rounded.
fn are_claims_right(claims: &Value) -> bool {
    let within = |from: i32, to: i32, claim: &Value| {
        let time = claim.as_f64();
        time.is_some_and(|time| (f64::from(from - 31)..=f64::from(to + 31)).contains(&time))
    };
    let begins = |name: &str, from: i32| claims.get(name).is_none_or(|claim| within(from, NOW, claim));
    let is_person = claims["sub"]
        .as_str()
        .is_some_and(|user| !user.is_empty() && !user.contains('\0'))
        || claims["sub"].is_i64()
        || claims["sub"].is_u64();
    names(&claims["iss"], ISSUER)
        && within(NOW, NOW + DAY, &claims["exp"])
        && begins("nbf", 0)
        && begins("iat", NOW - DAY)
        && is_person
}

#[test]
fn a_token_that_was_changed_is_refused() {
    let world = World::new("audience = \"lethe\"");
    let claims = json!({"exp": NOW + 600, "iss": ISSUER, "aud": AUDIENCE, "sub": "ana"});
    let token = signed(&json!({"alg": "HS256", "typ": "JWT"}), &claims, SECRET);
    assert!(world.holder(&token).is_some());
    proptest!(ProptestConfig::with_cases(CASES), |(changes in vec(damage(), 1..3))| {
        let changed = changes.iter().fold(token.clone(), |text, damage| damage.of(&text));
        prop_assert_eq!(world.holder(&changed).is_some(), changed == token, "{}", changed);
    });
}

#[test]
fn a_token_is_accepted_for_what_it_says_only() {
    let (named, unnamed) = (World::new("audience = \"lethe\""), World::new(""));
    let accepted = Cell::new(0);
    let cases = ProptestConfig::with_cases(CASES);
    proptest!(cases, |(header in header(), claims in claims(), secret in select(SECRETS))| {
        let token = signed(&header, &claims, secret);
        for (world, is_for_us) in [
            (&named, names(&claims["aud"], AUDIENCE)),
            (&unnamed, claims["aud"].is_null()),
        ] {
            let Some(principal) = world.holder(&token) else { continue };
            accepted.set(accepted.get() + 1);
            prop_assert!(secret == SECRET && is_for_us, "{} {}", header, claims);
            prop_assert!(is_header_right(&header) && are_claims_right(&claims), "{} {}", header, claims);
            let sub = claims["sub"].as_str().map_or_else(|| claims["sub"].to_string(), str::to_owned);
            prop_assert_eq!(principal.user(), Some(sub.as_str()));
            for scope in [Scope::Admin, Scope::MemoriesDeleteAny, Scope::SubjectsErase] {
                prop_assert!(!principal.has(scope), "{}", claims);
            }
        }
    });
    assert!(accepted.get() > 0, "no token was accepted");
}

#[test]
fn an_audience_that_cannot_be_read_is_another_service() {
    let world = World::new("");
    for (audience, is_accepted) in [
        (Value::Null, true),
        (json!("other"), false),
        (json!(["other", 7]), false),
        (json!({"other": true}), false),
        (json!(7), false),
    ] {
        let claims = json!({"exp": NOW + 600, "iss": ISSUER, "aud": audience, "sub": "ana"});
        let token = signed(&json!({"alg": "HS256"}), &claims, SECRET);
        assert_eq!(world.holder(&token).is_some(), is_accepted, "{audience}");
    }
}
