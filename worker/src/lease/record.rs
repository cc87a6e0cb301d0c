//! Recording the progress of partitions in the ledger.
//!
//! A lost lease and a refused record are different. After a lost lease another worker has the partition: nothing more
//! is written about it. After a refused record nothing about the partition can be written as it is: it fails alone,
//! instead of retrying for ever.

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

/// The code of a partition whose data the ledger does not accept.
pub(crate) const LEDGER_REFUSED: ErrorCode = ErrorCode::LedgerRefused;

/// The code of a partition whose stored data cannot be read.
pub(crate) const CORRUPT: ErrorCode = ErrorCode::Corrupt;

/// A record of a partition, written under its lease.
#[derive(Default)]
pub(crate) struct Step {
    /// The changes since the last record.
    pub(crate) delta: Delta,
    /// The partition's cursor. A partition that is done keeps only the data that its read-back needs.
    pub(crate) progress: Option<String>,
    /// The number of memories that are not accounted for yet.
    pub(crate) remaining: u64,
    /// The end of the partition, if it ends.
    pub(crate) end: Option<RecordEnd>,
}

/// The next step after a record.
#[derive(Debug)]
pub(crate) enum Next {
    /// The partition goes on.
    GoesOn(LeaseGuard),
    /// It was the last erasing partition of its job. It is read back next, under the same lease.
    ReadBack(LeaseGuard),
    /// It has ended, or the lease was lost.
    Over,
}

impl Step {
    /// Returns the end of a partition without further changes. Its remaining memories count by that end.
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
    /// Records a step.
    pub(crate) async fn record(self, env: &Environment, step: Step) -> Result<Next, Stop> {
        let mut next = record(env, vec![(self, step)]).await?;
        Ok(next.pop().unwrap_or(Next::Over))
    }

    /// Saves the progress of a scan that has no result yet, and goes on.
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
            Err(Stop::Over)
        }
    }

    /// Ends a partition that cannot be done. Its remaining memories count as failed.
    pub(crate) async fn fail(self, env: &Environment, code: ErrorCode) -> Result<(), Stop> {
        let step = Step::end(&self, RecordEnd::Failed(code));
        self.record(env, step).await.map(drop)
    }

    /// Ends a partition of a job that is being cancelled. Its remaining memories count as left.
    pub(crate) async fn cancel(self, env: &Environment) -> Result<(), Stop> {
        let step = Step::end(&self, RecordEnd::Cancelled);
        self.record(env, step).await.map(drop)
    }

    /// Updates the lease by the ledger's answer to a record. Returns whether the partition goes on.
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

/// Records steps of several leases in one ledger call, and reports the results. Answers have the order of `steps`.
///
/// A partition whose record the ledger refuses fails. Its answer is the answer to that failure.
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
        let mut recorded = self.tell(records).await?;
        for (record, after) in records.iter().zip(&mut recorded) {
            if matches!(after, After::Refused) {
                *after = self.fail_refused(record.lease).await;
            } else if let Some(RecordEnd::Failed(code)) = record.end
                && !matches!(after, After::Lost)
            {
                note_failure(record.lease, code);
            }
            self.observe(record.lease, after);
        }
        Ok(recorded)
    }

    async fn tell(&self, records: &[Record<'_>]) -> Result<Vec<After>, Stop> {
        let fences: Vec<Fence> = records.iter().map(|record| record.lease.fence()).collect();
        self.insist(&fences, || self.ledger.record(records)).await
    }

    /// Fails a partition whose record was refused. If the ledger refuses this too, the partition is released, and
    /// retries until `retry.give_up_after` ends it.
    async fn fail_refused(&self, lease: &Lease) -> After {
        let failure = Step::end(lease, RecordEnd::Failed(LEDGER_REFUSED)).under(lease);
        let told = self.tell(slice::from_ref(&failure)).await;
        match told.map(|mut told| told.pop()) {
            Ok(Some(After::Lost)) | Err(Stop::Lost) => return After::Lost,
            Ok(Some(After::Refused) | None) | Err(_) => {}
            Ok(Some(after)) => {
                note_failure(lease, LEDGER_REFUSED);
                return after;
            }
        }
        let back = Back {
            delay: backoff::jittered(&self.config.retry, lease.failures),
            error: Some(LEDGER_REFUSED),
            charged: true,
            alone: true,
        };
        if let Ok(ended) = self.ledger.release(&[back.of(lease.fence())]).await {
            self.ended(&ended);
            metrics::retry(RetryClass::Transient, Some(LEDGER_REFUSED));
        } else {
            let about = About::lease(lease);
            tracing::warn!(
                job.id = about.job,
                partition = about.partition,
                "the partition could not be failed: its lease has to expire"
            );
        }
        self.leases.remove(lease.fence());
        After::Refused
    }
}

/// Logs and counts a partition that failed for good. The ledger has accepted this: a failure that it refuses is retried.
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

#[cfg(test)]
mod tests {
    use sqlx::Executor;

    use super::CORRUPT;
    use crate::fixture;
    use crate::lease::put_back;

    #[tokio::test]
    async fn a_save_that_is_refused_fails_the_partition_and_loses_no_lease() {
        let (directory, env) = fixture::worker().await;
        let pool = sqlx::AnyPool::connect(&fixture::ledger_url(&directory)).await.unwrap();
        let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON partitions WHEN NEW.progress = 'refused' \
                      BEGIN SELECT RAISE(ABORT, 'refused'); END";
        pool.execute(sqlx::raw_sql(refuse)).await.unwrap();
        pool.close().await;
        let lease = fixture::claimed(&env, 1).await.remove(0);
        let (id, claimed) = (lease.job.id, [lease.fence()]);
        let mut lease = env.leases.add(lease);
        let (lost, failed) = (
            fixture::counted("lease_lost", "none"),
            fixture::counted("permanent", "ledger_refused"),
        );

        lease.save(&env, "taken".to_owned()).await.unwrap();
        let stop = lease.save(&env, "refused".to_owned()).await.unwrap_err();
        put_back::after_stop(&env, &claimed, stop).await;

        assert_eq!(env.leases.count(), 0);
        let job = env.ledger.job(id).await.unwrap().unwrap();
        assert_eq!(job.error_code.as_deref(), Some("ledger_refused"));
        assert_eq!(fixture::counted("lease_lost", "none"), lost);
        assert_eq!(fixture::counted("permanent", "ledger_refused"), failed + 1);
    }

    #[tokio::test]
    async fn a_retry_that_the_ledger_refuses_too_is_not_counted() {
        let (directory, env) = fixture::worker().await;
        let lease = fixture::claimed(&env, 1).await.remove(0);
        let pool = sqlx::AnyPool::connect(&fixture::ledger_url(&directory)).await.unwrap();
        let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON partitions BEGIN SELECT RAISE(ABORT, 'refused'); END";
        pool.execute(sqlx::raw_sql(refuse)).await.unwrap();
        pool.close().await;
        let before = fixture::counted("transient", "ledger_refused");

        env.leases.add(lease).fail(&env, CORRUPT).await.unwrap();

        assert_eq!(env.leases.count(), 0);
        assert_eq!(fixture::counted("transient", "ledger_refused"), before);
    }
}
