//! Schedules: the list, the page of one with its acts, and the form that writes one.

mod acts;
mod calendar;
mod entered;
mod form;
mod list;
mod one;
mod outdated;
mod preview;
mod told;
mod windows;

pub(super) use acts::{pause, preview as preview_stored, remove, resume};
pub(super) use form::{change, form, preview, save};
pub(super) use list::list;
pub(super) use one::{page, show_job};
pub(super) use outdated::is_due_before_change;
