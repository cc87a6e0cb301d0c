//! The reasons of retries and failures, as metrics count them.

use lethe_common::error_code::ErrorCode;
use lethe_common::metrics::RetryClass;

use super::record::{CORRUPT, LEDGER_REFUSED};
use crate::store::StoreError;

/// The permanent errors that a call for a group can meet. Its partitions are retried, each alone.
const OF_GROUPS: [ErrorCode; 6] = [
    ErrorCode::Constraint,
    ErrorCode::Rejected,
    ErrorCode::Kept,
    ErrorCode::Unreadable,
    ErrorCode::Unmapped,
    ErrorCode::Misuse,
];

/// Returns every class and code under which metrics may count an attempt that did not finish its partition.
pub fn retry_reasons() -> Vec<(RetryClass, ErrorCode)> {
    let transient = StoreError::TRANSIENT
        .into_iter()
        .chain(OF_GROUPS)
        .chain([ErrorCode::Panic, LEDGER_REFUSED]);
    let permanent =
        StoreError::PERMANENT
            .into_iter()
            .chain([ErrorCode::Panic, ErrorCode::Poison, CORRUPT, LEDGER_REFUSED]);
    let transient = transient.map(|code| (RetryClass::Transient, code));
    transient
        .chain(permanent.map(|code| (RetryClass::Permanent, code)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_there_once_and_only_if_it_can_occur() {
        let reasons = retry_reasons();
        for (n, reason) in reasons.iter().enumerate() {
            assert!(!reasons.iter().skip(n + 1).any(|other| other == reason), "{reason:?}");
        }
        for impossible in [
            (RetryClass::Transient, ErrorCode::Poison),
            (RetryClass::Transient, ErrorCode::Corrupt),
            (RetryClass::Permanent, ErrorCode::Timeout),
            (RetryClass::Permanent, ErrorCode::Unavailable),
        ] {
            assert!(!reasons.contains(&impossible), "{impossible:?}");
        }
    }
}
