//! The job itself.

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
    /// Who asked: the name of an API key, or a word that stands for a token's issuer and person.
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
    /// The digest of what it must select.
    #[schema(value_type = Option<String>)]
    expect: Option<Digest>,
    /// What was found, once a dry run has looked at everything, or a look found that something else is
    /// selected than was expected.
    preview: Option<PreviewAnswer>,
    /// The most memories it may erase in a second.
    #[schema(value_type = Option<f64>)]
    per_second: Option<Number>,
    /// Memories it is about, as far as is known.
    selected: u64,
    /// Memories that are not accounted for yet.
    remaining: u64,
    /// What became of them, store by store.
    stores: Vec<StoreAnswer>,
    /// The part of the memories that is accounted for, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    progress: f64,
    /// Memories accounted for per second, since the present attempt started.
    rate: Option<f64>,
    /// Seconds until the rest will probably be accounted for.
    eta: Option<u64>,
    /// 1, and one more for each retry.
    attempt: u64,
    /// Of a job that was tried again: what each attempt did by itself, the present one last. The job's own counts are
    /// those of all attempts, each memory once.
    attempts: Vec<AttemptAnswer>,
    /// Of a query: by what it is known what was there at its start. `created_at`; `batch`: each batch took
    /// what matched at its time; or `plan`: what its plan listed, of a table that has only vectors.
    snapshot: Option<String>,
    /// What is worth knowing although nothing has failed.
    warnings: Vec<WarningAnswer>,
    /// Rounds that were needed because reading back found something.
    round: u64,
    /// `window` while no window of its schedule is open: nothing is begun before.
    waits_for: Option<&'static str>,
    /// When it is tried again, while it only waits.
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
        // What was cancelled is accounted for, but nothing was done about it.
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
