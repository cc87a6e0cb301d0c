//! Who asks, and what their credentials open.
//!
//! [`Principal`] is the one place where a handler learns who asks. What is known without asking
//! anybody is looked at first; the ledger is asked only for an address that has not failed too
//! often. No credential is logged, and neither is an address: both would say who somebody is.
//!
//! The room has a state of its own, [`Auth`]: a handler's state has to contain one, and that is all.

mod authenticate;
mod credentials;
mod denied;
mod failures;
mod issuers;
mod known;
mod origin;
mod principal;
mod rights;
mod state;
mod token;
mod unproven;

pub(crate) use credentials::{BEARER, Scheme, Schemes};
pub(crate) use denied::Denied;
pub(crate) use principal::Principal;
pub(crate) use rights::{are_within, written};
pub(crate) use state::Auth;
