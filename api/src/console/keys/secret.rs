//! The part of a page that shows a secret, once.

use askama::Template;

/// A part of a page: the secret that a form just made, or nothing. A template shows it with `{{ secret|safe }}`.
// No `Debug`: it holds a secret.
#[derive(Default, Template)]
#[template(path = "console/secret.html")]
pub(super) struct Secret {
    /// The name of the key, and the key itself.
    made: Option<(String, String)>,
}

impl Secret {
    /// Returns the part with a secret.
    pub(super) fn of(name: String, key: String) -> Self {
        Self {
            made: Some((name, key)),
        }
    }
}
