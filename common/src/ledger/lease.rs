//! What a worker asks and tells the ledger while it holds a lease.

mod intend;
mod pace;
mod release;
mod renew;
mod windows;

pub use release::Release;
pub use renew::LeaseCheck;
