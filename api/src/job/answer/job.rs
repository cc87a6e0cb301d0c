//! A job in an answer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lethe_common::clock::from_millis;
use lethe_common::job::Outcome;
use lethe_common::ledger::JobView;
use lethe_common::receipt::ErasureGround;
use lethe_common::selection::Digest;
use lethe_common::state::State;
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;
use uuid::Uuid;

use super::attempt::AttemptAnswer;
use super::deadline::DeadlineAnswer;
use super::preview::PreviewAnswer;
use super::store::StoreAnswer;
use super::wait::WaitAnswer;
use super::warning::WarningAnswer;
use crate::job::rate;

/// An accepted deletion.
#[derive(Serialize, ToSchema)]
pub(crate) struct Job {
    /// The id.
    pub(crate) id: Uuid,
    /// Grows with every change.
    pub(crate) version: u64,
    /// The schedule that made it.
    pub(crate) schedule: Option<String>,
    /// The caller's own name for it.
    pub(crate) reference: Option<String>,
    /// The caller's own words about it.
    pub(crate) labels: BTreeMap<String, String>,
    /// The ground of the erasure, a letter of Article 17(1) of the GDPR, if the request states one.
    pub(crate) ground: Option<&'static str>,
    /// The time until which the law wants it done; `null`: no regime applies.
    pub(crate) deadline: Option<DeadlineAnswer>,
    /// The caller in whose name it runs: the name of an API key, or a word that stands for a token's issuer and person.
    pub(crate) principal: String,
    /// `queued`, `planning`, `running`, `verifying`, `cancelling` or `held`; ended: `succeeded`,
    /// `failed` or `cancelled`.
    #[schema(example = "running")]
    pub(crate) state: &'static str,
    /// `ids`, `subject` or `query`.
    #[schema(example = "ids")]
    pub(crate) kind: String,
    /// The target; `null` for a subject in several.
    pub(crate) target: Option<String>,
    /// The table; `null` for a subject in several.
    pub(crate) table: Option<String>,
    /// Whether it only counts.
    pub(crate) dry_run: bool,
    /// The most memories it may select.
    pub(crate) limit: Option<u64>,
    /// The digest that its selection must have.
    #[schema(value_type = Option<String>)]
    pub(crate) expect: Option<Digest>,
    /// The selection: of a dry run once it is complete, or of a job that found another selection than `expect` stands
    /// for.
    pub(crate) preview: Option<PreviewAnswer>,
    /// The most memories it may erase in a second.
    #[schema(value_type = Option<f64>)]
    pub(crate) per_second: Option<Number>,
    /// The memories that are selected so far.
    pub(crate) selected: u64,
    /// The memories that are not accounted for yet.
    pub(crate) remaining: u64,
    /// The outcomes of its memories, per store.
    pub(crate) stores: Vec<StoreAnswer>,
    /// The share of its memories that is done, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub(crate) progress: f64,
    /// The memories that are done per second: in the last seconds, 0 if nothing moves. Once the job has ended: over its
    /// last attempt.
    pub(crate) rate: Option<f64>,
    /// The estimated seconds until the rest is done, at that rate; `null` while nothing moves.
    pub(crate) eta: Option<u64>,
    /// 1, and one more for each retry.
    pub(crate) attempt: u64,
    /// After a retry: the work of each attempt by itself, the present one last. The job's own counts cover all
    /// attempts, each memory once.
    pub(crate) attempts: Vec<AttemptAnswer>,
    /// How a query fixes its selection. `created_at`: by the times of rows at its start. `batch`: by the matches of
    /// each batch at its time. `plan`: by the list of its plan, for a table that has only vectors.
    pub(crate) snapshot: Option<String>,
    /// Conditions that need attention although nothing has failed.
    pub(crate) warnings: Vec<WarningAnswer>,
    /// The rounds that were added because reading back found residue.
    pub(crate) round: u64,
    /// The reason why it does not move now; `null`: it moves, or has ended. The answer to its request has only
    /// `not_before`.
    pub(crate) waits_for: Option<WaitAnswer>,
    /// The time of the next attempt, while it only waits for one.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) next_attempt_at: Option<Timestamp>,
    /// The last error, a word of a closed list; `null` once the job makes progress again.
    pub(crate) error_code: Option<String>,
    /// When it was accepted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) accepted_at: Option<Timestamp>,
    /// When it may start.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) not_before: Option<Timestamp>,
    /// When it started.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) ended_at: Option<Timestamp>,
    /// The path of its receipt, once it has ended or is held. A dry run has none.
    pub(crate) receipt: Option<String>,
}

impl From<JobView> for Job {
    fn from(job: JobView) -> Self {
        let left = job
            .stores
            .iter()
            .filter_map(|store| store.counts.get(Outcome::Left.as_str()));
        // Memories of a cancelled job are accounted for, but not done.
        let undone = if job.dry_run {
            0
        } else {
            left.copied().max().unwrap_or(0)
        };
        let done = job.selected.saturating_sub(job.remaining).saturating_sub(undone);
        let progress = match job.state {
            State::Succeeded => 1.0,
            _ => ratio(done, job.selected),
        };
        let whole = || {
            let ms = job.ended_at? - job.started_at?;
            let own = done.saturating_sub(job.settled);
            Some(ratio(own.saturating_mul(1000), u64::try_from(ms).unwrap_or(0)))
        };
        let rate = job.recent_rate.or_else(whole);
        let open = job.ended_at.is_none() && job.remaining > 0;
        let eta = rate
            .filter(|rate| open && *rate > 0.0)
            .map(|rate| seconds(job.remaining, rate));
        Self {
            id: job.id.0,
            version: job.version,
            schedule: job.schedule,
            reference: job.marks.reference,
            labels: job.marks.labels,
            ground: job.legal.ground.map(ErasureGround::as_str),
            deadline: job
                .legal
                .deadline
                .zip(job.standing)
                .map(|(deadline, standing)| DeadlineAnswer::new(deadline, standing)),
            principal: job.principal,
            state: job.state.as_str(),
            kind: job.kind,
            target: job.target,
            table: job.table,
            dry_run: job.dry_run,
            limit: job.limit,
            expect: job.expect,
            preview: job.preview.map(PreviewAnswer::from),
            per_second: job.per_second.and_then(rate::number),
            selected: job.selected,
            remaining: job.remaining,
            stores: job
                .stores
                .into_iter()
                .map(|store| StoreAnswer::new(store, job.dry_run))
                .collect(),
            progress,
            rate,
            eta,
            attempt: job.attempt,
            attempts: job
                .attempts
                .into_iter()
                .map(|attempt| AttemptAnswer::new(attempt, job.dry_run))
                .collect(),
            snapshot: job.snapshot,
            warnings: job.warnings.into_iter().map(WarningAnswer::from).collect(),
            round: job.round,
            waits_for: job.waits_for.map(WaitAnswer::from),
            next_attempt_at: job.next_attempt_at.and_then(from_millis),
            error_code: job.error_code.map(String::from),
            accepted_at: from_millis(job.accepted_at),
            not_before: from_millis(job.not_before),
            started_at: job.started_at.and_then(from_millis),
            ended_at: job.ended_at.and_then(from_millis),
            receipt: (job.ended_at.or(job.held_at).is_some() && !job.dry_run)
                .then(|| format!("/v1/jobs/{}/receipt", job.id)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a progress bar needs no more than 52 bits")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate: never negative, and a float too large for 64 bits becomes the largest number"
)]
fn seconds(memories: u64, rate: f64) -> u64 {
    (memories as f64 / rate).ceil() as u64
}
