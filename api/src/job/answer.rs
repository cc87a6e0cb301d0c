//! A job as callers see it.

mod attempt;
mod deadline;
mod item;
mod job;
mod preview;
mod response;
mod row;
mod store;
mod wait;
mod warning;

pub(crate) use deadline::DeadlineAnswer;
pub(crate) use item::Item;
pub(crate) use job::Job;
pub(crate) use response::with_job;
pub(crate) use wait::WaitAnswer;
pub(crate) use warning::WarningAnswer;
