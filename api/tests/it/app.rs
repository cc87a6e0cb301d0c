//! An API over its own ledger, and requests to it.

use std::io::Read as _;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use lethe_api::{AppState, router};
use lethe_common::clock::Clock;
use lethe_common::config::{Config, KeyHash, Role};
use lethe_common::doorbell::Doorbell;
use lethe_common::job::JobId;
use lethe_common::ledger::{Actor, Ledger, LedgerOptions};
use lethe_common::metrics::Metrics;
use serde_json::{Value, json};
use tower::ServiceExt;

/// The target of most tests: rows and vectors of people in workspaces.
pub(crate) const MAIN: &str = r#"
    [[target]]
    name = "main"
    sql = { url = "sqlite://memories.sqlite" }
    vector = { url = "http://localhost:6334" }
    [[target.table]]
    name = "memories"
    columns = { id = "id", user = "user_id", workspace = "workspace_id" }
    collection = { name = "memories", point = "uuid", payload = { id = "id", user = "user_id" } }
"#;

/// An API over its own ledger.
pub(crate) struct App {
    pub(crate) router: Router,
    pub(crate) state: AppState,
    pub(crate) ledger: Ledger,
    pub(crate) config: Arc<Config>,
    pub(crate) doorbell: Doorbell,
    _dir: tempfile::TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl App {
    pub(crate) async fn new() -> Self {
        Self::with(MAIN).await
    }

    /// Starts with `toml` as the configuration, and a key for each set of scopes that tests use.
    pub(crate) async fn with(toml: &str) -> Self {
        Self::in_env(toml, &[]).await
    }

    /// Does the same, with variables in the environment.
    pub(crate) async fn in_env(toml: &str, env: &[(&str, &str)]) -> Self {
        Self::at(toml, env, Clock::system()).await
    }

    /// Does the same, with a clock.
    pub(crate) async fn at(toml: &str, env: &[(&str, &str)], clock: Clock) -> Self {
        let keys = [
            ("root", "\"admin\""),
            ("eraser", "\"memories:delete:any\", \"jobs:read\""),
            ("other", "\"memories:delete:any\", \"jobs:read\""),
            ("owner", "\"memories:delete\""),
            ("privacy", "\"subjects:erase\""),
            ("reader", "\"jobs:read\""),
            ("operator", "\"jobs:admin\""),
            ("scraper", "\"metrics:read\""),
        ];
        let keys = keys.map(|(name, scopes)| {
            let hash = KeyHash::of(&key(name));
            format!("[[auth.key]]\nname = \"{name}\"\nsha256 = \"{hash}\"\nscopes = [{scopes}]\n")
        });
        let env = env
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let text = format!("{toml}\n{}", keys.concat());
        let config = Config::parse(&text, &env, Role::Api).expect("tests write valid settings");
        let config = Arc::new(config);
        let dir = tempfile::tempdir().expect("a directory for the ledger");
        let ledger = Ledger::open(LedgerOptions {
            url: format!("sqlite://{}?mode=rwc", dir.path().join("ledger.sqlite").display()).into(),
            ..LedgerOptions::from(&*config)
        })
        .expect("a URL of SQLite");
        ledger.migrate().await.expect("a new file");
        let doorbell = Doorbell::local();
        let metrics = Metrics::install(&config);
        let state = AppState::new(Arc::clone(&config), ledger.clone(), doorbell.clone(), metrics, clock);
        Self {
            router: router(state.clone()),
            state,
            ledger,
            config,
            doorbell,
            _dir: dir,
        }
    }

    /// Returns another process over the same ledger.
    pub(crate) fn another(&self) -> Router {
        router(AppState::new(
            Arc::clone(&self.config),
            self.ledger.clone(),
            self.doorbell.clone(),
            Metrics::install(&self.config),
            Clock::system(),
        ))
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Self::send_to(&self.router, request).await
    }

    pub(crate) async fn send_to(router: &Router, request: Request<Body>) -> Answer {
        let response = router.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("bodies end");
        let mut text = String::new();
        let is_compressed = parts.headers.contains_key("content-encoding");
        if is_compressed {
            let mut body = flate2::read::GzDecoder::new(&*bytes);
            body.read_to_string(&mut text).expect("bodies are texts");
        } else {
            text.push_str(std::str::from_utf8(&bytes).expect("bodies are texts"));
        }
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
            body,
        }
    }

