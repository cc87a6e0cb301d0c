//! Paths that no route has.

use axum::http::Uri;

use super::problem::{Kind, Problem};

/// What later versions will have. Named, so that nobody takes it for a mistyped path.
const LATER: [&str; 3] = ["/v1/holds", "/v1/suppressions", "/v1/replays"];

/// Refuses a path that no route has, without saying it again: it can hold an id.
pub(crate) fn unknown(uri: &Uri) -> Problem {
    let path = uri.path();
    let later = if path.starts_with("/v1/jobs/") && path.ends_with("/receipt") {
        Some("receipt")
    } else {
        LATER.into_iter().find(|later| path.starts_with(later))
    };
    match later {
        Some(name) => Problem::new(Kind::NotFound, format!("`{name}` is not supported yet")),
        None => Problem::usual(Kind::NotFound),
    }
}
