//! The API keys that Lethe makes itself. A secret is on one page only: the answer to the form that made it.

mod bounds;
mod facts;
mod list;
mod new;
mod one;
mod scopes;
mod secret;

pub(super) use list::{create, page};
pub(super) use one::{page as one, revoke, rotate, show_bounds};
