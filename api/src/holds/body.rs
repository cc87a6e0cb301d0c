//! The body of `PUT /v1/holds/{name}`.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::deletion::query::Query;
use crate::http::json::given;

/// A legal hold. Give exactly one of `persons`, `ids`, `workspaces`, `query` and `everything`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutHold {
    /// The target. Absent: all targets, or the only one if a table is needed.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub(crate) target: Option<String>,
    /// The table inside the target. Absent: all tables. `ids` and `query` need a table if there are several.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub(crate) table: Option<String>,
    /// Keeps the memories of these owners, at most 1,000.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1, max_items = 1_000)]
    pub(crate) persons: Option<Vec<String>>,
    /// Keeps the memories with these ids, at most 10,000.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1, max_items = 10_000)]
    pub(crate) ids: Option<Vec<String>>,
    /// Keeps the memories in these workspaces, at most 1,000.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1, max_items = 1_000)]
    pub(crate) workspaces: Option<Vec<String>>,
    /// Keeps the memories that match, now or later. A time such as `{"ago": "90d"}` counts from this request.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub(crate) query: Option<Query>,
    /// Keeps all memories: `true`.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub(crate) everything: Option<bool>,
    /// The ground: a letter of Article 17(3) of the GDPR, from `17(3)(a)` to `17(3)(e)`, or `legal_claims`,
    /// `preservation_order` or `other`. Receipts show it.
    #[schema(example = "17(3)(e)")]
    pub(crate) ground: String,
    /// The person or the office that demands the hold, in at most 200 characters. It is deleted with the release.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_length = 1, max_length = 200, example = "Legal, Ms Lee")]
    pub(crate) by: Option<String>,
    /// Your own name for the case, in at most 200 bytes. Write no personal data: it stays after the release.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_length = 1, max_length = 200, example = "CASE-77")]
    pub(crate) reference: Option<String>,
    /// The time at which the hold expires. Absent: it stays until it is released.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, format = "date-time")]
    pub(crate) until: Option<String>,
}
