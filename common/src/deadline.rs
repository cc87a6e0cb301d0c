//! Deadlines of the law: how long a person's request may take, and how far that may be extended. No clock and no ledger
//! here: the API computes a job's deadline once, when it accepts the job.
//!
//! Months are calendar months in UTC. A month that begins on the 31st ends on the last day of a shorter month.

mod regime;
mod span;

pub use regime::{CCPA, GDPR, NONE, Regime};
pub use span::CalendarSpan;
