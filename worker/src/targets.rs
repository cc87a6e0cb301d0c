//! The targets of a worker and their mappings: stores, checks, circuit breakers, and the slots of each target.
//!
//! This module knows neither jobs nor leases.

mod breaker;
mod check;
mod fits;
mod infer;
mod mapped;
mod mapping_log;
mod once;
mod shares;
mod siblings;

pub(crate) use breaker::{Allowed, Breakers, Failure, TrialRole};
pub use check::{Checked, Verdict, check};
pub use infer::{Inferred, infer};
pub(crate) use mapped::{Mapped, Mappings, Pinged, Stores};
pub(crate) use mapping_log::{Looked, MappingLog};
pub(crate) use shares::{Room, Shares, TargetSlot};
