//! Why nobody is known to ask.

use std::time::Duration;

use lethe_common::metrics::AuthFailure;

use crate::http::problem::Problem;

/// Why nobody is known to ask.
pub(super) enum Unproven {
    /// The credentials are not good.
    Failed(AuthFailure),
    /// They are not, and were counted already.
    Counted(AuthFailure),
    /// They were not looked at: too many from the same address failed.
    Limited(Duration),
    /// It cannot be said.
    Problem(Problem),
}

impl From<AuthFailure> for Unproven {
    fn from(why: AuthFailure) -> Self {
        Self::Failed(why)
    }
}

impl From<Problem> for Unproven {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}
