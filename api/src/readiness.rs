//! The dependencies of an API process, with their last known state.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// The result of the last readiness check.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) dependencies: Vec<Depends>,
    pub(crate) targets: Vec<Reached>,
}

/// A dependency.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Dependency)]
pub(crate) struct Depends {
    /// `ledger` or `doorbell`.
    pub(crate) name: String,
    /// `up` or `down`.
    pub(crate) state: &'static str,
    /// The time that its last answer took, in milliseconds.
    pub(crate) ms: Option<u64>,
    /// Whether requests need it.
    pub(crate) required: bool,
}

impl Depends {
    pub(crate) fn is_up(&self) -> bool {
        self.state == word(true)
    }
}

/// A target.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Served)]
pub(crate) struct Reached {
    /// The name.
    pub(crate) name: String,
    /// Whether each of its tables has a worker that serves it; `null` if the ledger does not answer.
    pub(crate) served: Option<bool>,
    /// Its stores, `sql` and `vector`. `up`: a worker reaches the store. `down`: no worker does. `null`: no worker has
    /// reported.
    #[schema(value_type = BTreeMap<String, Option<String>>)]
    pub(crate) stores: BTreeMap<&'static str, Option<&'static str>>,
    /// Whether its mappings fit the schemas of its stores; `null` while a store cannot be checked.
    pub(crate) fits: Option<bool>,
}

/// Returns `up` or `down`.
pub(crate) fn word(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}
