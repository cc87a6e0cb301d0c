//! Deletions that recur: what is stored of them, and the jobs that their times make.

mod fire;
mod stored;

pub use stored::{ScheduleRecord, ScheduleRow};
