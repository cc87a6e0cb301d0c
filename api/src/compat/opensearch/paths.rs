//! The paths that belong to OpenSearch.

use axum::extract::Request;

use crate::http::accept;

/// The first character of OpenSearch's reserved names, which are no indices. Paths with such a name are OpenSearch's
/// even if Lethe does not serve them, since its clients read their errors.
const OWN: char = '_';

/// The end of the path of a route that begins with the name of an index.
const BY_QUERY: &str = "/_delete_by_query";

/// Returns whether a request is for one of OpenSearch's routes.
pub(in crate::compat) fn has(request: &Request) -> bool {
    let path = request.uri().path();
    let index = path.strip_prefix('/').and_then(|path| path.strip_suffix(BY_QUERY));
    let is_info = path == "/" && !accept::html(request.headers());
    is_info || has_name(path.get(1..).unwrap_or_default()) || index.is_some_and(|index| !index.contains('/'))
}

/// Returns whether a request that matches no route is OpenSearch's: a segment of its path is a reserved name. In
/// another system's path the first segment is then an index.
pub(in crate::compat) fn would_have(path: &str) -> bool {
    path.split('/').skip(1).any(has_name)
}

fn has_name(segment: &str) -> bool {
    segment.starts_with(OWN)
}
