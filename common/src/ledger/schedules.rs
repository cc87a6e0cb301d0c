//! Schedules (recurring deletions): storing them, and creating their jobs at the due times.

mod fire;
mod stored;

pub use fire::{DueCursor, DueSchedules, NextSchedule};
pub use stored::{ScheduleRecord, ScheduleRow};
