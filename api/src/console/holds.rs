//! Legal holds: the list with the form that places one, and the page of one with its release.

mod asked;
mod list;
mod one;
mod placed;
mod shown;
mod told;

pub(super) use list::{page, place};
pub(super) use one::{page as one, release, show};
pub(super) use told::ground;
