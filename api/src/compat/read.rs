//! Paths and queries of compatible requests, read as each system reads them.

#[cfg(test)]
mod fuzz;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::auth::Principal;
use crate::http::problem::{Kind, Problem};
use crate::http::query;
use crate::state::AppState;

/// The caller from [`authenticate`](super::authenticate).
pub(crate) struct Caller(pub(crate) Principal);

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &AppState) -> Result<Self, Problem> {
        let known = parts.extensions.get::<Principal>().cloned();
        known.map(Self).ok_or_else(|| {
            tracing::error!("a compatible route has a path that belongs to no system");
            Problem::usual(Kind::Internal)
        })
    }
}

/// Parts of the path, percent-decoded once: `%2F` is a part of an id, and `+` is a plus.
pub(crate) struct InPath<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // Decoding fails only for text that is not UTF-8.
        let refused = |_| Problem::invalid("the path", "write ids as percent-encoded UTF-8");
        Path::<T>::from_request_parts(parts, state)
            .await
            .map(|Path(path)| Self(path))
            .map_err(refused)
    }
}

/// The parameters of a query. Parameters that no handler reads are ignored.
pub(crate) struct Query(Vec<(String, String)>);

impl FromRequestParts<AppState> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &AppState) -> Result<Self, Problem> {
        Self::read(parts.uri.query().unwrap_or_default())
    }
}

impl Query {
    pub(super) fn read(query: &str) -> Result<Self, Problem> {
        query::utf8(query)?;
        let pairs = form_urlencoded::parse(query.as_bytes());
        Ok(Self(pairs.into_owned().collect()))
    }

    /// Returns the names of the parameters.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Refuses parameters that are not `known`, since an ignored one could widen the deletion.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.names().find(|name| !known.contains(name)) {
            Some(unknown) => {
                let name: String = unknown.chars().filter(|c| !c.is_control()).take(64).collect();
                Err(Problem::invalid(
                    &name,
                    "leave this out: it is not supported, and would be ignored",
                ))
            }
            None => Ok(()),
        }
    }

    /// Returns a parameter. A repeated one is ambiguous and refused.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (value, None) => Ok(value.map(String::as_str)),
            _ => Err(Problem::invalid(name, "write this field once")),
        }
    }

    /// Returns a parameter. An empty one counts as absent.
    pub(crate) fn name(&self, name: &str) -> Result<Option<String>, Problem> {
        Ok(self.one(name)?.filter(|value| !value.is_empty()).map(str::to_owned))
    }

    /// Returns an owner parameter. An empty one is refused, since it would widen the deletion.
    pub(crate) fn owner(&self, name: &str) -> Result<Option<String>, Problem> {
        match self.one(name)? {
            Some("") => Err(Problem::invalid(name, "write something, or leave it out")),
            value => Ok(value.map(str::to_owned)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_given_twice_is_refused() {
        let query = Query::read("user_id=a%20b+c&x=1&x=1&db_id=&unknown=?").unwrap();
        assert_eq!(query.owner("user_id").unwrap().as_deref(), Some("a b c"));
        assert!(query.one("x").is_err());
        assert_eq!(query.name("db_id").unwrap(), None);
        assert!(query.owner("db_id").is_err());
        assert_eq!(query.owner("table").unwrap(), None);
        assert!(Query::read("user_id=%ff").is_err());
    }
}
