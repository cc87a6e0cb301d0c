//! Authentication and authorisation: the caller of a request, and the rights of its credentials.
//!
//! Handlers learn the caller from [`Principal`] alone. Authentication checks the configuration, tokens and cached keys
//! first. It asks the ledger only about keys that were good before, or for addresses below the limit of failures. Logs
//! hold neither credentials nor addresses, since both identify people.
//!
//! The module has a state of its own, [`Auth`]. The state of a handler has to contain it, and nothing else.

mod authenticate;
mod credentials;
mod denied;
mod failures;
mod issuers;
mod known;
mod origin;
mod presented;
mod principal;
mod rights;
mod state;
mod token;
mod unproven;

pub(crate) use credentials::{BEARER, Scheme, Schemes};
pub(crate) use denied::Denied;
pub(crate) use presented::Presented;
pub(crate) use principal::Principal;
pub(crate) use rights::{are_within, written};
pub(crate) use state::Auth;
