//! The targets of a worker and their mappings: their stores, whether these fit and answer, and how many slots each target may hold.
//!
//! Nothing here knows of jobs or of leases.

mod breaker;
mod check;
mod fits;
mod fitting;
mod infer;
mod mapped;
mod once;
mod shares;
mod siblings;

pub(crate) use breaker::{Allowed, Breakers};
pub use check::{Checked, Verdict, check};
pub(crate) use fitting::{Fitting, Looked};
pub use infer::{Inferred, infer};
pub(crate) use mapped::{Mapped, Mappings, Stores};
pub(crate) use shares::{Room, Share, Shares};
