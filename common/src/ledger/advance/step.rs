//! The next step of a job when the last partition of its phase has ended. One function decides it, and
//! touches nothing.

use serde_json::json;

use crate::error_code::ErrorCode;
use crate::job::{JobId, Outcome};
use crate::ledger::types::Preview;
use crate::selection::Digest;
use crate::state::{Event, State};

/// The facts about a job that decide its next step.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says something else, and none excludes another"
)]
pub(in crate::ledger) struct JobRow {
    pub(in crate::ledger) id: JobId,
    pub(in crate::ledger) state: State,
    pub(in crate::ledger) next_ordinal: i64,
    pub(in crate::ledger) unfinished: i64,
    pub(in crate::ledger) per_second: Option<f64>,
    pub(in crate::ledger) aborts: Aborts,
    pub(in crate::ledger) dry_run: bool,
    /// Whether it is by subject or query.
    pub(in crate::ledger) unlisted: bool,
    pub(in crate::ledger) is_query: bool,
    pub(in crate::ledger) failures: i64,
    /// Partitions whose table cannot hold a value that the job demands.
    pub(in crate::ledger) skipped: i64,
    pub(in crate::ledger) round: u32,
    pub(in crate::ledger) selected: u64,
    pub(in crate::ledger) limit: Option<u64>,
    pub(in crate::ledger) expect: Option<Digest>,
    /// The merged selection of a preview or a check, if all of the job was read.
    pub(in crate::ledger) found: Option<Preview>,
    /// Milliseconds from its earliest start to its end, if this change ended it.
    pub(in crate::ledger) ended_after: Option<i64>,
    /// Whether its only partition was read back before it was recorded, and nothing was found.
    pub(in crate::ledger) is_gone: bool,
    /// Blocked partitions, which wait for the next phase or round.
    pub(in crate::ledger) blocked: u64,
    /// The memories that holds keep, summed over the stores.
    pub(in crate::ledger) held: u64,
    /// The outcome that forbids success, if there is one.
    pub(in crate::ledger) bad: Option<Outcome>,
    /// The error of a memory that failed by itself, if one did.
    pub(in crate::ledger) bad_code: Option<ErrorCode>,
}

/// Whether a conflict (a memory that changed after its selection) stops a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) enum Aborts {
    /// No conflict stops it.
    Never,
    /// The first conflict stops it.
    AtConflict,
    /// A conflict has occurred: the job is being stopped.
    Now,
}

impl JobRow {
    /// Returns whether its next step needs the merged selection.
    pub(super) fn is_looked_at(&self) -> bool {
        match self.state {
            State::Planning => self.expect.is_some(),
            State::Running => self.dry_run,
            _ => false,
        }
    }

    /// Returns whether no table of the job can hold the values that it demands. The plan of a table that can makes
    /// at least one blocked partition; a preview makes none.
    fn is_mistyped(&self) -> bool {
        self.skipped > 0
            && match self.state {
                State::Planning => self.blocked == 0,
                _ => self.dry_run && self.skipped >= self.next_ordinal,
            }
    }

    /// Notes the error of a memory that failed by itself.
    pub(in crate::ledger) fn meet(&mut self, code: ErrorCode) {
        match code {
            // A memory that is still there matters more than a loss that no retry can undo.
            ErrorCode::Kept => self.bad_code = Some(code),
            // A job by query only lists these memories. A job by ids or subject fails, since they are still there.
            ErrorCode::PointConflict if self.is_query => {}
            ErrorCode::PointConflict => {
                self.bad = Some(Outcome::Failed);
                let kept = self.bad_code.filter(|known| *known == ErrorCode::Kept);
                self.bad_code = kept.or(Some(code));
            }
            ErrorCode::Split | ErrorCode::Constraint | ErrorCode::Rejected => {
                self.bad_code = self.bad_code.or(Some(code));
            }
            _ => {}
        }
    }

    fn is_another_selection(&self) -> bool {
        let found = self.found.as_ref().map(|found| found.digest).unwrap_or_default();
        self.expect.is_some_and(|expect| expect != found)
    }
}

/// Returns the event of a job without unfinished partitions, and the error with which it ends.
pub(in crate::ledger) fn step(job: &JobRow, max_rounds: u32) -> Option<(Event, Option<ErrorCode>)> {
    // The code of a failed partition was written when it failed.
    let failed = job.failures > 0;
    match job.state {
        State::Cancelling if job.aborts == Aborts::Now => Some((Event::Failed, Some(ErrorCode::Conflict))),
        State::Cancelling => Some((Event::Stopped, None)),
        // A queued job was given up before any worker claimed a partition of it.
        State::Queued | State::Planning | State::Running | State::Verifying if failed => Some((Event::Failed, None)),
        State::Planning | State::Running if job.is_mistyped() => Some((Event::Failed, Some(ErrorCode::Mistyped))),
        State::Planning if job.limit.is_some_and(|limit| job.selected > limit) => {
            Some((Event::Failed, Some(ErrorCode::LimitExceeded)))
        }
        State::Planning if job.is_another_selection() => Some((Event::Failed, Some(ErrorCode::SelectionChanged))),
        State::Planning => Some((Event::Planned, None)),
        State::Running if job.dry_run => Some((Event::Previewed, None)),
        // Reading back can no longer make it a success. It would find the failed memories again, and count
        // them twice.
        State::Running if job.bad == Some(Outcome::Failed) => Some((Event::Failed, job.bad_code)),
        State::Running if job.is_gone && job.bad.is_none() && job.held == 0 => Some((Event::ErasedAndVerified, None)),
        State::Running => Some((Event::Erased, None)),
        State::Verifying if job.blocked > 0 && job.round < max_rounds => Some((Event::ResidueFound, None)),
        State::Verifying if job.blocked > 0 => Some((Event::Failed, Some(ErrorCode::Residue))),
        State::Verifying => Some(match job.bad {
            None if job.held > 0 => (Event::HeldBack, None),
            None => (Event::Verified, None),
            Some(outcome) => (Event::Failed, error_of(outcome, job.bad_code)),
        }),
        _ => None,
    }
}

/// Returns the error of a job with an outcome that forbids success. `own` is the error of a memory that failed.
fn error_of(outcome: Outcome, own: Option<ErrorCode>) -> Option<ErrorCode> {
    match outcome {
        Outcome::Unverifiable => Some(ErrorCode::Unverifiable),
        Outcome::Unsupported => Some(ErrorCode::Unsupported),
        Outcome::Failed => own,
        Outcome::Erased | Outcome::Absent | Outcome::Held | Outcome::Conflicted | Outcome::Left => {
            debug_assert!(!outcome.fails_job(), "an outcome that fails a job has an error");
            own
        }
    }
}

/// Returns jobs as the JSON array that a statement reads.
pub(super) fn ids_of<'a>(jobs: impl IntoIterator<Item = &'a JobRow>) -> String {
    json!(jobs.into_iter().map(|job| json!({"id": job.id})).collect::<Vec<_>>()).to_string()
}
