//! The work on partitions: planning, previewing, erasing and reading back, and what these have in common.
//!
//! Nothing here knows of slots or of apalis. A task comes in by [`work`], with leases that it holds, and ends or gives back
//! each of them.

mod batch;
mod conditions;
mod cursor;
mod erase;
mod intent;
mod matching;
mod pages;
mod piece;
mod pieces;
mod plan;
mod preview;
mod read_back;
mod repeats;
mod resolve;
mod survey;
mod work;

pub(crate) use work::work;
