//! Claiming partitions.

use lethe_common::ledger::{Claim, Lease, LedgerError};
use lethe_common::metrics::{self, RetryClass};

use super::environment::Environment;
use super::record::CORRUPT;

impl Environment {
    /// Claims partitions. Counts those that failed since they cannot be read, and reports the jobs that ended by it.
    pub(crate) async fn claim(&self, order: &Claim<'_>) -> Result<Vec<Lease>, LedgerError> {
        let claimed = self.ledger.claim(order).await?;
        for _ in 0..claimed.unreadable {
            metrics::retry(RetryClass::Permanent, Some(CORRUPT));
        }
        self.ended(&claimed.ended);
        Ok(claimed.leases)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lethe_common::doorbell::Ring;
    use sqlx::Executor as _;

    use crate::fixture;

    #[tokio::test]
    async fn a_job_that_ends_because_a_claimed_partition_cannot_be_read_is_reported_and_counted() {
        let (directory, env) = fixture::worker().await;
        let job = fixture::job(vec!["1".to_owned()]);
        let id = job.id;
        env.ledger.accept(job).await.unwrap();
        let database = sqlx::AnyPool::connect(&fixture::ledger_url(&directory)).await.unwrap();
        let spoil = "UPDATE partitions SET rescues = 3, work = '{\"of a later version\": 1}'";
        database.execute(spoil).await.unwrap();

        let before = fixture::counted("permanent", "corrupt");
        let mut rings = env.doorbell.subscribe();
        let route = fixture::lease_with(1).route;
        assert!(env.claim(&fixture::claim(&[route])).await.unwrap().is_empty());
        let ring = tokio::time::timeout(Duration::from_secs(5), rings.recv()).await;
        assert_eq!(ring, Ok(Ring::Changed(id)));
        assert_eq!(fixture::counted("permanent", "corrupt"), before + 1);
    }
}
