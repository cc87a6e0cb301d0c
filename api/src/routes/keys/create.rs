//! `POST /v1/keys`.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use lethe_common::clock::to_millis;
use lethe_common::config::{Bounds, KeyHash, NAME, Scope, is_name};
use lethe_common::ledger::{KeyRecord, KeyRow};
use serde::Deserialize;
use strum::IntoEnumIterator as _;
use utoipa::ToSchema;

use super::allowed::allow;
use super::answer::MadeKey;
use super::body::read;
use crate::auth::Principal;
use crate::deletion::request::text;
use crate::http::json::given;
use crate::http::problem::{Kind, Problem};
use crate::routes::answers::{Unread, Usual, problems};
use crate::state::AppState;

/// An API key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKey {
    /// Its name in jobs and logs: 1 to 64 of the characters a-z, 0-9, _ and -.
    #[schema(example = "nightly", pattern = "^[a-z0-9_-]{1,64}$")]
    pub(crate) name: String,
    /// Its scopes: `memories:delete`, `memories:delete:any`, `subjects:erase`, `jobs:read`, `jobs:admin`, `audit:read`,
    /// `receipts:read`, `metrics:read`, `admin`.
    #[schema(min_items = 1, example = json!(["memories:delete", "jobs:read"]))]
    pub(crate) scopes: Vec<String>,
    /// The one person whose memories it reaches. Absent: all persons.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_length = 1)]
    pub(crate) user: Option<String>,
    /// The workspaces it reaches. Absent: all.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1)]
    pub(crate) workspaces: Option<BTreeSet<String>>,
    /// The targets it reaches. Absent: all.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1)]
    pub(crate) targets: Option<BTreeSet<String>>,
    /// The time when it expires. Absent: never.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, format = "date-time")]
    pub(crate) expires_at: Option<String>,
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
    let asked: CreateKey = read(&state, &principal, &headers, body).await?;
    let (key, row) = made(&state, &principal, asked).await?;
    Ok(MadeKey::answer(StatusCode::CREATED, key, row))
}

/// Makes a key, and returns its secret with its row.
pub(crate) async fn made(
    state: &AppState,
    principal: &Principal,
    asked: CreateKey,
) -> Result<(String, KeyRow), Problem> {
    allow(principal)?;
    let (key, hash) = KeyHash::make();
    let record = asked.checked(state, &hash)?;
    let taken = || {
        Problem::new(
            Kind::NameTaken,
            "write another name, or revoke the key of this name first",
        )
    };
    if state.config().auth.keys.iter().any(|key| key.name == record.name) {
        return Err(taken());
    }
    let made = state.ledger().add_key(&record, &principal.actor()).await?;
    let row = made.ok_or_else(taken)?;
    state.auth().forget(&record.name);
    Ok((key, row))
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
