//! The personal data of a hold, which its page shows only after a form asked for it.

use lethe_common::hold::{HoldKind, HoldOn};
use lethe_common::ledger::HoldRow;

use crate::console::words;

/// The most values that a page shows.
const MOST: usize = 100;

/// The personal data of a hold.
// No `Debug`.
pub(super) struct Shown {
    /// The person or the office that demands it.
    pub(super) by: Option<String>,
    /// The values that it names.
    pub(super) values: Vec<String>,
    /// The number of further values, if there are any.
    pub(super) more: Option<String>,
    /// Its query, as the ledger has it.
    pub(super) query: Option<String>,
}

impl Shown {
    /// Returns the personal data of a hold; nothing once it is released.
    pub(super) fn of(row: &HoldRow) -> Self {
        let named = match &row.on {
            Some(HoldOn::Persons(values) | HoldOn::Ids(values) | HoldOn::Workspaces(values)) => values.as_slice(),
            Some(HoldOn::Everything | HoldOn::Query(_)) | None => &[],
        };
        let query = match &row.on {
            Some(HoldOn::Query(filter)) => serde_json::to_string_pretty(filter).ok(),
            _ => None,
        };
        let more = u64::try_from(named.len().saturating_sub(MOST)).unwrap_or(u64::MAX);
        Self {
            by: row.by.clone(),
            values: named.iter().take(MOST).cloned().collect(),
            more: (more > 0).then(|| words::many(more, "further value", "further values")),
            query,
        }
    }
}

/// Returns the button that shows the personal data of a hold; `None` if there are none.
pub(super) fn button(row: &HoldRow) -> Option<&'static str> {
    let names = row.on.is_some();
    match row.kind {
        HoldKind::Persons if names => Some("Show the persons"),
        HoldKind::Ids if names => Some("Show the ids"),
        HoldKind::Workspaces if names => Some("Show the workspaces"),
        HoldKind::Query if names => Some("Show the query"),
        _ => row.by.as_ref().map(|_| "Show who demands it"),
    }
}
