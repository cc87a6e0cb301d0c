//! `/openapi.json`: describes the existing routes, and no planned ones. Clients are generated from it.

mod choices;
mod document;
mod examples;
mod fill;
mod parameters;

pub(crate) use document::{document, finished, route};
