//! Ending a job other than by its work: cancelling, giving up, sweeping and forgetting; and retrying an ended job, or going
//! on with a held one.

pub(super) mod cancel;
mod due;
mod events;
mod forget;
mod give_up;
mod held;
mod leave;
mod receipts;
mod retry;
mod scrub;
mod sweep;
mod task;

pub use cancel::CancelOutcome;
pub use forget::{Forgot, Kept};
pub use give_up::GivenUp;
pub use held::{SettleCursor, Settled};
pub use retry::RetryOutcome;

pub(super) use leave::leave_given_back;
