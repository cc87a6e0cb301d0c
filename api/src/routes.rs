//! The routes, one file per resource.

mod answers;
pub(crate) mod audit;
pub(crate) mod health;
pub(crate) mod holds;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod pause;
pub(crate) mod receipts;
pub(crate) mod schedules;
pub(crate) mod siblings;
pub(crate) mod targets;
pub(crate) mod well_known;
pub(crate) mod workers;
