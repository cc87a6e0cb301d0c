//! Why a request has no authenticated caller.

use std::time::Duration;

use lethe_common::metrics::AuthFailure;

use crate::http::problem::Problem;

/// Why a request has no authenticated caller.
pub(super) enum Unproven {
    /// The credentials are not valid.
    Failed(AuthFailure),
    /// The credentials are not valid, and the failure was counted already.
    Counted(AuthFailure),
    /// The credentials were not checked: too many from the same address failed. Holds the time to wait.
    Limited(Duration),
    /// The credentials could not be checked.
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
