//! The limits of shared resources: requests, bodies and their bytes, streams, unfinished jobs, schedules, time.

pub(crate) mod backlog;
pub(crate) mod body_bytes;
mod callers;
pub(crate) mod network;
pub(crate) mod pace;
pub(crate) mod places;
pub(crate) mod remembered;
pub(crate) mod schedules;
pub(crate) mod shares;
pub(crate) mod time;
