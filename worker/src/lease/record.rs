//! Telling the ledger what was done.
//!
//! A lease that was lost and a record that the ledger refuses are two things. The first means that somebody else has the
//! partition: nothing more is written about it. The second means that nothing about it can be written as it is: the
//! partition fails, by itself, instead of being tried for ever.

use std::slice;

use lethe_common::error_code::ErrorCode;
use lethe_common::ledger::{After, Delta, Fence, Lease, Record, RecordEnd};
use lethe_common::metrics::{self, RetryClass};

use super::back::Back;
use super::environment::Environment;
use super::guard::LeaseGuard;
use super::stop::Stop;
use crate::backoff;
use crate::span::About;

/// The code of a partition about which the ledger refuses to store something.
pub(crate) const LEDGER_REFUSED: ErrorCode = ErrorCode::LedgerRefused;

/// The code of a partition of which the ledger holds something that cannot be read.
pub(crate) const CORRUPT: ErrorCode = ErrorCode::Corrupt;

/// What is recorded about a partition, under its lease.
#[derive(Default)]
pub(crate) struct Step {
    /// What was done since the last record.
    pub(crate) delta: Delta,
    /// How far the partition is; of one that is done, what reading it back has to know.
    pub(crate) progress: Option<String>,
    /// How many memories are still to be accounted for.
    pub(crate) remaining: u64,
    /// Whether and how it ends.
    pub(crate) end: Option<RecordEnd>,
}

/// What follows a record.
#[derive(Debug)]
pub(crate) enum Next {
    /// The partition goes on.
    GoesOn(LeaseGuard),
    /// It was the last of its job's erasing: it is read back, under the same lease.
    ReadBack(LeaseGuard),
    /// It has ended, or the lease was lost.
    Over,
}

impl Step {
    /// Returns the end of a partition of which nothing more was done: what remains of it counts by that end.
    fn end(lease: &Lease, end: RecordEnd) -> Self {
        Self {
            progress: lease.progress.clone(),
            remaining: lease.remaining,
            end: Some(end),
            ..Self::default()
        }
    }

    fn under(self, lease: &Lease) -> Record<'_> {
        Record {
            lease,
            delta: self.delta,
            progress: self.progress,
            remaining: self.remaining,
            end: self.end,
        }
    }
}

impl LeaseGuard {
    /// Records what was done.
    pub(crate) async fn record(self, env: &Environment, step: Step) -> Result<Next, Stop> {
        let mut next = record(env, vec![(self, step)]).await?;
        Ok(next.pop().unwrap_or(Next::Over))
    }

    /// Records how far a look is that has found nothing yet, and goes on with it.
    pub(crate) async fn save(&mut self, env: &Environment, progress: String) -> Result<(), Stop> {
        let step = Step {
            progress: Some(progress.clone()),
            remaining: self.remaining,
            ..Step::default()
        };
        let remaining = step.remaining;
        let after = env.record(&[step.under(self)]).await?.pop();
        if self.moves_on(env, after.as_ref(), Some(progress), remaining) {
            Ok(())
        } else {
            Err(Stop::Lost)
        }
    }

    /// Ends a partition that cannot be done; what remains of it counts as failed.
    pub(crate) async fn fail(self, env: &Environment, code: ErrorCode) -> Result<(), Stop> {
        let step = Step::end(&self, RecordEnd::Failed(code));
        self.record(env, step).await.map(drop)
    }

    /// Ends a partition of a job that is being cancelled; what remains of it is left.
    pub(crate) async fn cancel(self, env: &Environment) -> Result<(), Stop> {
        let step = Step::end(&self, RecordEnd::Cancelled);
        self.record(env, step).await.map(drop)
    }

    /// Takes over what the ledger said of a record; returns whether the partition goes on.
    fn moves_on(&mut self, env: &Environment, after: Option<&After>, progress: Option<String>, remaining: u64) -> bool {
        let Some(After::Continue {
            until,
            cancelling,
            per_second,
        }) = after
        else {
            return false;
        };
        let lease = self.lease_mut();
        lease.goes_on(*until, *cancelling, *per_second);
        (lease.progress, lease.remaining) = (progress, remaining);
        env.leases.moved_on(lease);
        true
    }
}

/// Records what was done under several leases in one step, and tells the world what follows. The answers are in the
/// order of the question.
///
/// A partition whose record the ledger refuses fails, and its answer is that of the failure.
pub(crate) async fn record(env: &Environment, steps: Vec<(LeaseGuard, Step)>) -> Result<Vec<Next>, Stop> {
    let (leases, steps): (Vec<LeaseGuard>, Vec<Step>) = steps.into_iter().unzip();
    let steps = leases.iter().zip(steps);
    let records: Vec<Record<'_>> = steps.map(|(lease, step)| step.under(lease)).collect();
    let recorded = env.record(&records).await?;
    let far: Vec<(Option<String>, u64)> = records
        .into_iter()
        .map(|record| (record.progress, record.remaining))
        .collect();
    let all = leases.into_iter().zip(recorded).zip(far);
    Ok(all
        .map(|((mut lease, after), (progress, remaining))| {
            if let After::ReadBack { lease: read_back, .. } = after {
                *lease.lease_mut() = *read_back;
                env.leases.moved_on(&lease);
                Next::ReadBack(lease)
            } else if lease.moves_on(env, Some(&after), progress, remaining) {
                Next::GoesOn(lease)
            } else {
                Next::Over
            }
        })
        .collect())
}

impl Environment {
    async fn record(&self, records: &[Record<'_>]) -> Result<Vec<After>, Stop> {
        for record in records {
            if let Some(RecordEnd::Failed(code)) = record.end {
                note_failure(record.lease, code);
            }
        }
        let mut recorded = self.tell(records).await?;
        for (record, after) in records.iter().zip(&mut recorded) {
            if matches!(after, After::Refused) {
                *after = self.fail_refused(record.lease).await;
            }
            self.observe(record.lease, after);
        }
        Ok(recorded)
    }

    async fn tell(&self, records: &[Record<'_>]) -> Result<Vec<After>, Stop> {
        let fences: Vec<Fence> = records.iter().map(|record| record.lease.fence()).collect();
        self.insist(&fences, || self.ledger.record(records)).await
    }

    /// Fails a partition whose record was refused. If that is refused too, it is put back, and given up like any
    /// failure that lasts.
    async fn fail_refused(&self, lease: &Lease) -> After {
        note_failure(lease, LEDGER_REFUSED);
        let failure = Step::end(lease, RecordEnd::Failed(LEDGER_REFUSED)).under(lease);
        let told = self.tell(slice::from_ref(&failure)).await;
        if let Some(after) = told.ok().and_then(|mut told| told.pop())
            && !matches!(after, After::Refused)
        {
            return after;
        }
        let back = Back {
            delay: backoff::jittered(&self.config.retry, lease.failures),
            error: Some(LEDGER_REFUSED),
            charged: true,
            alone: true,
        };
        if self.ledger.release(&[back.of(lease.fence())]).await.is_err() {
            let about = About::lease(lease);
            tracing::warn!(
                job.id = about.job,
                partition = about.partition,
                "its lease has to run out"
            );
        }
        After::Lost
    }
}

/// Says that a partition failed for good.
fn note_failure(lease: &Lease, code: ErrorCode) {
    metrics::retry(RetryClass::Permanent, Some(code));
    let about = About::lease(lease);
    tracing::error!(
        job.id = about.job,
        partition = about.partition,
        target.name = about.target,
        error.code = code.as_str(),
        "a partition failed for good"
    );
}
