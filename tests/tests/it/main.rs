//! The whole service, end to end: real servers, the real binary, one file a behaviour.

mod conditions;
mod control;
mod erasing;
mod throttle;
