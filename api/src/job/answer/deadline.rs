//! The deadline of a job.

use jiff::Timestamp;
use lethe_common::clock::from_millis;
use lethe_common::ledger::{Deadline, Standing};
use serde::Serialize;
use utoipa::ToSchema;

/// The time until which the law wants a job done.
#[derive(Serialize, ToSchema)]
#[schema(as = Deadline)]
pub(crate) struct DeadlineAnswer {
    /// The regime: `gdpr`, `ccpa`, or one of the configuration.
    #[schema(example = "gdpr")]
    pub(crate) regulation: String,
    /// When the person's request arrived.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) received_at: Option<Timestamp>,
    /// When the job is due. After an extension: the later time.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) due_at: Option<Timestamp>,
    /// `in_time`, `soon` or `overdue` while it has not ended. `met` or `missed` once it has succeeded. `not_done` if it
    /// failed or was cancelled.
    #[schema(example = "in_time")]
    pub(crate) status: &'static str,
    /// When it was due before its extension; `null`: it was not extended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) extended_from: Option<Timestamp>,
    /// Why it was extended: `complexity` or `number_of_requests`.
    pub(crate) extension: Option<&'static str>,
}

impl DeadlineAnswer {
    pub(super) fn new(deadline: Deadline, standing: Standing) -> Self {
        Self {
            regulation: deadline.regulation,
            received_at: from_millis(deadline.received_at),
            due_at: from_millis(deadline.due_at),
            status: standing.as_str(),
            extended_from: deadline.extended.and_then(|extended| from_millis(extended.from)),
            extension: deadline.extended.map(|extended| extended.reason.as_str()),
        }
    }
}
