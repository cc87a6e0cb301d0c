//! A job in an answer.

use jiff::Timestamp;
use lethe_common::clock::from_millis;
use lethe_common::job::Outcome;
use lethe_common::ledger::JobView;
use lethe_common::selection::Digest;
use lethe_common::state::State;
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;
use uuid::Uuid;

use super::attempt::AttemptAnswer;
use super::preview::PreviewAnswer;
use super::store::StoreAnswer;
use super::warning::WarningAnswer;
use crate::job::rate;

/// An accepted deletion.
#[derive(Serialize, ToSchema)]
pub(crate) struct Job {
    /// The id.
    id: Uuid,
    /// Grows with every change.
    version: u64,
    /// The schedule that made it.
    schedule: Option<String>,
    /// The caller in whose name it runs: the name of an API key, or a word that stands for a token's issuer and person.
    principal: String,
    /// `queued`, `planning`, `running`, `verifying`, `cancelling` or `held`; ended: `succeeded`,
    /// `failed` or `cancelled`.
    #[schema(example = "running")]
    pub(crate) state: &'static str,
    /// `ids`, `subject` or `query`.
    #[schema(example = "ids")]
    kind: String,
    /// The target; `null` for a subject in several.
    target: Option<String>,
    /// The table; `null` for a subject in several.
    table: Option<String>,
    /// Whether it only counts.
    dry_run: bool,
    /// The most memories it may select.
    limit: Option<u64>,
    /// The digest that its selection must have.
    #[schema(value_type = Option<String>)]
    expect: Option<Digest>,
    /// The selection: of a dry run once it is complete, or of a job that found another selection than `expect` stands
    /// for.
    preview: Option<PreviewAnswer>,
    /// The most memories it may erase in a second.
    #[schema(value_type = Option<f64>)]
    per_second: Option<Number>,
    /// The memories that are selected so far.
    selected: u64,
    /// The memories that are not accounted for yet.
    remaining: u64,
    /// The outcomes of its memories, per store.
    stores: Vec<StoreAnswer>,
    /// The share of its memories that is done, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    progress: f64,
    /// The memories that are done per second, since the present attempt started.
    rate: Option<f64>,
    /// The estimated seconds until the rest is done.
    eta: Option<u64>,
    /// 1, and one more for each retry.
    attempt: u64,
    /// After a retry: the work of each attempt by itself, the present one last. The job's own counts cover all
    /// attempts, each memory once.
    attempts: Vec<AttemptAnswer>,
    /// How a query fixes its selection. `created_at`: by the times of rows at its start. `batch`: by the matches of
    /// each batch at its time. `plan`: by the list of its plan, for a table that has only vectors.
    snapshot: Option<String>,
    /// Conditions that need attention although nothing has failed.
    warnings: Vec<WarningAnswer>,
    /// The rounds that were added because reading back found residue.
    round: u64,
    /// `window` while no window of its schedule is open. No batch begins before one opens.
    waits_for: Option<&'static str>,
    /// The time of the next attempt, while it only waits for one.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    /// The last error, a word of a closed list.
    error_code: Option<String>,
    /// When it was accepted.
    #[schema(value_type = Option<String>, format = DateTime)]
    accepted_at: Option<Timestamp>,
    /// When it may start.
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Timestamp>,
    /// When it started.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
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
        let rate = job.started_at.map(|started| {
            let ms = job.ended_at.unwrap_or(job.now) - started;
            let own = done.saturating_sub(job.settled);
            ratio(own.saturating_mul(1000), u64::try_from(ms).unwrap_or(0))
        });
        let open = job.ended_at.is_none() && job.remaining > 0;
        let eta = rate
            .filter(|rate| open && *rate > 0.0)
            .map(|rate| seconds(job.remaining, rate));
        Self {
            id: job.id.0,
            version: job.version,
            schedule: job.schedule,
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
            waits_for: job.waits_for_window.then_some("window"),
            next_attempt_at: job.next_attempt_at.and_then(from_millis),
            error_code: job.error_code.map(String::from),
            accepted_at: from_millis(job.accepted_at),
            not_before: from_millis(job.not_before),
            started_at: job.started_at.and_then(from_millis),
            ended_at: job.ended_at.and_then(from_millis),
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
