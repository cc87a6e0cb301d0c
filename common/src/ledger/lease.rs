//! What a worker asks and tells the ledger while it holds a lease: intents, renewals, its turn, giving back.

mod intend;
mod release;
mod windows;

pub use intend::Go;
pub use release::Release;
