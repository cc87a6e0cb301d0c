//! Schedules.

mod answer;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod pause;
pub(crate) mod preview;
pub(crate) mod put;
pub(crate) mod remove;
pub(crate) mod seen;
