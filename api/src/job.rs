//! A job as callers see it, and waiting for it to change.

pub(crate) mod answer;
pub(crate) mod cancel;
pub(crate) mod changed;
pub(crate) mod previewed;
pub(crate) mod rate;
pub(crate) mod versions;
pub(crate) mod visible;
pub(crate) mod watch;
