//! The events of the audit trail that could not be written.

#![expect(
    clippy::disallowed_macros,
    reason = "a part of the module that the ban of them points to"
)]

use metrics::counter;

use super::names;

/// Sets the number of events that the ledger has refused to this process.
pub fn audit_unwritten(events: u64) {
    counter!(names::AUDIT_UNWRITTEN).absolute(events);
}
