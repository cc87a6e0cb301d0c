#![doc = include_str!("../../../docs/src/compatibility/opensearch.md")]

mod answer;
mod bodiless;
mod body;
mod by_id;
mod by_query;
mod dsl;
mod failures;
mod fields;
mod info;
mod mistyped;
mod parameters;
mod paths;
mod place;
mod routes;
mod status;
mod task;
mod tasks;
mod unique;
mod values;

pub(super) use answer::error;
pub(crate) use answer::{ErrorBody, Stopped};
pub(crate) use by_query::ByQuery;
pub(super) use paths::{has, would_have};
pub(super) use routes::{routes, task_routes};
