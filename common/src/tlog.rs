//! The transparency log: an append-only list whose past nobody can change unseen.
//!
//! The formats are those of RFC 6962 and of C2SP (`signed-note`, `tlog-checkpoint`, `tlog-tiles`, `tlog-proof`), so
//! tools of other logs read this one. This module knows no ledger and no receipt: it computes, and does not store.
//! `docs/src/privacy/log.md` describes the log from outside.
//!
//! | file | what it has |
//! |---|---|
//! | [`hash`], [`compact`] | the hashes of a Merkle tree, and a tree in constant memory |
//! | [`tile`] | files of 256 hashes or entries: their paths, their bytes, which of them a proof needs |
//! | [`append`] | new entries, and the tiles that they change |
//! | [`proof`] | proofs that a log has an entry, or has grown out of an older one |
//! | [`note`], [`checkpoint`] | signed texts, and the head of a log as one |
//! | [`proof_file`] | a proof with its checkpoint, for a reader without a connection |
//! | [`entry`] | the lines of Lethe's own log |
//! | [`walk`], [`audit`] | one pass over a whole log, and the first bad entry |
//!
//! `ct-merkle` is the oracle of the tests. Rejected for the product: its tree is in memory, and a wrong index panics.

pub mod append;
pub mod audit;
pub mod checkpoint;
pub mod compact;
pub mod entry;
pub mod hash;
pub mod note;
#[cfg(test)]
mod oracle;
pub mod proof;
pub mod proof_file;
mod ranges;
pub mod tile;
pub mod walk;
