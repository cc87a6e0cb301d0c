//! The parameters of an act on all matching jobs: the filter of a list of jobs, and its own.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::Params;
use crate::http::problem::Problem;
use crate::routes::jobs::list::ListParams;

/// The parameters of an act beside the filter.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActParams {
    /// The number of matching jobs, as `dry_run` counts them. The first request of an act needs it: if another number
    /// matches by then, nothing is changed.
    #[param(value_type = Option<u64>)]
    expect: Option<String>,
    /// Whether a request without a filter means all jobs.
    #[param(value_type = Option<bool>)]
    all: Option<String>,
    /// Whether to count the jobs, and change none.
    #[param(value_type = Option<bool>)]
    dry_run: Option<String>,
}

/// The names of these parameters.
const NAMES: [&str; 3] = ["expect", "all", "dry_run"];

/// A request for an act.
pub(crate) struct Asked {
    pub(super) filter: ListParams,
    pub(super) expect: Option<u64>,
    pub(super) all: bool,
    pub(super) dry_run: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        Self::of(pairs.iter().map(|(name, value)| (&**name, &**value)))
    }
}

impl Asked {
    /// Reads parameters from pairs of names and values.
    pub(crate) fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Problem> {
        let is_own = |(name, _): &(&str, &str)| NAMES.contains(name);
        let (own, filter): (Vec<_>, Vec<_>) = pairs.into_iter().partition(is_own);
        let Params(own) = Params::<ActParams>::of_pairs(own)?;
        let Params(filter) = Params::of_pairs(filter)?;
        Ok(Self {
            filter,
            expect: read("expect", own.expect, "a number of jobs")?,
            all: read("all", own.all, WORDS)?.unwrap_or(false),
            dry_run: read("dry_run", own.dry_run, WORDS)?.unwrap_or(false),
        })
    }
}

/// The words of a choice.
const WORDS: &str = "`true` or `false`";

fn read<T: FromStr>(name: &str, text: Option<String>, what: &str) -> Result<Option<T>, Problem> {
    let read = text.map(|text| text.parse::<T>()).transpose();
    read.map_err(|_| Problem::invalid(name, format_args!("write {what}")))
}
