//! The log of receipts and audit events: a Merkle tree whose entries are never changed.
//!
//! The transaction of an ending or an act leaves a receipt or an event without a place. One process at a time, the
//! sequencer, gives places about once a second. So endings never wait for each other.
//!
//! A round of the sequencer has four steps: it takes the lease, reads what has no place, commits the new head, and then
//! signs that head. If the process dies between two steps, the next round goes on from the ledger. A size has one root,
//! since only a committed head is signed. All state is in the ledger.

mod append;
mod head;
mod keys;
mod lease;
mod numbers;
mod pending;
mod read;
mod state;
mod tiles;

pub use append::{EntryOf, NewEntry};
pub use head::LogHead;
pub use keys::SigningKeyRow;
pub use lease::LogLease;
pub use pending::{Pending, PendingEvent, PendingReceipt};
pub use state::LogState;

pub(in crate::ledger) use pending::IS_WAITING;
