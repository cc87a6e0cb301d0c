//! `/v1/keys`: the API keys that Lethe makes itself. A key is answered once, its hash never.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use lethe_common::clock::{from_millis, to_millis};
use lethe_common::config::{Bounds, KeyHash, NAME, Scope, is_name};
use lethe_common::ledger::{KeyRecord, KeyRow};
use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator as _;
use utoipa::{IntoParams, ToSchema};

use crate::app::AppState;
use crate::auth::Principal;
use crate::body::{Incoming, MediaType};
use crate::extract::{NamePath, Nothing, Params, limit};
use crate::json::{self, given};
use crate::object::Object;
use crate::openapi::Usual;
use crate::problem::{Kind, Problem, ProblemBody};
use crate::request::text;

/// How many keys are listed unless somebody says otherwise, and at most.
const LIMIT: (u32, u32) = (200, 1_000);

/// The longest description of a key: some thousand names of workspaces.
const MOST: u64 = 64 << 10;

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKey {
    /// What jobs and logs call its holder: 1 to 64 of the characters a-z, 0-9, _ and -.
    #[schema(example = "nightly", pattern = "^[a-z0-9_-]{1,64}$")]
    name: String,
    /// What it opens: `memories:delete`, `memories:delete:any`, `subjects:erase`, `jobs:read`,
    /// `jobs:admin`, `metrics:read`, `admin`.
    #[schema(min_items = 1, example = json!(["memories:delete", "jobs:read"]))]
    scopes: Vec<String>,
    /// The one person whose memories it reaches. Absent: everybody's.
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
    /// When it stops opening anything. Absent: never.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, format = "date-time")]
    expires_at: Option<String>,
}

/// A key, without what opens anything.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyAnswer {
    /// The name.
    name: String,
    /// What it opens.
    scopes: Vec<String>,
    /// The one person whose memories it reaches; `null`: everybody's.
    user: Option<String>,
    /// The workspaces it reaches; `null`: all.
    workspaces: Option<BTreeSet<String>>,
    /// The targets it reaches; `null`: all.
    targets: Option<BTreeSet<String>>,
    /// When it stops opening anything; `null`: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Whether it has.
    expired: bool,
    /// When it was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeKey {
    /// The key itself. It is not stored: this is the only time that it is said.
    #[schema(example = "lethe_2f6c…")]
    key: String,
    #[serde(flatten)]
    about: KeyAnswer,
}

/// Keys, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// The keys.
    keys: Vec<KeyAnswer>,
    /// What to give as `after` for the next page; `null` on the last.
    next: Option<String>,
}

/// Which keys.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyParams {
    /// `next` of the page before.
    after: Option<String>,
    /// The most to list, 1 to 1000; 200 if absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000)]
    limit: Option<String>,
}

impl From<KeyRow> for KeyAnswer {
    fn from(row: KeyRow) -> Self {
        let Bounds {
            user,
            workspaces,
            targets,
        } = row.key.bounds;
        Self {
            name: row.key.name,
            scopes: row.key.scopes,
            user,
            workspaces,
            targets,
            expires_at: row.key.expires_at.and_then(from_millis),
            expired: row.left.is_some_and(|left| left.is_zero()),
            created_at: from_millis(row.created_at),
        }
    }
}

/// Make an API key. It is answered once, and only its hash is stored.
#[utoipa::path(post, path = "/v1/keys", operation_id = "createKey", tag = "keys",
    request_body = CreateKey,
    responses(
        (status = 201, description = "The key", body = MadeKey),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The body did not arrive in time", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A key has this name", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Wrong content type", body = ProblemBody, content_type = "application/problem+json"),
        Usual,
    ))]
pub(crate) async fn create(
    State(state): State<AppState>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    allow(&principal)?;
    let asked = read(&state, &headers, body).await?;
    let (key, hash) = KeyHash::make();
    let record = asked.checked(&state, &hash)?;
    let taken = || {
        Problem::new(
            Kind::NameTaken,
            "write another name, or take the key of this name away first",
        )
    };
    if state.config().auth.keys.iter().any(|key| key.name == record.name) {
        return Err(taken());
    }
    if !state.ledger().add_key(&record).await? {
        return Err(taken());
    }
    state.known_keys().forget(&record.name);
    let row = state.ledger().key_by_hash(&record.sha256).await?;
    let about = row.ok_or_else(unknown)?.into();
    let mut response = (StatusCode::CREATED, Json(MadeKey { key, about })).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// List the API keys that were made here, by name. Those of the configuration are not among them.
#[utoipa::path(get, path = "/v1/keys", operation_id = "listKeys", tag = "keys",
    params(KeyParams),
    responses((status = 200, description = "The keys", body = KeyList), Usual))]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    Params(params): Params<KeyParams>,
) -> Result<Json<KeyList>, Problem> {
    allow(&principal)?;
    let limit = limit(params.limit.as_deref(), LIMIT)?;
    let after = params.after.unwrap_or_default();
    if !after.is_empty() && !is_name(&after) {
        return Err(Problem::invalid("after", "write what `next` of the page before said"));
    }
    // One more tells whether there is a next page.
    let mut rows = state.ledger().keys(&after, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.key.name.clone());
    let keys = rows.into_iter().map(KeyAnswer::from).collect();
    Ok(Json(KeyList { keys, next }))
}

/// Take an API key away: at once here, within seconds in other processes.
#[utoipa::path(delete, path = "/v1/keys/{name}", operation_id = "revokeKey", tag = "keys",
    params(("name" = String, Path, description = "The key's name")),
    responses(
        (status = 204, description = "It opens nothing any more"),
        (status = 404, description = "No such key", body = ProblemBody, content_type = "application/problem+json"),
        Usual,
    ))]
pub(crate) async fn revoke(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    Nothing: Nothing,
) -> Result<StatusCode, Problem> {
    allow(&principal)?;
    // No key of the ledger is called otherwise, and PostgreSQL takes no NUL.
    let removed = is_name(&name) && state.ledger().remove_key(&name).await?;
    if !removed {
        return Err(unknown());
    }
    state.known_keys().forget(&name);
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses whoever could make a key that reaches further than its own.
fn allow(principal: &Principal) -> Result<(), Problem> {
    principal.require(Scope::Admin)?;
    principal.require_all_of(None)?;
    Ok(())
}

fn unknown() -> Problem {
    Problem::new(
        Kind::NotFound,
        "no key that was made here has this name: those of the configuration are taken away there",
    )
}

async fn read(state: &AppState, headers: &HeaderMap, body: Body) -> Result<CreateKey, Problem> {
    if !matches!(MediaType::of(headers), Ok(MediaType::Json)) {
        return Err(Problem::new(
            Kind::MediaType,
            "send `content-type: application/json`, not encoded",
        ));
    }
    let mut incoming = Incoming::new(body, MOST);
    let within = state.config().api.request_timeout;
    let bytes = incoming.whole(headers, state, within).await.map_err(|problem| {
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
            at.ok_or_else(|| Problem::invalid("expires_at", "write a time to come, such as `2030-01-31T12:00:00Z`"))
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
