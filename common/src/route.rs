//! The route of a partition: the mapping that a worker needs for it.

use std::fmt;

use crate::config::{Table, Target};

/// The mapping that a partition needs. A worker claims the partition only if it has this mapping with this digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    /// The target's name.
    pub target: String,
    /// The table's name.
    pub table: String,
    /// The digest of the mapping.
    pub digest: String,
}

impl Route {
    /// Returns the route to a table of a target.
    pub fn to(target: &Target, table: &Table) -> Self {
        Self {
            target: target.name.clone(),
            table: table.name.clone(),
            digest: target.digest(table),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.target, self.table, self.digest)
    }
}
