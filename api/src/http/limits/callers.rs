//! The limits of each caller's unfinished jobs, and of the ids that these jobs list.
//!
//! The ledger counts them. This process adds the jobs that it accepts to the last count. Ended jobs stay in it until
//! the next count. So an old count refuses nothing: the request renews it first. Other processes may accept jobs beyond
//! a limit until the next count here. Jobs whose acceptance is under way during a count may be missing in it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lethe_common::config::Api;
use lethe_common::ledger::{Ledger, LedgerError, Unfinished};
use tokio::sync::Mutex as AsyncMutex;

use crate::http::problem::{Kind, Problem};

/// The time for which a count is used, as a multiple of the time that it took.
// A count reads an index entry for each unfinished job of the caller, up to its limit. So counting takes at most a
// twentieth of a connection.
const PAUSES: u32 = 20;

/// The shortest and the longest time for which jobs are added to a count.
const ADDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// The longest time for which a count refuses jobs. Most counts take under a millisecond, and refuse for some.
const REFUSES: Duration = Duration::from_millis(500);

/// The number of callers beyond which old counts are dropped.
const KEPT: usize = 4_096;

/// The limits and the counts of all callers.
pub(super) struct Callers {
    jobs: u64,
    ids: u64,
    counts: Mutex<Counts>,
}

struct Counts {
    by: HashMap<Arc<str>, Arc<Count>>,
    /// The number of callers at which old counts are dropped next.
    sweep: usize,
}

/// The count of a caller.
#[derive(Default)]
struct Count {
    /// Locked during a count, so that one request counts for all of its caller.
    counting: AsyncMutex<()>,
    /// The last count; `None` before the first one.
    last: Mutex<Option<Last>>,
}

/// The last count of a caller, and the jobs that were added to it.
#[derive(Debug, Clone, Copy)]
struct Last {
    /// The ledger's count, with the jobs that were added before the next count began.
    before: Unfinished,
    /// The jobs that were added since then. The next count may miss them.
    since: Unfinished,
    /// The number of counts that have begun.
    begun: u64,
    /// The number of the last count that has ended.
    ended: u64,
    refuses_until: Instant,
    adds_until: Instant,
}

impl Last {
    fn unfinished(&self) -> Unfinished {
        plus(self.before, self.since)
    }
}

/// The jobs that were added to a count for a request.
#[must_use]
pub(crate) struct Added {
    /// The count, and the number of counts that had begun then. `None` without limits.
    count: Option<(Arc<Count>, u64)>,
    more: Unfinished,
}

impl Added {
    /// Subtracts them again: no job was made. A count that began later and has ended does not contain them.
    pub(crate) fn give_back(self) {
        let Some((count, begun)) = self.count else { return };
        if let Some(last) = count.last().as_mut().filter(|last| last.ended <= begun) {
            let part = if last.begun == begun {
                &mut last.since
            } else {
                &mut last.before
            };
            *part = minus(*part, self.more);
        }
    }
}

impl Callers {
    pub(super) fn new(limits: &Api) -> Self {
        let counts = Counts {
            by: HashMap::new(),
            sweep: KEPT,
        };
        Self {
            jobs: limits.most_jobs_of_a_caller(),
            ids: limits.max_unfinished_ids_per_caller,
            counts: Mutex::new(counts),
        }
    }

    /// Adds `more` to the unfinished jobs of the caller, if its limits allow that.
    ///
    /// # Errors
    /// 429 above a limit. Then nothing was added.
    pub(super) async fn admit(&self, ledger: &Ledger, caller: &str, more: Unfinished) -> Result<Added, Problem> {
        if self.jobs == 0 && self.ids == 0 {
            return Ok(Added { count: None, more });
        }
        // Counts stop at the limit: beyond it no job is admitted.
        let most = if self.jobs == 0 { u64::MAX } else { self.jobs };
        let count = self.of(caller);
        let counting = match count.adds() {
            // No count exists yet.
            None => Some(count.counting.lock().await),
            // Other requests use the old count meanwhile, and do not wait.
            Some(false) => count.counting.try_lock().ok(),
            Some(true) => None,
        };
        // Another request may have counted during the wait.
        if counting.is_some() && count.adds() != Some(true) {
            count.renew(ledger, caller, most).await?;
        }
        drop(counting);
        match self.add(&count, more) {
            Err(_) if !count.refuses() => {}
            added => return added,
        }
        let _counting = count.counting.lock().await;
        if !count.refuses() {
            count.renew(ledger, caller, most).await?;
        }
        self.add(&count, more)
    }

