//! `[console]`: the pages for people.

use serde::Deserialize;

/// The pages for people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Console {
    /// Whether this process serves them.
    pub enabled: bool,
}

impl Default for Console {
    fn default() -> Self {
        Self { enabled: true }
    }
}
