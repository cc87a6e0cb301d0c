//! Legal holds: the requests that place them, and the jobs that go on after a release.

mod body;
mod checked;
mod settle;

pub(crate) use body::PutHold;
pub(crate) use checked::{Checked, MOST, past};
pub(crate) use settle::run;
