//! The targets of a worker and their mappings: their stores, whether these fit and answer, and how many slots each target may hold.
//!
//! Nothing here knows of jobs or of leases.

mod breaker;
mod check;
mod fits;
mod infer;
mod mapped;
mod mapping_log;
mod once;
mod shares;
mod siblings;

pub(crate) use breaker::{Allowed, Breakers};
pub use check::{Checked, Verdict, check};
pub use infer::{Inferred, infer};
pub(crate) use mapped::{Mapped, Mappings, Stores};
pub(crate) use mapping_log::{Looked, MappingLog};
pub(crate) use shares::{Room, Shares, TargetSlot};
