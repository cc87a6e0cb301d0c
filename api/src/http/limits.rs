//! The limits of shared resources: requests, large bodies, streams, unfinished jobs.

pub(crate) mod backlog;
pub(crate) mod network;
pub(crate) mod pace;
pub(crate) mod places;
pub(crate) mod remembered;
pub(crate) mod shares;
