//! What an API process depends on, and how it was when it was last looked at.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// What was seen a moment ago.
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
    /// How long its answer took.
    pub(crate) ms: Option<u64>,
    /// Whether requests cannot be answered without it.
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
    /// Whether some worker serves each of its tables; `null` if the ledger does not answer.
    pub(crate) served: Option<bool>,
    /// Those of `sql` and `vector` that it has: `up` if a worker reaches it, `down` if none does, `null` if
    /// none has said.
    #[schema(value_type = BTreeMap<String, Option<String>>)]
    pub(crate) stores: BTreeMap<&'static str, Option<&'static str>>,
    /// Whether its mappings fit what is in the stores; `null` while that cannot be seen.
    pub(crate) fits: Option<bool>,
}

/// Returns the word for whether something answers.
pub(crate) fn word(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}
