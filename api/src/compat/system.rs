//! The systems with a compatible API in Lethe, and the requests that belong to each.

use axum::extract::{MatchedPath, Request};
use axum::http::Method;

use super::{agno, mem0, memoryplugin, mielto, opensearch};
use crate::auth::{Scheme, Schemes};
use crate::http::observe::Voice;
use crate::http::problem::Problem;

/// A system with a compatible API in Lethe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    /// Agno's `AgentOS`.
    Agno,
    /// Mielto.
    Mielto,
    /// MemoryPlugin.
    MemoryPlugin,
    /// mem0's platform.
    Mem0,
    /// OpenSearch's agentic memory.
    OpenSearch,
}

impl System {
    /// Returns the system of a request. Requests of the native API have none.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let path = request.uri().path();
        let is_answered = request.extensions().get::<MatchedPath>().is_some();
        if opensearch::has(request) {
            return Some(Self::OpenSearch);
        }
        match Self::of_path(path) {
            // The path may also begin with the name of an index. Lethe serves only Agno's deletions there.
            Some(Self::Agno) if opensearch::would_have(path) => {
                let is_agnos = is_answered && request.method() == Method::DELETE;
                Some(if is_agnos { Self::Agno } else { Self::OpenSearch })
            }
            None if !is_answered && opensearch::would_have(path) => Some(Self::OpenSearch),
            system => system,
        }
    }

    /// Returns the system of a path, except OpenSearch.
    fn of_path(path: &str) -> Option<Self> {
        let within = |root: &str| {
            let rest = path.strip_prefix(root);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if agno::ROOTS.into_iter().any(within) {
            Some(Self::Agno)
        } else if mem0::ROOTS.into_iter().any(within) {
            Some(Self::Mem0)
        } else if within("/api/v1") {
            Some(Self::Mielto)
        } else if within("/api") {
            Some(Self::MemoryPlugin)
        } else {
            None
        }
    }

    /// Returns the authentication schemes of its clients.
    pub(super) fn schemes(self) -> Schemes {
        match self {
            Self::Agno | Self::Mielto | Self::MemoryPlugin => &[Scheme::Bearer],
            Self::Mem0 => &[Scheme::Token, Scheme::Bearer],
            Self::OpenSearch => &[Scheme::Basic, Scheme::Bearer],
        }
    }

    /// Returns the function that writes problems in this system's format.
    fn voice(self) -> Voice {
        match self {
            Self::Agno => agno::error,
            Self::Mielto => mielto::error,
            Self::MemoryPlugin => memoryplugin::error,
            Self::Mem0 => mem0::error,
            Self::OpenSearch => opensearch::error,
        }
    }
}

/// Returns the function that writes the problems of a request.
pub(crate) fn voice(request: &Request) -> Voice {
    let native: Voice = Problem::body;
    System::of(request).map_or(native, System::voice)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;

    use super::System;

    /// Returns the system of a request that matches no route.
    fn of(method: &str, path: &str, accept: &str) -> Option<System> {
        let request = Request::builder().method(method).uri(path).header("accept", accept);
        System::of(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn a_path_belongs_to_the_system_whose_it_is() {
        for (path, system) in [
            ("/memories", Some(System::Agno)),
            ("/memories/", Some(System::Agno)),
            ("/memories/a/b", Some(System::Agno)),
            ("/memoriesx", None),
            ("/memory_topics", Some(System::Agno)),
            ("/api/v1/memories/a", Some(System::Mielto)),
            ("/api/v1", Some(System::Mielto)),
            ("/api/v1/orgs/organizations/o/", Some(System::Mem0)),
            ("/api/memories/a", Some(System::MemoryPlugin)),
            ("/api/v2/memories", Some(System::MemoryPlugin)),
            ("/apis", None),
            ("/v1/memories/a/", Some(System::Mem0)),
            ("/v1/batch/", Some(System::Mem0)),
            ("/v2/entities/user/a/", Some(System::Mem0)),
            ("/v3/memories/", Some(System::Mem0)),
            ("/_plugins/_ml/memory_containers/a", Some(System::OpenSearch)),
            ("/_tasks/a:1", Some(System::OpenSearch)),
            ("/memories/_delete_by_query", Some(System::OpenSearch)),
            ("/v1/_delete_by_query", Some(System::OpenSearch)),
            ("/memories/a/_delete_by_query", Some(System::OpenSearch)),
            ("//_delete_by_query", Some(System::OpenSearch)),
            ("/notes/_search", Some(System::OpenSearch)),
            ("/notes/_doc/1", Some(System::OpenSearch)),
            ("/memories/_doc/1", Some(System::OpenSearch)),
            ("/memories/a_b", Some(System::Agno)),
            ("/api/memories/_a", Some(System::MemoryPlugin)),
            ("/v1/jobs", None),
            ("/", Some(System::OpenSearch)),
        ] {
            assert_eq!(of("POST", path, "*/*"), system, "{path}");
        }
        assert_eq!(of("GET", "/", "text/html,*/*;q=0.8"), None);
    }
}
