//! Rings (notifications) that wait to be published: deduplicated, and always bounded.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Ring;
use crate::job::JobId;

/// The most jobs that are kept apart. One ring for everything replaces a larger number. One round trip takes
/// this many commands without a noticeable pause.
const MAX_JOBS: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    pending: Mutex<Pending>,
    filled: Notify,
}

/// The rings to publish next.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) work: bool,
    pub(super) everything: bool,
    /// The jobs that changed, each with whether it may have ended.
    pub(super) jobs: HashMap<JobId, bool>,
}

impl Pending {
    fn add(&mut self, ring: Ring) {
        match ring {
            Ring::Work => self.work = true,
            Ring::Progress(job) => self.add_job(job, false),
            Ring::Changed(job) => self.add_job(job, true),
            Ring::Everything => {
                self.everything = true;
                self.jobs.clear();
            }
        }
    }

    fn add_job(&mut self, job: JobId, may_end: bool) {
        if self.everything {
            return;
        }
        if self.jobs.len() >= MAX_JOBS && !self.jobs.contains_key(&job) {
            return self.add(Ring::Everything);
        }
        *self.jobs.entry(job).or_insert(false) |= may_end;
    }

    /// Returns the number of messages.
    pub(super) fn len(&self) -> u64 {
        u64::from(self.work) + u64::from(self.everything) + self.jobs.len() as u64
    }
}

impl Outbox {
    /// Adds a ring to the next publication.
    pub(super) fn add(&self, ring: Ring) {
        self.lock().add(ring);
        self.filled.notify_one();
    }

    /// Puts back rings that could not be published.
    pub(super) fn put_back(&self, failed: Pending) {
        let mut pending = self.lock();
        pending.work |= failed.work;
        if failed.everything {
            pending.add(Ring::Everything);
        }
        for (job, may_end) in failed.jobs {
            pending.add_job(job, may_end);
        }
        drop(pending);
        self.filled.notify_one();
    }

    /// Waits for the first ring, and takes all of them.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing.
    pub(super) async fn take(&self) -> Pending {
        loop {
            let pending = std::mem::take(&mut *self.lock());
            if pending.len() > 0 {
                return pending;
            }
            self.filled.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        // The lock covers a few instructions that cannot panic, and the content is valid in any case.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rings_are_coalesced_and_bounded() {
        let outbox = Outbox::default();
        let job = JobId::new();
        for _ in 0..10 {
            outbox.add(Ring::Work);
            outbox.add(Ring::Changed(job));
            outbox.add(Ring::Progress(job));
        }
        let pending = outbox.take().await;
        assert_eq!((pending.work, pending.everything), (true, false));
        assert_eq!(pending.jobs, HashMap::from([(job, true)]));
        outbox.put_back(pending);
        for _ in 0..MAX_JOBS {
            outbox.add(Ring::Changed(JobId::new()));
        }
        let pending = outbox.take().await;
        assert_eq!((pending.work, pending.everything, pending.jobs.len()), (true, true, 0));
    }
}
