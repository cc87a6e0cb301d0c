//! The receipts of jobs that ended or became held: one each time, written by the transaction of that event.
//!
//! That transaction writes facts only, in one statement. The sequencer makes the statement of them, signs it, and enters
//! it in the log. No worker has the key.

mod compose;
mod facts;
mod fingerprints;
mod list;
mod store;

pub use list::{ReceiptFilter, ReceiptRow};

pub(super) use compose::{Made, unsequenced};
pub(super) use facts::{COLUMNS, VALUES};
pub(super) use fingerprints::Fingerprints;
pub(super) use store::store;
