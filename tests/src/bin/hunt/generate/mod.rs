//! Random worlds, jobs and changes.

mod changes;
mod holds;
mod jobs;
mod payload;
mod world;

pub(crate) use changes::change;
pub(crate) use jobs::{Places, job};
pub(crate) use world::{World, world};
