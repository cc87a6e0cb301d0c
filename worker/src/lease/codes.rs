//! The error codes of partitions, as metrics count them.

use lethe_common::error_code::ErrorCode;

use super::record::{CORRUPT, LEDGER_REFUSED};
use crate::store::StoreError;

/// Returns every code that metrics may count an error of a partition under.
pub fn error_codes() -> Vec<ErrorCode> {
    StoreError::CODES
        .into_iter()
        .chain([ErrorCode::Panic, ErrorCode::Poison, CORRUPT, LEDGER_REFUSED])
        .collect()
}
