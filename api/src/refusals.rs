//! Audit events for acts that were refused for lack of rights.
//!
//! A refusal has an event if the credentials name an actor: they lack a right, have expired, or were revoked. The first
//! refusals of an actor have an event each. Further ones are counted, and each count is one event, so that nobody fills
//! the ledger with refusals.

mod act;
mod counts;
mod note;
mod place;

pub(crate) use note::{Refusals, note};
