//! Deletions that recur: what a caller writes, and what is made of it.

mod body;
mod fire;
mod job;

pub(crate) use body::{PutSchedule, WindowFields, inside};
pub use fire::fire_due;
pub(crate) use fire::run;
pub(crate) use job::{job, request};
