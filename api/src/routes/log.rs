//! The log of receipts and audit events, as C2SP's `tlog-tiles` has it: `/log/checkpoint`, `/log/tile/…`, and the proofs of
//! receipts.

pub(crate) mod checkpoint;
pub(crate) mod proof;
mod reader;
pub(crate) mod tile;

pub(crate) use reader::Reader;
