//! `POST /v1/keys`.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use lethe_common::clock::to_millis;
use lethe_common::config::{Bounds, KeyHash, NAME, Scope, is_name};
use lethe_common::ledger::KeyRecord;
use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator as _;
use utoipa::ToSchema;

use super::allowed::{allow, unknown};
use super::answer::KeyAnswer;
use crate::auth::Principal;
use crate::deletion::request::text;
use crate::http::body::Incoming;
use crate::http::json::{self, given};
use crate::http::media_type::MediaType;
use crate::http::object::Object;
use crate::http::problem::{Kind, Problem};
use crate::routes::answers::{Unread, Usual, problems};
use crate::state::AppState;

/// The longest body, in bytes: some thousand names of workspaces.
const MOST: u64 = 64 << 10;

/// An API key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKey {
    /// Its name in jobs and logs: 1 to 64 of the characters a-z, 0-9, _ and -.
    #[schema(example = "nightly", pattern = "^[a-z0-9_-]{1,64}$")]
    name: String,
    /// Its scopes: `memories:delete`, `memories:delete:any`, `subjects:erase`, `jobs:read`, `jobs:admin`, `audit:read`,
    /// `metrics:read`, `admin`.
    #[schema(min_items = 1, example = json!(["memories:delete", "jobs:read"]))]
    scopes: Vec<String>,
    /// The one person whose memories it reaches. Absent: all persons.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_length = 1)]
    user: Option<String>,
    /// The workspaces it reaches. Absent: all.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1)]
    workspaces: Option<BTreeSet<String>>,
    /// The targets it reaches. Absent: all.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1)]
    targets: Option<BTreeSet<String>>,
    /// The time when it expires. Absent: never.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, format = "date-time")]
    expires_at: Option<String>,
}

/// A new API key.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeKey {
    /// The key itself. It is not stored: only this answer shows it.
    #[schema(example = "lethe_2f6c…")]
    key: String,
    #[serde(flatten)]
    about: KeyAnswer,
}

problems! {
    /// The problems of keys that are not made.
    NotMade {
        400 "Not JSON"
        409 "A key has this name"
        413 "Too large"
        415 "Wrong content type"
    }
}

/// Make an API key. Only this answer shows it, and only its hash is stored.
#[utoipa::path(post, path = "/v1/keys", operation_id = "createKey", tag = "keys",
    request_body = CreateKey,
    responses(
        (status = 201, description = "The key", body = MadeKey),
        Unread,
        NotMade,
        Usual,
    ))]
pub(crate) async fn create(
    State(state): State<AppState>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    allow(&principal)?;
    let asked = read(&state, &principal, &headers, body).await?;
    let (key, hash) = KeyHash::make();
    let record = asked.checked(&state, &hash)?;
    let taken = || {
        Problem::new(
            Kind::NameTaken,
            "write another name, or revoke the key of this name first",
        )
    };
    if state.config().auth.keys.iter().any(|key| key.name == record.name) {
        return Err(taken());
    }
    if !state.ledger().add_key(&record, &principal.actor()).await? {
        return Err(taken());
    }
    state.auth().forget(&record.name);
    let row = state.ledger().key_by_hash(&record.sha256).await?;
    let about = row.ok_or_else(unknown)?.into();
    let mut response = (StatusCode::CREATED, Json(MadeKey { key, about })).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn read(state: &AppState, principal: &Principal, headers: &HeaderMap, body: Body) -> Result<CreateKey, Problem> {
    if !matches!(MediaType::of(headers), Ok(MediaType::Json)) {
        return Err(Problem::new(
            Kind::MediaType,
            "send `content-type: application/json`, not encoded",
        ));
    }
    let mut incoming = Incoming::new(body, MOST);
    let bytes = incoming
        .whole(headers, &state.places().of(&principal.name), &state.config().api)
        .await
        .map_err(|problem| {
            if problem.kind == Kind::TooLarge {
                Problem::new(Kind::TooLarge, format!("send at most {MOST} bytes"))
            } else {
                problem
            }
        })?;
    let Object(asked): Object<CreateKey> = json::read(&bytes)?;
    Ok(asked)
}

impl CreateKey {
    fn checked(self, state: &AppState, hash: &KeyHash) -> Result<KeyRecord, Problem> {
        let config = state.config();
        let longest = config.api.max_id_length;
        if !is_name(&self.name) {
            return Err(Problem::invalid("name", NAME));
        }
        let words: Vec<_> = Scope::iter().map(Scope::as_str).collect();
        let known = |scope: &String| words.contains(&scope.as_str());
        if self.scopes.is_empty() || !self.scopes.iter().all(known) {
            let what = format_args!("write at least one of {}", words.join(", "));
            return Err(Problem::invalid("scopes", what));
        }
        if let Some(user) = &self.user {
            text("user", user, longest)?;
        }
        for (field, names) in [("workspaces", &self.workspaces), ("targets", &self.targets)] {
            if names.as_ref().is_some_and(BTreeSet::is_empty) {
                return Err(Problem::invalid(field, "write at least one, or leave it out"));
            }
            for name in names.iter().flatten() {
                text(field, name, longest)?;
            }
        }
        if self.targets.iter().flatten().any(|name| config.target(name).is_none()) {
            return Err(Problem::invalid("targets", "write names that `GET /v1/targets` lists"));
        }
        let expires_at = self.expires_at.as_deref().map(|text| {
            let at: Option<Timestamp> = text.parse().ok();
            let at = at.filter(|at| *at > state.clock().now());
            at.ok_or_else(|| Problem::invalid("expires_at", "write a future time, such as `2030-01-31T12:00:00Z`"))
        });
        let scopes: BTreeSet<String> = self.scopes.into_iter().collect();
        Ok(KeyRecord {
            name: self.name,
            sha256: hash.to_string(),
            scopes: scopes.into_iter().collect(),
            bounds: Bounds {
                user: self.user,
                workspaces: self.workspaces,
                targets: self.targets,
            },
            expires_at: expires_at.transpose()?.map(to_millis),
        })
    }
}
