//! Whose tokens are taken, and whether a token is one of theirs.
//!
//! Which issuer is asked is said by the token's `iss` alone, never by its key's id: with the key of
//! one issuer nobody signs for another. Nothing a token says is believed before its signature is
//! verified, apart from that choice.

mod algorithm;
mod choice;
mod fetch;
mod issuer;
mod keys;
mod lifetime;

pub(super) use choice::Issuers;
