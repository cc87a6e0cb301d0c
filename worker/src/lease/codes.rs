//! The codes that an error of a partition is counted under.

use lethe_common::error_code::ErrorCode;

use super::record::{CORRUPT, LEDGER_REFUSED};
use crate::store::StoreError;

/// Returns every code that an error of a partition may be counted under.
pub fn error_codes() -> Vec<ErrorCode> {
    StoreError::CODES
        .into_iter()
        .chain([ErrorCode::Panic, ErrorCode::Poison, CORRUPT, LEDGER_REFUSED])
        .collect()
}
