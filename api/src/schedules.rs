//! Schedules (deletions that recur): the requests that write them, and the jobs that they make.

mod body;
mod fire;
mod job;

pub(crate) use body::{PutSchedule, WindowFields, inside};
pub use fire::Firing;
pub(crate) use fire::run;
pub(crate) use job::{job, request};
