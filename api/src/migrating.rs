//! The layer that refuses requests about data while this process waits for the ledger's migrations, or for rights on
//! its tables.
//!
//! Without it a request could meet a part of the tables, or be answered as a failure of the service.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lethe_common::ledger::Ledger;

use crate::http::problem::{Kind, Problem, page};

/// The templates of routes that answer without the ledger. A key of the ledger is refused there too, for a while.
const WITHOUT: [&str; 6] = [
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    page::PATH,
    "/console/assets/{file}",
];

/// The page that shows the `OpenAPI` document, and what it loads.
const DOCS: &str = "/docs";

/// Answers 503 until the ledger is migrated. Routes that need no table are served.
pub(crate) async fn guard(State(ledger): State<Ledger>, request: Request, next: Next) -> Response {
    if ledger.is_migrated() || is_without(&request) {
        return next.run(request).await;
    }
    waits().into_response()
}

/// Returns the problem of a request that needs a table before the ledger is migrated.
pub(crate) fn waits() -> Problem {
    let why = "nothing was accepted: this process waits for the ledger's migrations, and the log says what to do. \
        Send the request again later";
    Problem::new(Kind::LedgerUnavailable, why)
}

fn is_without(request: &Request) -> bool {
    let template = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let Some(template) = template else { return false };
    let rest = template.strip_prefix(DOCS);
    WITHOUT.contains(&template) || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
