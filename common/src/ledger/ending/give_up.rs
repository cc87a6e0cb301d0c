//! Giving up: a job that makes no progress for as long as `give_up_after` fails.

mod clock;
mod codes;
mod look;

pub use look::GivenUp;
