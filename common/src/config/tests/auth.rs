//! API keys and token issuers.

use strum::IntoEnumIterator as _;

use super::*;

#[test]
fn keys_and_issuers_that_make_no_sense_are_refused() {
    let key = "[[auth.key]]\nname = \"k\"\nscopes = [\"jobs:read\"]\n\
        sha256 = \"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\"\n";
    let jwt = "[[auth.jwt]]\nname = \"a\"\nalgorithms = [\"HS256\"]\n";
    let with = |start: &str, more: &str| refused(&format!("{start}{more}"));
    let fine = "secret_env = \"S\"";
    assert!(with(jwt, fine).is_empty() && with(key, "expires_at = 2030-01-01T00:00:00Z").is_empty());
    for (start, more, expected) in [
        (key, "user = \"\"", "auth.key[0].user: write the person's id"),
        (key, "workspaces = []", "auth.key[0].workspaces: write at least one"),
        (
            key,
            "targets = [\"main\"]",
            "auth.key[0].targets: write names of [[target]]s",
        ),
        (
            key,
            "expires_at = \"90d\"",
            "auth.key[0].expires_at: write a time such as",
        ),
        (jwt, "", "auth.jwt[0]: write exactly one of secret_env"),
        (
            jwt,
            "secret_env = \"S\"\nsecret_file = \"f\"",
            "auth.jwt[0]: write exactly one of",
        ),
        (jwt, "public_key_file = \"f\"", "auth.jwt[0].algorithms: write HS256"),
        (
            jwt,
            "secret_env = \"S\"\nleeway = \"1h\"",
            "auth.jwt[0].leeway: write at most 10min",
        ),
        (
            jwt,
            "secret_env = \"S\"\nuser_claim = \"\"",
            "auth.jwt[0].user_claim: write it",
        ),
        (
            jwt,
            "secret_env = \"S\"\njwks_refresh = \"0s\"",
            "auth.jwt[0].jwks_refresh: write more",
        ),
        (
            jwt,
            "secret_env = \"S\"\nallow_scopes = [\"all\"]",
            "auth.jwt[0].allow_scopes[0]: write one of",
        ),
        (
            jwt,
            "jwks_url = \"https://u:p@h/x\"",
            "auth.jwt[0].jwks_url: write a URL",
        ),
        (
            jwt,
            "secret_env = \"S\"\ncolour = 1",
            "auth.jwt[0].colour: unknown key; the keys here are name",
        ),
    ] {
        let errors = with(start, more);
        assert!(
            errors.iter().any(|e| e.starts_with(expected)),
            "{more}: {expected}\n{errors:?}"
        );
    }
    let none = "[[auth.jwt]]\nname = \"a\"\nalgorithms = [\"none\"]\nsecret_env = \"S\"";
    assert!(refused(none)[0].starts_with("auth.jwt[0].algorithms[0]: write one of \"HS256\""));
    let two = format!("{jwt}{fine}\n{}{fine}\nissuer = \"b\"", jwt.replace("\"a\"", "\"b\""));
    assert!(
        refused(&two)[0].starts_with("auth.jwt[1].issuer: with several"),
        "{:?}",
        refused(&two)
    );
}

#[test]
fn what_tokens_are_verified_with_is_read_where_tokens_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let secret = "0123456789012345678901234567890123456789";
    std::fs::write(path("secret"), format!("{secret}\n")).unwrap();
    std::fs::write(path("short"), "short").unwrap();
    let jwt = |algorithm: &str, source: &str| {
        format!("[[auth.jwt]]\nname = \"a\"\nalgorithms = [\"{algorithm}\"]\n{source}\n")
    };
    let read = |text: &str, role| Config::parse(text, &env(&[("S", secret), ("SHORT", "short")]), role);
    let key = |text: &str| read(text, Role::Api).unwrap().auth.jwts.remove(0).key;
    let expected = Some(JwtKey::Secret(secret.into()));
    assert_eq!(key(&jwt("HS256", "secret_env = \"S\"")), expected);
    let from_file = jwt("HS256", &format!("secret_file = \"{}\"", path("secret")));
    assert_eq!(key(&from_file), expected);
    assert!(!format!("{:?}", read(&from_file, Role::Api).unwrap()).contains(secret));
    for (source, algorithm, change) in [
        ("secret_env = \"T\"".to_owned(), "HS256", "secret_env: set the variable"),
        (
            "secret_env = \"SHORT\"".to_owned(),
            "HS256",
            "secret_env: write a secret of at least 32 bytes",
        ),
        (
            format!("secret_file = \"{}\"", path("short")),
            "HS256",
            "secret_file: write a secret",
        ),
        (
            format!("secret_file = \"{}\"", path("none")),
            "HS256",
            "secret_file: name a file that can be read",
        ),
        (
            format!("public_key_file = \"{}\"", path("secret")),
            "RS256",
            "public_key_file: write a public key in PEM",
        ),
        (
            format!("jwks_file = \"{}\"", path("secret")),
            "RS256",
            "jwks_file: write a JSON Web Key Set",
        ),
    ] {
        let text = jwt(algorithm, &source);
        for role in [Role::Api, Role::All] {
            let errors = read(&text, role).unwrap_err().to_string();
            assert!(errors.starts_with(&format!("auth.jwt[0].{change}")), "{errors}");
        }
        // A worker accepts no tokens, so it needs no secrets.
        assert!(read(&text, Role::Worker).unwrap().auth.jwts[0].key.is_none());
    }
}

#[test]
fn a_key_is_found_by_itself_and_opens_its_scopes() {
    let text = "[[auth.key]]\nname = \"k\"\nscopes = [\"jobs:read\"]\n\
        sha256 = \"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\"";
    let auth = Config::from_toml(text).unwrap().auth;
    let key = auth.find("secret").unwrap();
    assert!(key.has(Scope::JobsRead) && !key.has(Scope::Admin) && !key.has(Scope::JobsAdmin));
    assert!(auth.find("Secret").is_none() && auth.find("").is_none());
    assert_eq!(
        Scope::iter().map(Scope::as_str).collect::<Vec<_>>(),
        [
            "memories:delete",
            "memories:delete:any",
            "subjects:erase",
            "jobs:read",
            "jobs:admin",
            "holds:admin",
            "audit:read",
            "receipts:read",
            "metrics:read",
            "admin"
        ]
    );
    assert!(!format!("{auth:?}").contains("2bb8"));
    let (made, hash) = KeyHash::make();
    assert!(made.starts_with("lethe_") && made.len() == 70 && KeyHash::of(&made) == hash);
}
