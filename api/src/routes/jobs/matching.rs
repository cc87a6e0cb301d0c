//! Acts on all jobs that match a filter: cancel, retry, change the pace.
//!
//! A caller first counts the jobs, and sends the number with the act. Each request takes some of the jobs, and the caller
//! repeats it with the cursor of the answer. So an act needs no state in the service, and its progress is the caller's.
//! Each job is authorised again, by the function of the route for one job.
//!
//! An act takes no more jobs than it expects, and none that came after its first request.

mod act;
mod count;
mod cursor;
pub(crate) mod pace;
mod params;
pub(crate) mod post;
mod step;

pub(crate) use act::JobAct;
pub(crate) use params::Asked;
pub(crate) use step::{Acted, acted};