    /// Returns the count of a caller. It is kept while in use.
    fn of(&self, caller: &str) -> Arc<Count> {
        // A panic leaves the map complete.
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.by.get(caller) {
            return Arc::clone(count);
        }
        counts.make_room();
        let count = Arc::new(Count::default());
        counts.by.insert(caller.into(), Arc::clone(&count));
        count
    }

    fn add(&self, count: &Arc<Count>, more: Unfinished) -> Result<Added, Problem> {
        let mut last = count.last();
        let Some(last) = last.as_mut() else {
            // Never after a count.
            return Ok(Added { count: None, more });
        };
        let then = plus(last.unfinished(), more);
        if self.jobs > 0 && more.jobs > 0 && then.jobs > self.jobs {
            let limit = format!(
                "one caller may have {} unfinished jobs (`api.max_unfinished_jobs_per_caller`)",
                self.jobs
            );
            return Err(refused(Kind::TooManyJobs, &limit));
        }
        if self.ids > 0 && more.ids > 0 && then.ids > self.ids {
            let limit = format!(
                "the unfinished jobs of one caller may have {} ids (`api.max_unfinished_ids_per_caller`)",
                self.ids
            );
            return Err(refused(Kind::TooManyIds, &limit));
        }
        last.since = plus(last.since, more);
        let count = Some((Arc::clone(count), last.begun));
        Ok(Added { count, more })
    }
}

impl Counts {
    /// Drops old counts if there are many.
    fn make_room(&mut self) {
        if self.by.len() < self.sweep {
            return;
        }
        // A request that waits for a count, or may give jobs back, keeps it.
        self.by
            .retain(|_, count| Arc::strong_count(count) > 1 || count.adds() == Some(true));
        // A sweep looks at every caller, so the next one waits for as many new callers as are left.
        self.sweep = KEPT.max(self.by.len() * 2);
    }
}

impl Count {
    /// Counts anew, up to `most` jobs, under the lock `counting`.
    async fn renew(&self, ledger: &Ledger, caller: &str, most: u64) -> Result<(), LedgerError> {
        let mut at = Instant::now();
        // The count starts after the wait for a connection, and includes jobs added during that wait.
        let begin = || {
            at = Instant::now();
            self.begin();
        };
        let counted = ledger.unfinished_of(caller, most, begin).await?;
        self.counted(counted, at.elapsed());
        Ok(())
    }

    /// Notes that a count begins. The last count stays in use until it ends.
    fn begin(&self) {
        if let Some(last) = self.last().as_mut() {
            last.before = last.unfinished();
            last.since = Unfinished::default();
            last.begun += 1;
        }
    }

    /// Stores the ledger's count. It may miss jobs added since it began.
    fn counted(&self, counted: Unfinished, took: Duration) {
        let pause = took.saturating_mul(PAUSES);
        let now = Instant::now();
        let mut last = self.last();
        let (since, begun) = last.map_or_else(Default::default, |last| (last.since, last.begun));
        *last = Some(Last {
            before: counted,
            since,
            begun,
            ended: begun,
            refuses_until: now + pause.min(REFUSES),
            adds_until: now + pause.clamp(ADDS.0, ADDS.1),
        });
    }

    /// Returns whether jobs may be added to the last count; `None` before the first one.
    fn adds(&self) -> Option<bool> {
        self.last().map(|last| last.adds_until > Instant::now())
    }

    /// Returns whether the last count is recent enough to refuse jobs.
    fn refuses(&self) -> bool {
        self.last().is_some_and(|last| last.refuses_until > Instant::now())
    }

    fn last(&self) -> MutexGuard<'_, Option<Last>> {
        // A count is replaced as a whole, so it is right after a panic too.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn plus(one: Unfinished, other: Unfinished) -> Unfinished {
    Unfinished {
        jobs: one.jobs.saturating_add(other.jobs),
        ids: one.ids.saturating_add(other.ids),
    }
}

fn minus(one: Unfinished, other: Unfinished) -> Unfinished {
    Unfinished {
        jobs: one.jobs.saturating_sub(other.jobs),
        ids: one.ids.saturating_sub(other.ids),
    }
}

fn refused(kind: Kind, limit: &str) -> Problem {
    let detail = format!("send this again when some of your jobs have ended: {limit}");
    Problem::new(kind, detail)
}

#[cfg(test)]
mod tests;
