//! Every end of a job other than its work's: cancelled, tried again, given up, swept, forgotten.

pub(super) mod cancel;
mod forget;
mod give_up;
mod leave;
mod retry;
mod scrub;
mod sweep;
mod task;

pub use cancel::CancelOutcome;
pub use forget::Kept;
pub use give_up::GivenUp;
pub use retry::RetryOutcome;

pub(super) use leave::leave_given_back;
