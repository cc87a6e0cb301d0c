//! Holding what jobs demand against what columns hold, as workers that serve their tables say.
//!
//! As long as none has said it a job is accepted: the worker that plans it refuses it then, and touches
//! nothing (`mistyped`). Tried instead: answering 503 until one has, which refuses what is mostly right for the
//! first seconds of every start.

mod check;
mod held;
mod person;
mod query;

pub(crate) use check::check;
pub(crate) use query::{Says, check_query, refused};
