//! The parameters of a page, as its forms send them.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::pairs;
use crate::http::extract::Params;
use crate::http::problem::Problem;

/// The parameters of a page. Those without a value count as absent: a form sends all its fields.
pub(super) struct Filters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Filters {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        Ok(Self(pairs.filter(|(_, value)| !value.is_empty()).collect()))
    }
}

impl Filters {
    /// Returns these parameters, except those without a value.
    pub(super) fn of<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        let some = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self(some.map(owned).collect())
    }

    /// Returns the value of a parameter, empty if it is absent.
    pub(super) fn value(&self, name: &str) -> &str {
        pairs::value(&self.0, name)
    }

    /// Returns all parameters except one.
    pub(super) fn without<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(move |(with, _)| *with != name)
    }

    /// Reads the parameters as a route of the API does.
    ///
    /// # Errors
    /// A parameter that the route does not know, or a wrong value.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        Params::of_pairs(self.without("")).map(|Params(params)| params)
    }
}
