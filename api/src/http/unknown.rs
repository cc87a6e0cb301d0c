//! Paths without a route.

use axum::http::Uri;

use super::problem::{Kind, Problem};

/// The routes of later versions. The answer names them, so that no caller takes them for a mistyped path.
const LATER: [&str; 3] = ["/v1/holds", "/v1/suppressions", "/v1/replays"];

/// Refuses a path without a route, and does not repeat it: it can hold an id.
pub(crate) fn unknown(uri: &Uri) -> Problem {
    let later = LATER.into_iter().find(|later| uri.path().starts_with(later));
    match later {
        Some(name) => Problem::new(Kind::NotFound, format!("`{name}` is not supported yet")),
        None => Problem::usual(Kind::NotFound),
    }
}
