//! A problem, before anybody answers with it.

use std::time::Duration;

use lethe_common::filter::FilterError;
use lethe_common::job::JobId;
use lethe_common::ledger::LedgerError;

use super::kind::Kind;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
    /// The field or parameter that is wrong, where it is one.
    pub(crate) field: Option<String>,
    /// What is missing, where a system's own API tells that apart.
    pub(crate) missing: Option<Missing>,
    /// The job that the request made before it came to this.
    pub(super) job: Option<JobId>,
    /// When the same request may fare better, where that is known better than by its kind.
    pub(super) retry_after: Option<u64>,
    /// The header `WWW-Authenticate`, if it is not the usual one.
    pub(super) challenge: Option<String>,
}

/// What is missing, as far as a system's own API calls that by names of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Index,
    Task,
    /// The request makes no sense as a whole.
    Validity,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            field: None,
            missing: None,
            job: None,
            retry_after: kind.retry_after(),
            challenge: None,
        }
    }

    /// Says after how long the same request may fare better.
    pub(crate) fn with_retry_after(mut self, wait: Duration) -> Self {
        // Whole seconds, and never too early.
        self.retry_after = Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        self
    }

    /// Says by which schemes credentials are accepted.
    pub(crate) fn with_challenge(mut self, challenge: String) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// Returns the problem with what is usually said about it.
    pub(crate) fn usual(kind: Kind) -> Self {
        Self::new(kind, kind.usual_detail())
    }

    /// Returns the problem of a field: where it is, and what to change.
    pub(crate) fn invalid(field: &str, what: impl std::fmt::Display) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(Kind::Invalid, format!("`{field}`: {what}"))
        }
    }

    /// Returns the problem of a filter: what is too deep is not read, and what is too long is too large.
    pub(crate) fn of_filter(field: &str, error: FilterError) -> Self {
        let kind = match error {
            FilterError::Deep => Kind::BadQuery,
            FilterError::ManyTerms => Kind::TooLarge,
            _ => Kind::Invalid,
        };
        Self::invalid(field, error).into_kind(kind)
    }

    /// Says what is missing, for a system whose own API tells that apart.
    pub(crate) fn lacking(self, missing: Missing) -> Self {
        Self {
            missing: Some(missing),
            ..self
        }
    }

    /// Says which job the request made.
    pub(crate) fn about(self, job: JobId) -> Self {
        Self { job: Some(job), ..self }
    }

    /// Returns the same as a problem of another kind, where a system's own API has it so.
    pub(crate) fn into_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Says which field would have to say more, or something else.
    pub(crate) fn of_field(self, field: &str) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..self
        }
    }

    pub(crate) fn unknown_job() -> Self {
        Self::new(Kind::NotFound, "no job has this id, or it is not yours")
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        let sqlstate = error.sqlstate();
        if error.is_transient() {
            tracing::warn!(error = %error, sqlstate, "the ledger did not answer");
            Self::usual(Kind::LedgerUnavailable)
        } else {
            tracing::error!(error = %error, sqlstate, "the ledger refused");
            Self::usual(Kind::Internal)
        }
    }
}
