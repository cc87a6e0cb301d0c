//! Telling the ledger what was done.
//!
//! A lease that was lost and a record that the ledger refuses are two things. The first means that somebody else has the
//! partition: nothing more is written about it. The second means that nothing about it can be written as it is: the
//! partition fails, by itself, instead of being tried for ever.

use lethe_common::error_code::ErrorCode;
use lethe_common::ledger::{After, Delta, Lease, Record, RecordEnd, Release};

use crate::environment::Environment;
use crate::retry;
use crate::task::Stop;

/// The code of a partition about which the ledger refuses to store something.
pub(crate) const LEDGER_REFUSED: ErrorCode = ErrorCode::LedgerRefused;

/// The code of a partition of which the ledger holds something that cannot be read.
pub(crate) const CORRUPT: ErrorCode = ErrorCode::Corrupt;

impl Environment {
    /// Records what was done, and tells the world what follows. The answers are in the order of `records`.
    ///
    /// A partition whose record the ledger refuses fails, and its answer is that of the failure.
    pub(crate) async fn record(&self, records: &[Record<'_>]) -> Result<Vec<After>, Stop> {
        let mut recorded = self.tell(records).await?;
        for (record, after) in records.iter().zip(&mut recorded) {
            if matches!(after, After::Refused) {
                *after = self.fail_refused(record.lease).await;
            }
            self.observe(record.lease, std::slice::from_ref(after));
        }
        Ok(recorded)
    }

    async fn tell(&self, records: &[Record<'_>]) -> Result<Vec<After>, Stop> {
        let leases: Vec<Lease> = records.iter().map(|record| record.lease.clone()).collect();
        self.insist(&leases, || self.ledger.record(records)).await
    }

    /// Fails a partition whose record was refused. If that is refused too, it is put back, and given up like any
    /// failure that lasts.
    async fn fail_refused(&self, lease: &Lease) -> After {
        retry::note_failure(lease, LEDGER_REFUSED);
        let told = self.tell(&[failure(lease, LEDGER_REFUSED)]).await;
        if let Some(after) = told.ok().and_then(|mut told| told.pop())
            && !matches!(after, After::Refused)
        {
            return after;
        }
        let delay = retry::backoff(&self.config.retry, lease.failures).as_millis();
        let release = Release {
            fence: lease.fence(),
            delay_ms: u64::try_from(delay).unwrap_or(u64::MAX),
            error: Some(LEDGER_REFUSED),
            charged: true,
            alone: true,
        };
        if self.ledger.release(&[release]).await.is_err() {
            tracing::warn!(job.id = %lease.job.id, partition = lease.ordinal, "its lease has to run out");
        }
        After::Lost
    }
}

/// Returns the record of a partition that cannot be done; what remains of it counts as failed.
pub(crate) fn failure(lease: &Lease, code: ErrorCode) -> Record<'_> {
    Record {
        lease,
        delta: Delta::default(),
        progress: lease.progress.clone(),
        remaining: lease.remaining,
        end: Some(RecordEnd::Failed(code)),
    }
}
