//! The person, workspaces and targets that a caller is restricted to, with any scopes.

use std::collections::BTreeSet;
use std::fmt;

/// The person, workspaces and targets that a caller is restricted to, with any scopes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The one person whose memories it reaches; absent: all persons.
    pub user: Option<String>,
    /// The workspaces it reaches; absent: all.
    pub workspaces: Option<BTreeSet<String>>,
    /// The targets it reaches; absent: all.
    pub targets: Option<BTreeSet<String>>,
}

// A person's id must not reach a log through `{:?}`.
impl fmt::Debug for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bounds(..)")
    }
}
