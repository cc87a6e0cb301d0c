//! One round of the sequencer: the lease, the entries, the head, its signature.
//!
//! If the process dies between two steps, the next round goes on with the ledger's state. The head is committed before
//! it is signed, so a size is signed with one root only, by any process.

use std::sync::Arc;
use std::time::Duration;

use lethe_common::config::Config;
use lethe_common::ledger::{EntryOf, Ledger, LedgerError, LogLease, NewEntry, Pending};
use tokio::time::Instant;
use uuid::Uuid;

use super::keys::{KeyError, Keys, LoadError};

/// The most receipts, and the most audit events, of one round.
// A full round is followed by the next one at once, so this bounds memory and not the pace. A receipt over a thousand
// tables takes some 200 kB.
const MOST: u32 = 500;

/// The most bytes of the statements of one round, unless the first alone has more: a transaction holds them all.
const BYTES: usize = 8 << 20;

/// The duration of the lease. Another process takes over after it.
// Many rounds, and less than the time after which lag raises an alert.
const LEASE: Duration = Duration::from_secs(10);

/// The receipts that are signed before other tasks get their turn.
const SIGNED_TOGETHER: usize = 50;

/// A fault of a round.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SequenceError {
    /// The ledger did not take a step. The next round goes on.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A key cannot be used. The log stands still until an operator changes that.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl SequenceError {
    /// Returns whether the next round of this process may succeed.
    fn is_transient(&self) -> bool {
        match self {
            Self::Ledger(error) => error.is_transient(),
            Self::Key(_) => false,
        }
    }
}

impl From<LoadError> for SequenceError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Key(error) => Self::Key(error),
            LoadError::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// The result of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Nothing had to be done.
    Nothing,
    /// Another process leads the log.
    Followed,
    /// Everything that was there has its place, and the head is signed.
    All,
    /// There may be more.
    Some,
}

/// A sequencer.
pub struct Sequencer {
    config: Arc<Config>,
    ledger: Ledger,
    /// Unique per start: two processes of one name would both lead.
    name: String,
    keys: Option<Arc<Keys>>,
    lease: Option<(LogLease, Instant)>,
    /// The lease under which it has published its keys.
    published: Option<LogLease>,
}

impl Sequencer {
    /// Returns a sequencer that leads nothing yet.
    pub fn new(config: Arc<Config>, ledger: Ledger) -> Self {
        Self {
            config,
            ledger,
            name: format!("sequencer-{}", Uuid::now_v7()),
            keys: None,
            lease: None,
            published: None,
        }
    }

    /// Does what is to do, at most 500 receipts and as many audit events.
    ///
    /// # Errors
    ///
    /// The ledger does not answer, or a key cannot be used. The next call goes on.
    ///
    /// # Cancel safety
    ///
    /// A dropped call leaves each step done or not.
    pub async fn round(&mut self) -> Result<Done, SequenceError> {
        let done = self.steps().await;
        if done.as_ref().is_err_and(|error| !error.is_transient()) {
            // Another process may do what this one cannot.
            self.leave().await;
        }
        done
    }

    async fn steps(&mut self) -> Result<Done, SequenceError> {
        if !self.ledger.log_waits().await? {
            return Ok(Done::Nothing);
        }
        let Some((lease, keys)) = self.lead().await? else {
            return Ok(Done::Followed);
        };
        let pending = cut(self.ledger.unsequenced(MOST).await?);
        let more = pending.more;
        let entries = signed(&keys, pending).await;
        if !entries.is_empty() && self.ledger.sequence(&lease, &entries).await?.is_none() {
            // Another process has taken over, or was faster.
            self.lease = None;
            return Ok(Done::Followed);
        }
        let head = self.ledger.log_head().await?;
        if entries.is_empty() && !head.is_unsigned() {
            // Only receipts that cannot be made are left. The lag of the log shows them.
            return Ok(Done::Nothing);
        }
        if head.is_unsigned() {
            let checkpoint = keys.checkpoint(&head);
            if !self.ledger.sign_head(&lease, head.size, &checkpoint).await? {
                self.lease = None;
                return Ok(Done::Followed);
            }
        }
        Ok(if more { Done::Some } else { Done::All })
    }

    /// Returns the lease and the keys, if this process leads.
    async fn lead(&mut self) -> Result<Option<(LogLease, Arc<Keys>)>, SequenceError> {
        // Before the lease: a process that cannot sign must not lead.
        let keys = match &self.keys {
            Some(keys) => Arc::clone(keys),
            None => Arc::new(Keys::load(&self.config, &self.ledger).await?),
        };
        self.keys = Some(Arc::clone(&keys));
        let fresh = self.lease.filter(|(_, since)| since.elapsed() < LEASE / 2);
        let lease = if let Some((lease, _)) = fresh {
            lease
        } else {
            let asked = Instant::now();
            let Some(lease) = self.ledger.lead_log(&self.name, LEASE).await? else {
                self.lease = None;
                return Ok(None);
            };
            self.lease = Some((lease, asked));
            lease
        };
        if self.published != Some(lease) {
            if !self.ledger.publish_keys(&lease, &keys.published()).await? {
                self.lease = None;
                return Ok(None);
            }
            self.published = Some(lease);
            tracing::debug!(lease = lease.token(), "this process leads the log");
        }
        Ok(Some((lease, keys)))
    }

    /// Gives the lease back, so that another process can go on at once.
    pub async fn leave(&mut self) {
        let Some((lease, _)) = self.lease.take() else { return };
        if let Err(error) = self.ledger.leave_log(&lease).await {
            tracing::debug!(ledger.sqlstate = error.sqlstate(), error = %error, "could not give the lease of the log back");
        }
    }
}

/// Leaves the receipts that do not fit into one round to the next one.
fn cut(mut pending: Pending) -> Pending {
    let mut bytes = 0;
    let fits = pending.receipts.iter().take_while(|receipt| {
        bytes += receipt.body.len();
        bytes <= BYTES
    });
    let fits = fits.count().max(1);
    pending.more |= fits < pending.receipts.len();
    pending.receipts.truncate(fits);
    pending
}

/// Signs receipts. Returns the entries of receipts and events.
async fn signed(keys: &Keys, pending: Pending) -> Vec<NewEntry> {
    let mut entries = Vec::with_capacity(pending.receipts.len() + pending.events.len());
    for (n, receipt) in pending.receipts.into_iter().enumerate() {
        if n % SIGNED_TOGETHER == SIGNED_TOGETHER - 1 {
            tokio::task::yield_now().await;
        }
        entries.push(keys.entry(receipt));
    }
    entries.extend(pending.events.into_iter().map(|event| NewEntry {
        entry: event.entry,
        of: EntryOf::Event { id: event.id },
    }));
    entries
}

#[cfg(test)]
mod tests {
    use lethe_common::ledger::PendingReceipt;

    use super::*;

    #[test]
    fn a_round_is_cut_by_the_bytes_of_its_statements() {
        for (sizes, fits) in [
            (vec![], 0),
            (vec![1, 2], 2),
            (vec![BYTES - 1, 1], 2),
            (vec![BYTES, 1], 1),
            (vec![BYTES + 1, 1], 1),
            (vec![1, BYTES, 1], 1),
        ] {
            let all = sizes.len();
            let receipts = sizes.into_iter().map(|size| PendingReceipt {
                id: Uuid::nil(),
                body: "x".repeat(size),
            });
            let pending = Pending {
                receipts: receipts.collect(),
                ..Pending::default()
            };
            let left = cut(pending);
            assert_eq!((left.receipts.len(), left.more), (fits, fits < all), "{all}");
        }
    }
}
