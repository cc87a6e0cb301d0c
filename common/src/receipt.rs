//! Receipts: the signed statement of what happened to a job, once for each of its endings.
//!
//! A receipt is one file that is verified years later, without Lethe: a DSSE envelope around a JSON payload. The
//! transaction that ends a job stores the facts. The sequencer signs them, so that one role alone has the private key.
//!
//! | module | contents |
//! |---|---|
//! | `body` | the statement |
//! | `payload` | issuer and key around the statement: the signed bytes |
//! | `dsse` | the envelope |
//! | `keys` | private and public keys, and the published list |
//! | `fingerprint` | keyed hashes in place of persons |
//! | `status`, `ground`, `time` | words and times of a statement |
//! | `verify` | verification offline |
//!
//! Nothing here knows the ledger, the network or a file.

pub mod body;
pub mod dsse;
pub mod error;
pub mod fingerprint;
pub mod ground;
mod hex;
pub mod keys;
pub mod payload;
mod pem;
pub mod status;
#[cfg(test)]
mod tests;
pub mod time;
pub mod verify;

pub use body::{Body, Place};
pub use dsse::{Envelope, PAYLOAD_TYPE, Signature, entry_hash, sign};
pub use error::ReceiptError;
pub use fingerprint::{FingerprintKey, RequestHash};
pub use ground::{ErasureGround, ExtensionReason, HoldGround};
pub use keys::{Key, KeyId, KeySet, PublicKey, Signer};
pub use payload::{head, payload};
pub use status::Status;
pub use time::Time;
pub use verify::{Logged, Verified, verify};

/// The JSON Schema of the payload, version 1.
pub const SCHEMA: &str = include_str!("receipt/receipt.v1.schema.json");
