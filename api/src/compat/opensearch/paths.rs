//! Which paths are OpenSearch's.

use axum::extract::Request;

use super::info;

/// How the names begin that OpenSearch has for what is no index: those of its paths that are not answered here are
/// its own as well, since its clients read their refusal.
const OWN: char = '_';

/// How the paths of its routes end that begin with the name of an index.
const BY_QUERY: &str = "/_delete_by_query";

/// Returns whether a request is about one of its routes.
pub(in crate::compat) fn has(request: &Request) -> bool {
    let path = request.uri().path();
    let index = path.strip_prefix('/').and_then(|path| path.strip_suffix(BY_QUERY));
    let is_info = path == "/" && !info::is_for_people(request.headers());
    is_info || has_name(path.get(1..).unwrap_or_default()) || index.is_some_and(|index| !index.contains('/'))
}

/// Returns whether a request that no route answers is about one of OpenSearch's. Of a path that is another system's,
/// only what follows the name of an index can be.
pub(in crate::compat) fn would_have(path: &str) -> bool {
    path.split('/').skip(1).any(has_name)
}

fn has_name(segment: &str) -> bool {
    segment.starts_with(OWN)
}
