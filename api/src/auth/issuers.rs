//! The issuers of accepted tokens, and the check that one of them signed a token.
//!
//! Only the token's `iss` chooses among several issuers, never its key's id. So the key of one issuer cannot sign for
//! another. No other claim is used before the signature is verified.

mod algorithm;
mod choice;
mod fetch;
#[cfg(test)]
mod fuzz;
mod issuer;
mod keys;
mod lifetime;

pub(super) use choice::Issuers;
