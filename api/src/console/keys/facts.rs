//! The facts about a key that its page and the list of keys show. Persons and workspaces are only counted.

use super::bounds::bounds;
use crate::console::links;
use crate::console::words::Moment;
use crate::routes::keys::KeyAnswer;

/// The facts about a key.
pub(super) struct Facts {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) scopes: String,
    pub(super) bounds: String,
    pub(super) created_by: String,
    pub(super) created: Option<Moment>,
    pub(super) used: Option<Moment>,
    pub(super) ends: Option<Moment>,
    pub(super) is_expired: bool,
    /// The time when the older of two secrets stops.
    pub(super) older_ends: Option<Moment>,
}

impl From<KeyAnswer> for Facts {
    fn from(key: KeyAnswer) -> Self {
        Self {
            path: links::key(&key.name),
            bounds: bounds(&key),
            scopes: key.scopes.join(", "),
            created: key.created_at.map(Moment),
            used: key.last_used_at.map(Moment),
            ends: key.expires_at.map(Moment),
            is_expired: key.expired,
            older_ends: key.previous_secret_ends_at.map(Moment),
            created_by: key.created_by,
            name: key.name,
        }
    }
}
