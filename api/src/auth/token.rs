//! The claims of a verified token, and the rights that they give.

use std::collections::BTreeSet;

use lethe_common::config::{Bounds, Jwt, Scope};
use lethe_common::metrics::AuthFailure;
use serde_json::{Map, Value};

/// The scopes with which a token is not bound to the person that it names.
const UNBOUND: [Scope; 3] = [Scope::MemoriesDeleteAny, Scope::SubjectsErase, Scope::Admin];

/// The claims of a token.
pub(super) type Claims = Map<String, Value>;

/// Returns the person that a token names.
pub(super) fn user(claims: &Claims, jwt: &Jwt, max_length: usize) -> Result<String, AuthFailure> {
    let user = match claims.get(&jwt.user_claim) {
        Some(Value::String(user)) => user.clone(),
        // Some issuers use numbers as user ids.
        Some(Value::Number(user)) if user.is_i64() || user.is_u64() => user.to_string(),
        _ => return Err(AuthFailure::TokenUser),
    };
    let fits = !user.is_empty() && !user.contains('\0') && user.chars().count() <= max_length;
    if fits { Ok(user) } else { Err(AuthFailure::TokenUser) }
}

/// Returns the scopes and the bounds that a token gives.
pub(super) fn reach(claims: &Claims, jwt: &Jwt, user: String) -> (BTreeSet<Scope>, Bounds) {
    let said = words(claims.get(&jwt.scopes_claim));
    let allowed = jwt.allow_scopes.iter().filter(|scope| said.contains(scope.as_str()));
    let scopes: BTreeSet<Scope> = jwt.scopes.iter().chain(allowed).copied().collect();
    let bound = !UNBOUND.into_iter().any(|scope| scopes.contains(&scope));
    let bounds = Bounds {
        user: bound.then_some(user),
        // A token without the claim reaches no workspace: a forgotten claim must not widen its rights.
        workspaces: jwt.workspaces_claim.as_ref().map(|claim| list(claims.get(claim))),
        targets: None,
    };
    (scopes, bounds)
}

/// Reads words separated by spaces (RFC 8693), or a list of words.
fn words(claim: Option<&Value>) -> BTreeSet<&str> {
    match claim {
        Some(Value::String(text)) => text.split_whitespace().collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

/// Reads one name, which may hold spaces, or a list of names.
fn list(claim: Option<&Value>) -> BTreeSet<String> {
    let names: Vec<&str> = match claim {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let names = names
        .into_iter()
        .filter(|name| !name.is_empty() && !name.contains('\0'));
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use lethe_common::config::Config;
    use serde_json::json;

    use super::*;

    fn jwt(more: &str) -> Jwt {
        let text = format!("[[auth.jwt]]\nname = \"a\"\nalgorithms = [\"HS256\"]\nsecret_env = \"S\"\n{more}");
        Config::from_toml(&text).unwrap().auth.jwts.remove(0)
    }

    fn said(claims: &Value, jwt: &Jwt) -> (Vec<&'static str>, Bounds) {
        let (scopes, bounds) = reach(claims.as_object().unwrap(), jwt, "ana".to_owned());
        (scopes.into_iter().map(Scope::as_str).collect(), bounds)
    }

    #[test]
    fn a_token_opens_what_its_issuer_may_say() {
        let claims = json!({"scope": "jobs:read admin memories:delete:any x"});
        assert_eq!(said(&claims, &jwt("")).0, ["jobs:read"]);
        assert!(said(&json!({}), &jwt("")).0.is_empty());
        let (scopes, bounds) = said(&claims, &jwt("scopes = [\"memories:delete\"]"));
        assert_eq!(scopes, ["memories:delete", "jobs:read"]);
        assert_eq!(bounds.user.as_deref(), Some("ana"));
        let wide = jwt("allow_scopes = [\"admin\"]\nscopes = []\nscopes_claim = \"roles\"");
        let (scopes, bounds) = said(&json!({"roles": ["admin", 7], "scope": "jobs:read"}), &wide);
        assert_eq!((scopes, bounds.user), (vec!["admin"], None));
        let (scopes, bounds) = said(&json!({"roles": {"admin": true}}), &wide);
        assert_eq!((scopes.len(), bounds.user.as_deref()), (0, Some("ana")));
    }

    #[test]
    fn a_workspace_is_said_or_there_is_none() {
        let jwt = jwt("workspaces_claim = \"org\"");
        for (claims, expected) in [
            (json!({"org": "a b"}), vec!["a b"]),
            (json!({"org": ["v", "w", ""]}), vec!["v", "w"]),
            (json!({}), vec![]),
            (json!({"org": 7}), vec![]),
        ] {
            let (_, bounds) = said(&claims, &jwt);
            let names: Vec<_> = bounds.workspaces.as_ref().unwrap().iter().collect();
            assert_eq!(names, expected, "{claims}");
        }
    }

    #[test]
    fn a_token_has_to_name_a_person() {
        let jwt = jwt("");
        let of = |claims: Value| user(claims.as_object().unwrap(), &jwt, 5);
        assert_eq!(of(json!({"sub": "ana"})), Ok("ana".to_owned()));
        assert_eq!(of(json!({"sub": 42})), Ok("42".to_owned()));
        for wrong in [
            json!({}),
            json!({"sub": ""}),
            json!({"sub": "a\0"}),
            json!({"sub": "too long"}),
            json!({"sub": null}),
            json!({"sub": 1.5}),
            json!({"sub": ["ana"]}),
        ] {
            assert_eq!(of(wrong.clone()), Err(AuthFailure::TokenUser), "{wrong}");
        }
    }
}