    pub(crate) async fn get(&self, who: &str, path: &str) -> Answer {
        self.send(request(who, "GET", path).body(Body::empty()).expect("a request"))
            .await
    }

    /// Posts to a route that takes no body.
    pub(crate) async fn post(&self, who: &str, path: &str) -> Answer {
        self.send(request(who, "POST", path).body(Body::empty()).expect("a request"))
            .await
    }

    /// Sends JSON.
    pub(crate) async fn send_json(&self, who: &str, method: &str, path: &str, body: &Value) -> Answer {
        let request = request(who, method, path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.to_string().into()).expect("a request"))
            .await
    }

    /// Submits a job.
    pub(crate) async fn create(&self, who: &str, body: &Value) -> Answer {
        self.create_with(who, body, &[]).await
    }

    /// Submits a job, with headers.
    pub(crate) async fn create_with(&self, who: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        self.create_raw(who, "application/json", headers, body.to_string())
            .await
    }

    pub(crate) async fn create_raw(
        &self,
        who: &str,
        kind: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = request(who, "POST", "/v1/jobs").header(header::CONTENT_TYPE, kind);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).expect("a request")).await
    }

    /// Uploads lines, with a query.
    pub(crate) async fn upload(&self, query: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let path = format!("/v1/jobs{query}");
        let mut request = request("eraser", "POST", &path).header(header::CONTENT_TYPE, "application/x-ndjson");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).expect("a request")).await
    }

    /// Submits a job by ids, and returns its id.
    pub(crate) async fn accepted(&self, who: &str) -> JobId {
        self.create(who, &json!({"select": {"ids": ["a", "b"]}})).await.job()
    }

    /// Returns the number of jobs in the ledger.
    pub(crate) async fn count(&self) -> usize {
        let answer = self.get("root", "/v1/jobs?limit=200").await;
        answer.body["jobs"].as_array().expect("a list").len()
    }
}

impl Answer {
    /// Returns the id of the accepted job.
    #[track_caller]
    pub(crate) fn job(&self) -> JobId {
        assert_eq!(self.status, StatusCode::ACCEPTED, "{}", self.text);
        let id = self.headers["lethe-job"].to_str().expect("an id").to_owned();
        assert_eq!(self.headers[header::LOCATION], format!("/v1/jobs/{id}"));
        assert_eq!(self.body["id"], id);
        id.parse().expect("an id")
    }

    /// Asserts that the answer is a complete problem whose detail contains `says`.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str, says: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["type"], format!("/problems#{code}"), "{}", self.text);
        assert!(self.body["title"].is_string(), "{}", self.text);
        assert_eq!(
            self.body["request_id"],
            self.headers["x-request-id"].to_str().expect("an id")
        );
        let detail = self.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(says), "`{says}` is not in `{detail}`");
    }
}

/// Begins a request with a caller's key. A key or a token with a dot or `lethe_` is sent unchanged.
pub(crate) fn request(who: &str, method: &str, path: &str) -> axum::http::request::Builder {
    let builder = Request::builder().method(method).uri(path);
    if who.is_empty() {
        return builder;
    }
    builder.header(header::AUTHORIZATION, format!("Bearer {}", key(who)))
}

pub(crate) fn key(name: &str) -> String {
    if name.contains('.') || name.starts_with("lethe_") {
        return name.to_owned();
    }
    format!("key-of-{name}")
}

/// Sorts the keys of snapshots while it lives: their order depends on the features of `serde_json` that other packages
/// of a build enable.
pub(crate) fn sorted() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.set_sort_maps(true);
    settings.bind_to_scope()
}

/// Returns the actor of tests.
pub(crate) fn tester() -> Actor {
    Actor::named("tester")
}
