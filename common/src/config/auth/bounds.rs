//! What a caller is confined to, whatever its scopes open.

use std::collections::BTreeSet;
use std::fmt;

/// What a caller is confined to, whatever its scopes open.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The one person whose memories it reaches; absent: everybody's.
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
