//! A problem, before it becomes an answer.

use std::time::Duration;

use lethe_common::filter::FilterError;
use lethe_common::job::JobId;
use lethe_common::ledger::LedgerError;

use super::kind::Kind;

/// The reason why a request was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
    /// The field or parameter that is wrong, if there is one.
    pub(crate) field: Option<String>,
    /// The missing thing, if a compatible API has an error for it.
    pub(crate) missing: Option<Missing>,
    /// The job that the request made before it failed.
    pub(super) job: Option<JobId>,
    /// The seconds after which the same request may succeed: by default those of the kind.
    pub(super) retry_after: Option<u64>,
    /// The header `WWW-Authenticate`, if it is not the default one.
    pub(super) challenge: Option<String>,
}

/// A missing thing for which a compatible API has an error of its own.
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

    /// Sets the time after which the same request may succeed.
    pub(crate) fn with_retry_after(mut self, wait: Duration) -> Self {
        // Rounds up to whole seconds.
        self.retry_after = Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        self
    }

    /// Sets the header `WWW-Authenticate`, which names the accepted schemes.
    pub(crate) fn with_challenge(mut self, challenge: String) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// Returns the problem with the default detail of its kind.
    pub(crate) fn usual(kind: Kind) -> Self {
        Self::new(kind, kind.usual_detail())
    }

    /// Returns the problem of a field: its place, and what to change.
    pub(crate) fn invalid(field: &str, what: impl std::fmt::Display) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(Kind::Invalid, format!("`{field}`: {what}"))
        }
    }

    /// Returns the problem of a filter: a bad query if it is too deep, too large if it is too long.
    pub(crate) fn of_filter(field: &str, error: FilterError) -> Self {
        let kind = match error {
            FilterError::Deep => Kind::BadQuery,
            FilterError::ManyTerms => Kind::TooLarge,
            _ => Kind::Invalid,
        };
        Self::invalid(field, error).into_kind(kind)
    }

    /// Sets the missing thing, for a compatible API that has an error for it.
    pub(crate) fn lacking(self, missing: Missing) -> Self {
        Self {
            missing: Some(missing),
            ..self
        }
    }

    /// Sets the job that the request made.
    pub(crate) fn about(self, job: JobId) -> Self {
        Self { job: Some(job), ..self }
    }

    /// Returns the same problem with another kind, for a compatible API that answers so.
    pub(crate) fn into_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Sets the field that has to change.
    pub(crate) fn of_field(self, field: &str) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..self
        }
    }

    pub(crate) fn unknown_job() -> Self {
        Self::new(Kind::NotFound, "no job has this id, or it is not yours")
    }

    pub(crate) fn unknown_receipt() -> Self {
        Self::new(Kind::NoReceipt, "no receipt has this id, or it is not yours")
    }
}

/// The detail of a contended step. The ledger answers, so the detail of its kind would be wrong.
const CONTENDED: &str =
    "other requests changed the same job at each try, and nothing was accepted: send the request again";

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        let sqlstate = error.sqlstate();
        if matches!(error, LedgerError::Contended) {
            tracing::warn!(error = %error, "a request was given up: it may be sent again");
            Self::new(Kind::LedgerUnavailable, CONTENDED)
        } else if error.is_transient() {
            tracing::warn!(error = %error, sqlstate, "the ledger did not answer");
            Self::usual(Kind::LedgerUnavailable)
        } else {
            tracing::error!(error = %error, sqlstate, "the ledger refused a statement");
            Self::usual(Kind::Internal)
        }
    }
}
