//! The page of one job, and the acts on it.

mod acts;
mod course;
mod held;
mod page;
mod request;
mod sentence;
mod shown;
mod slider;
mod stores;
mod timeline;

pub(super) use acts::{cancel, extend, pace, pace_of, retry};
pub(super) use page::{Why, page, progress, warned, why};
pub(super) use sentence::deed;
pub(super) use shown::{show_items, show_selection};
