//! Sizes and places as the ledger stores them.

/// Returns a size or a place as the ledger stores it.
// A log of 2^63 entries is out of reach.
pub(super) fn stored(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
