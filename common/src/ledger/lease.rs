//! The calls of a worker that holds a lease: intents, renewals, rate limits, windows and releases.

mod intend;
mod pace;
mod release;
mod renew;
mod windows;

pub use release::Release;
pub use renew::LeaseCheck;
