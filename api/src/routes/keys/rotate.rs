//! `POST /v1/keys/{name}/rotate`.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use lethe_common::clock::from_millis;
use lethe_common::config::{KeyHash, is_name, parse_duration};
use lethe_common::ledger::{Ends, KeyRow, Rotated};
use serde::Deserialize;
use utoipa::ToSchema;

use super::allowed::allow;
use super::answer::MadeKey;
use super::body::read;
use crate::auth::Principal;
use crate::http::extract::NamePath;
use crate::http::json::given;
use crate::http::problem::{Kind, Problem};
use crate::routes::answers::{Unread, Usual, problems};
use crate::state::AppState;

/// The overlap, unless the request names one: clients are given the new secret within a day.
const USUAL: Duration = Duration::from_hours(24);

/// The longest overlap. A secret that works for longer is no longer being replaced.
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// A rotation of a key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateKey {
    /// For how long the secret before the new one still works, such as `24h` or `7d`: at most `30d`, and `0` not at all.
    /// Absent: `24h`.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, example = "24h")]
    pub(crate) overlap: Option<String>,
    /// The secret that stops at once, while the key has two: `older`, or `newer` if nobody received it. Without it only
    /// an overlap of `0` ends both.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, pattern = "^(older|newer)$")]
    pub(crate) ends: Option<String>,
}

problems! {
    /// The problems of a key that cannot be rotated.
    NotRotated {
        404 "No such key, or it has expired"
        409 "The key has two secrets, and `ends` names none of them. Or `ends` is there, and the key has one secret"
    }
}

/// Give an API key another secret, with the same rights. Only this answer shows it, and only its hash is stored.
///
/// The present secret works on for `overlap`. A key has at most two secrets. While it has two, name the one that stops
/// now. A secret stops at once in this process, within 5 seconds in others.
#[utoipa::path(post, path = "/v1/keys/{name}/rotate", operation_id = "rotateKey", tag = "keys",
    params(("name" = String, Path, description = "The key's name")),
    request_body(content = Option<RotateKey>, content_type = "application/json"),
    responses(
        (status = 200, description = "The key with its new secret", body = MadeKey),
        Unread,
        NotRotated,
        Usual,
    ))]
pub(crate) async fn rotate(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let asked: RotateKey = read(&state, &principal, &headers, body).await?;
    let (key, row) = rotated(&state, &principal, &name, &asked).await?;
    Ok(MadeKey::answer(StatusCode::OK, key, row))
}

/// Gives a key another secret, and returns that with the key's row.
pub(crate) async fn rotated(
    state: &AppState,
    principal: &Principal,
    name: &str,
    asked: &RotateKey,
) -> Result<(String, KeyRow), Problem> {
    allow(principal)?;
    let (overlap, ends) = (asked.overlap()?, asked.ends()?);
    let unknown = || {
        Problem::new(
            Kind::NotFound,
            "no valid key that Lethe made has this name: create one, or edit the configuration if it holds the key",
        )
    };
    // No key of the ledger has another kind of name, and PostgreSQL accepts no NUL.
    if !is_name(name) {
        return Err(unknown());
    }
    let (key, hash) = KeyHash::make();
    let rotated = state
        .ledger()
        .rotate_key(name, &hash.to_string(), overlap, ends, &principal.actor())
        .await?;
    match rotated {
        Rotated::Done(row) => {
            state.auth().forget(name);
            Ok((key, *row))
        }
        Rotated::NoKey => Err(unknown()),
        Rotated::HasTwo(until) => Err(has_two(until)),
        Rotated::HasOne => Err(Problem::new(
            Kind::SecretsOverlap,
            "send this without `ends`: the key has one secret",
        )),
    }
}

/// Returns the problem of a key whose older secret works until a time, in milliseconds since 1970.
fn has_two(until: i64) -> Problem {
    let until = from_millis(until).map_or_else(String::new, |until| format!(" until {until}"));
    let detail = format!(
        "wait, or write which secret ends now: the older one works{until}. `ends`: `older` ends it, `newer` ends the last \
         one if nobody received it, and an `overlap` of `0` ends both"
    );
    Problem::new(Kind::SecretsOverlap, detail)
}

impl RotateKey {
    fn overlap(&self) -> Result<Duration, Problem> {
        let read = match self.overlap.as_deref() {
            None => Some(USUAL),
            Some("0") => Some(Duration::ZERO),
            Some(text) => parse_duration(text).filter(|overlap| *overlap <= LONGEST),
        };
        let what = "write a time of at most `30d`, such as `24h`, or `0` to end the present secret at once";
        read.ok_or_else(|| Problem::invalid("overlap", what))
    }

    fn ends(&self) -> Result<Option<Ends>, Problem> {
        let read = |text: &str| match text {
            "older" => Ok(Ends::Older),
            "newer" => Ok(Ends::Newer),
            _ => Err(Problem::invalid("ends", "write `older` or `newer`, or leave it out")),
        };
        self.ends.as_deref().map(read).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_a_time_of_at_most_thirty_days() {
        let of = |text: Option<&str>| {
            let overlap = text.map(str::to_owned);
            RotateKey { overlap, ends: None }.overlap().ok()
        };
        for (text, hours) in [
            (None, 24),
            (Some("0"), 0),
            (Some("0s"), 0),
            (Some("90min"), 1),
            (Some("7d"), 168),
            (Some("30d"), 720),
        ] {
            assert_eq!(
                of(text).map(|overlap| overlap.as_secs() / 3_600),
                Some(hours),
                "{text:?}"
            );
        }
        for wrong in ["", "24", "-1h", "30d 1s", "31d", "1mo", "soon"] {
            assert_eq!(of(Some(wrong)), None, "{wrong}");
        }
    }
}
