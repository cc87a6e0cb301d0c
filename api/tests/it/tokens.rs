//! Tokens of issuers: the accepted ones, and their rights.

mod published;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use lethe_common::clock::Clock;
use serde_json::{Value, json};

use crate::accepting::claim;
use crate::app::{App, MAIN};

/// The secret of the issuer of most tests.
pub(crate) const SECRET: &str = "a-secret-of-thirty-two-bytes-or-more";

const RSA: &[u8] = include_bytes!("../keys/rsa.pem");
const EC: &[u8] = include_bytes!("../keys/ec.pem");
const ED: &[u8] = include_bytes!("../keys/ed.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("../keys/rsa.pub.pem");

fn file(name: &str) -> String {
    format!("{}/keys/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn now() -> i64 {
    Clock::system().now().as_second()
}

/// Returns claims that are valid for ten minutes, with additional ones.
pub(crate) fn claims(more: &Value) -> Value {
    let mut claims = json!({"sub": "ana", "iss": "https://issuer", "aud": "lethe", "exp": now() + 600});
    claims
        .as_object_mut()
        .expect("an object")
        .extend(more.as_object().expect("an object").clone());
    claims
}

pub(crate) fn signed(claims: &Value) -> String {
    with_secret(Algorithm::HS256, SECRET, claims)
}

fn with_secret(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    encode(
        &Header::new(algorithm),
        claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .expect("a token")
}

fn with_key(algorithm: Algorithm, id: Option<&str>, claims: &Value) -> String {
    let key = match algorithm {
        Algorithm::RS256 | Algorithm::RS512 => EncodingKey::from_rsa_pem(RSA),
        Algorithm::ES256 => EncodingKey::from_ec_pem(EC),
        _ => EncodingKey::from_ed_pem(ED),
    };
    let mut header = Header::new(algorithm);
    header.kid = id.map(str::to_owned);
    encode(&header, claims, &key.expect("a key")).expect("a token")
}

/// Returns a token of these parts, unchecked.
fn raw(header: &Value, claims: &Value, signature: &str) -> String {
    use base64::Engine;
    let part = |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

/// Returns the configuration of an issuer whose tokens are signed with [`SECRET`].
pub(crate) fn issuer(more: &str) -> String {
    format!(
        "[[auth.jwt]]\nname = \"web\"\nalgorithms = [\"HS256\"]\nsecret_env = \"JWT_SECRET\"\n\
         issuer = \"https://issuer\"\naudience = \"lethe\"\nscopes = [\"memories:delete\"]\n{more}\n"
    )
}

async fn app(issuers: &str) -> App {
    let toml = format!("api.auth_failures_per_minute = 1000\n{MAIN}\n{issuers}");
    App::in_env(&toml, &[("JWT_SECRET", SECRET)]).await
}

#[tokio::test]
async fn a_token_opens_from_its_begin_to_its_end() {
    const BEGIN: i64 = 1_900_000_000;
    let at = |second| Timestamp::from_second(second).expect("a time");
    let clock = Clock::fixed(at(BEGIN - 1));
    let toml = format!(
        "api.auth_failures_per_minute = 1000\n{MAIN}\n{}",
        issuer("leeway = \"0s\"")
    );
    let app = App::at(&toml, &[("JWT_SECRET", SECRET)], clock.clone()).await;
    let token = signed(&claims(
        &json!({"nbf": BEGIN, "exp": BEGIN + 60, "scope": "memories:delete"}),
    ));
    let select = json!({"select": {"ids": ["a"]}});
    for (second, status) in [(-1, 401), (0, 202), (60, 202), (61, 401)] {
        clock.set(at(BEGIN + second));
        let answer = app.create(&token, &select).await;
        assert_eq!(answer.status.as_u16(), status, "{second}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_person_erases_its_own_memories_and_sees_its_own_jobs() {
    let app = app(&issuer("")).await;
    let token = signed(&claims(&json!({})));
    let asked = json!({"select": {"ids": ["a"]}});
    let answer = app.create(&token, &asked).await;
    let id = answer.job();
    let principal = answer.body["principal"].as_str().expect("a name");
    let digits = principal.strip_prefix("jwt:web:").expect("the issuer's name");
    assert!(
        digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()),
        "{principal}"
    );
    assert_eq!(claim(&app).await[0].job.owner.as_deref(), Some("ana"));
    let foreign = json!({"select": {"ids": ["a"]}, "owner": "ben"});
    app.create(&token, &foreign)
        .await
        .refused(403, "forbidden", "name yourself");
    app.create(&token, &json!({"select": {"subject": {"user_id": "ben"}}}))
        .await
        .refused(403, "forbidden", "name yourself");
    app.create(
        &token,
        &json!({"select": {"subject": {"run_id": "r"}}, "target": "main"}),
    )
    .await
    .refused(422, "invalid", "map");
    app.create(&token, &json!({"select": {"subject": {"user_id": "ana"}}}))
        .await
        .job();
    // Another token of the same person is the same caller. Another person is another caller.
    let later = signed(&claims(&json!({"exp": now() + 900, "jti": "2"})));
    assert_eq!(app.get(&later, &format!("/v1/jobs/{id}")).await.status, 200);
    let ben = signed(&claims(&json!({"sub": "ben", "scope": "jobs:read admin"})));
    app.get(&ben, &format!("/v1/jobs/{id}"))
        .await
        .refused(404, "not-found", "");
    assert_eq!(app.get(&ben, "/v1/jobs").await.body["jobs"], json!([]));
    app.get(&ben, "/v1/keys").await.refused(403, "forbidden", "`admin`");
}

#[tokio::test]
async fn a_token_that_says_nothing_opens_nothing_unless_its_issuer_does() {
    let silent = issuer("").replace("scopes = [\"memories:delete\"]\n", "");
    let app = app(&silent).await;
    let asked = json!({"select": {"ids": ["a"]}});
    let says_nothing = signed(&claims(&json!({})));
    app.create(&says_nothing, &asked)
        .await
        .refused(403, "forbidden", "`memories:delete`");
    app.get(&says_nothing, "/v1/targets")
        .await
        .refused(403, "forbidden", "`jobs:read`");
    // The token has the scopes that it claims, as far as its issuer may grant them.
    let says_so = signed(&claims(&json!({"scope": "memories:delete admin"})));
    app.create(&says_so, &asked).await.job();
    app.get(&says_so, "/v1/keys").await.refused(403, "forbidden", "`admin`");
}

#[tokio::test]
async fn an_administrator_s_token_is_bound_to_nobody() {
    let app = app(&issuer("allow_scopes = [\"admin\", \"memories:delete:any\"]")).await;
    let admin = signed(&claims(&json!({"sub": "root", "scope": ["admin"]})));
    app.create(&admin, &json!({"select": {"ids": ["a"]}, "owner": "ben"}))
        .await
        .job();
    assert_eq!(claim(&app).await[0].job.owner.as_deref(), Some("ben"));
    assert_eq!(app.get(&admin, "/v1/keys").await.status, 200);
    let service = signed(&claims(&json!({"sub": "service", "scope": "memories:delete:any"})));
    app.create(&service, &json!({"select": {"ids": ["b"]}})).await.job();
    assert_eq!(claim(&app).await[0].job.owner, None);
}

#[tokio::test]
async fn workspaces_come_from_the_token() {
    let app = app(&issuer("workspaces_claim = \"org\"")).await;
    let asked = json!({"select": {"ids": ["a"]}});
    app.create(&signed(&claims(&json!({"org": "w"}))), &asked).await.job();
    assert_eq!(claim(&app).await[0].job.workspace.as_deref(), Some("w"));
    let none = signed(&claims(&json!({})));
    app.create(&none, &asked).await.refused(403, "forbidden", "workspace");
    let elsewhere = json!({"select": {"ids": ["a"]}, "workspace": "v"});
    app.create(&signed(&claims(&json!({"org": ["w"]}))), &elsewhere)
        .await
        .refused(403, "forbidden", "workspace");
}

#[tokio::test]
async fn a_token_that_is_not_for_us_now_is_refused() {
    let app = app(&issuer("")).await;
    let wrong = [
        ("expired", json!({"exp": now() - 60})),
        ("for ever", json!({"exp": null})),
        ("for years", json!({"exp": now() + 100_000})),
        ("made long ago", json!({"iat": now() - 100_000})),
        ("an end that is no number", json!({"exp": "tomorrow"})),
        ("not yet", json!({"nbf": now() + 60})),
        ("another audience", json!({"aud": "other"})),
        ("no audience", json!({"aud": null})),
        ("another issuer", json!({"iss": "https://other"})),
        ("no issuer", json!({"iss": null})),
        ("nobody", json!({"sub": null})),
        ("an empty name", json!({"sub": ""})),
        ("a name with a NUL", json!({"sub": "a\0"})),
    ];
    for (what, more) in wrong {
        let answer = app.get(&signed(&claims(&more)), "/v1/jobs").await;
        assert_eq!(answer.status, 401, "{what}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    for (what, more) in [
        ("clocks differ a little", json!({"exp": now() - 10, "nbf": now() + 10})),
        ("one of several audiences", json!({"aud": ["other", "lethe"]})),
    ] {
        assert_eq!(app.get(&signed(&claims(&more)), "/v1/jobs").await.status, 200, "{what}");
    }
}

#[tokio::test]
async fn a_token_of_another_type_says_nothing_of_who_asks() {
    let app = app(&issuer("")).await;
    let typed = |typ: Option<&str>| {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = typ.map(str::to_owned);
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        encode(&header, &claims(&json!({})), &key).expect("a token")
    };
    for (typ, status) in [
        (None, 200),
        (Some("jwt"), 200),
        (Some("application/at+jwt"), 200),
        (Some("logout+jwt"), 401),
        (Some("dpop+jwt"), 401),
    ] {
        assert_eq!(app.get(&typed(typ), "/v1/jobs").await.status, status, "{typ:?}");
    }
}

#[tokio::test]
async fn a_token_that_nobody_signed_is_refused() {
    let app = app(&issuer("")).await;
    let good = signed(&claims(&json!({})));
    let (rest, signature) = good.rsplit_once('.').expect("three parts");
    let other = with_secret(
        Algorithm::HS256,
        "another-secret-of-thirty-two-bytes-!",
        &claims(&json!({})),
    );
    let none = |word: &str| raw(&json!({"alg": word, "typ": "JWT"}), &claims(&json!({})), "");
    let demanding = raw(
        &json!({"alg": "HS256", "crit": ["x"], "x": "y"}),
        &claims(&json!({})),
        signature,
    );
    for (what, token) in [
        ("another secret", other),
        ("no signature", format!("{rest}.")),
        (
            "another's signature",
            format!(
                "{}.{signature}",
                signed(&claims(&json!({"sub": "ben"})))
                    .rsplit_once('.')
                    .expect("parts")
                    .0
            ),
        ),
        ("alg none", none("none")),
        ("alg None", none("None")),
        ("alg unknown", none("XS256")),
        (
            "an algorithm that is not in the list",
            with_secret(Algorithm::HS512, SECRET, &claims(&json!({}))),
        ),
        ("what is not understood", demanding),
        ("four parts", format!("{good}.x")),
        ("two parts", rest.to_owned()),
    ] {
        app.get(&token, "/v1/jobs").await.refused(401, "unauthorized", "");
        assert!(app.get("root", "/v1/jobs").await.status == 200, "{what}");
    }
    // Only `Bearer` carries tokens.
    let request = crate::app::request("", "GET", "/v1/jobs").header("authorization", format!("Token {good}"));
    let answer = app
        .send(request.body(axum::body::Body::empty()).expect("a request"))
        .await;
    answer.refused(401, "unauthorized", "Bearer");
    assert_eq!(app.get(&good, "/v1/jobs").await.status, 200);
}

fn public(name: &str, algorithm: &str, key: &str) -> String {
    format!(
        "[[auth.jwt]]\nname = \"{name}\"\nalgorithms = [\"{algorithm}\"]\n{key}\nissuer = \"{name}\"\naudience = \"lethe\"\n"
    )
}

#[tokio::test]
async fn public_keys_verify_what_their_private_keys_signed_and_nothing_else() {
    let pem = |key: &str| format!("public_key_file = \"{}\"", file(key));
    let issuers = [
        public("rsa", "RS256", &pem("rsa.pub.pem")),
        public("ec", "ES256", &pem("ec.pub.pem")),
        public("ed", "EdDSA", &pem("ed.pub.pem")),
    ];
    let app = app(&issuers.concat()).await;
    let of = |issuer: &str| claims(&json!({"iss": issuer}));
    let algorithms = [
        ("rsa", Algorithm::RS256),
        ("ec", Algorithm::ES256),
        ("ed", Algorithm::EdDSA),
    ];
    for (issuer, algorithm) in algorithms {
        for (signer, other) in algorithms {
            let answer = app.get(&with_key(other, None, &of(issuer)), "/v1/jobs").await;
            let expected = if algorithm == other { 200 } else { 401 };
            assert_eq!(answer.status, expected, "{issuer} by {signer}");
        }
    }
    // Everybody knows the public key, so it must not be accepted as a secret.
    let confused = EncodingKey::from_secret(RSA_PUBLIC);
    let confused = encode(&Header::new(Algorithm::HS256), &of("rsa"), &confused).expect("a token");
    app.get(&confused, "/v1/jobs").await.refused(401, "unauthorized", "");
    let stronger = with_key(Algorithm::RS512, None, &of("rsa"));
    app.get(&stronger, "/v1/jobs").await.refused(401, "unauthorized", "");
    app.get(&with_key(Algorithm::RS256, None, &of("nobody")), "/v1/jobs")
        .await
        .refused(401, "unauthorized", "");
}

#[tokio::test]
async fn a_set_of_keys_is_searched_by_the_token_s_id() {
    let set = format!("jwks_file = \"{}\"", file("jwks.json"));
    let all = public("set", "RS256\", \"ES256\", \"EdDSA", &set);
    // Another issuer with its own key: the key ids of one are unknown to the other.
    let one = public(
        "one",
        "RS256",
        &format!("public_key_file = \"{}\"", file("rsa.pub.pem")),
    );
    let app = app(&format!("{all}{one}")).await;
    let of = |issuer: &str| claims(&json!({"iss": issuer}));
    for (algorithm, id, expected) in [
        (Algorithm::RS256, Some("rsa-1"), 200),
        (Algorithm::ES256, Some("ec-1"), 200),
        (Algorithm::EdDSA, Some("ed-1"), 200),
        // There is only one key of this kind.
        (Algorithm::ES256, None, 200),
        (Algorithm::RS256, Some("ec-1"), 401),
        (Algorithm::RS256, Some("of-another-issuer"), 401),
        (Algorithm::RS512, Some("rsa-1"), 401),
    ] {
        let answer = app.get(&with_key(algorithm, id, &of("set")), "/v1/jobs").await;
        assert_eq!(answer.status, expected, "{algorithm:?} {id:?}");
    }
}
