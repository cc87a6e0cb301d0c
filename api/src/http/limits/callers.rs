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

/// The last count of a caller, and the jobs that were added since.
#[derive(Debug, Clone, Copy)]
struct Last {
    unfinished: Unfinished,
    /// The number of counts so far.
    number: u64,
    refuses_until: Instant,
    adds_until: Instant,
}

/// The jobs that were added to a count for a request.
#[must_use]
pub(crate) struct Added {
    /// The count, and its number. `None` without limits.
    count: Option<(Arc<Count>, u64)>,
    more: Unfinished,
}

impl Added {
    /// Subtracts them again: no job was made. A later count stays as it is.
    pub(crate) fn give_back(self) {
        let Some((count, number)) = self.count else { return };
        if let Some(last) = count.last().as_mut().filter(|last| last.number == number) {
            last.unfinished = minus(last.unfinished, self.more);
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
        let then = plus(last.unfinished, more);
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
        last.unfinished = then;
        let count = Some((Arc::clone(count), last.number));
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
        let mut begun = (Instant::now(), self.unfinished());
        // The count starts after the wait for a connection, and includes jobs added during that wait.
        let counted = ledger
            .unfinished_of(caller, most, || begun = (Instant::now(), self.unfinished()))
            .await?;
        let (at, before) = begun;
        self.counted(before, counted, at.elapsed());
        Ok(())
    }

    /// Stores the ledger's count. It may miss jobs added since its start, when the count was `before`.
    fn counted(&self, before: Unfinished, counted: Unfinished, took: Duration) {
        let pause = took.saturating_mul(PAUSES);
        let now = Instant::now();
        let mut last = self.last();
        let added = last.map_or_else(Unfinished::default, |last| minus(last.unfinished, before));
        *last = Some(Last {
            unfinished: plus(counted, added),
            number: last.map_or(0, |last| last.number) + 1,
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

    fn unfinished(&self) -> Unfinished {
        self.last().map_or_else(Unfinished::default, |last| last.unfinished)
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
mod tests {
    use futures::FutureExt as _;
    use lethe_common::config::Config;
    use lethe_common::ledger::LedgerOptions;

    use super::*;

    fn callers(jobs: u64, ids: u64) -> Callers {
        Callers::new(&Api {
            max_unfinished_jobs_per_caller: Some(jobs),
            max_unfinished_ids_per_caller: ids,
            ..Api::default()
        })
    }

    fn of(jobs: u64, ids: u64) -> Unfinished {
        Unfinished { jobs, ids }
    }

    /// Returns a ledger without jobs, and its directory.
    async fn empty() -> (Ledger, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(LedgerOptions {
            url: format!("sqlite://{}?mode=rwc", directory.path().join("ledger").display()).into(),
            ..LedgerOptions::from(&Config::default())
        });
        let ledger = ledger.unwrap();
        ledger.migrate().await.unwrap();
        (ledger, directory)
    }

    /// Lets jobs be added to the last count of a caller, and sets whether it refuses others.
    fn set_refuses(callers: &Callers, refuses: bool) {
        let count = callers.of("a");
        let mut last = count.last();
        let last = last.as_mut().expect("a count");
        let now = Instant::now();
        last.adds_until = now + ADDS.1;
        last.refuses_until = if refuses { last.adds_until } else { now };
    }

    #[test]
    fn jobs_that_are_added_during_a_count_are_not_lost() {
        let (callers, count) = (callers(10, 1_000), Arc::new(Count::default()));
        count.counted(Unfinished::default(), of(5, 50), Duration::ZERO);
        let before = count.unfinished();
        let added = callers.add(&count, of(2, 20)).unwrap();
        // Three of the first five have ended.
        count.counted(before, of(2, 20), Duration::ZERO);
        assert_eq!(count.unfinished(), of(4, 40));
        // A replaced count takes nothing back.
        added.give_back();
        assert_eq!(count.unfinished(), of(4, 40));
        callers.add(&count, of(1, 10)).unwrap().give_back();
        assert_eq!(count.unfinished(), of(4, 40));
        assert!(callers.add(&count, of(6, 60)).is_ok());
        assert_eq!(
            callers.add(&count, of(1, 1)).err().map(|problem| problem.kind),
            Some(Kind::TooManyJobs)
        );
        let ids = callers.add(&count, of(0, 900));
        assert!(ids.is_ok(), "the ids of an upload come after its job");
        assert_eq!(
            callers.add(&count, of(0, 1)).err().map(|problem| problem.kind),
            Some(Kind::TooManyIds)
        );
    }

    #[test]
    fn a_limit_of_0_is_no_limit() {
        for (jobs, ids) in [(0, 1), (1, 0)] {
            let (callers, count) = (callers(jobs, ids), Arc::new(Count::default()));
            count.counted(Unfinished::default(), Unfinished::default(), Duration::ZERO);
            let many_jobs = callers.add(&count, of(2, 0)).is_ok();
            let many_ids = callers.add(&count, of(0, 2)).is_ok();
            assert_eq!((many_jobs, many_ids), (jobs == 0, ids == 0));
        }
    }

    #[test]
    fn a_slow_count_is_repeated_seldom_and_soon_refuses_nothing() {
        let count = Count::default();
        assert_eq!((count.adds(), count.refuses()), (None, false));
        let now = Instant::now();
        count.counted(Unfinished::default(), Unfinished::default(), Duration::from_mins(1));
        let last = count.last().expect("it was counted");
        assert!(last.adds_until >= now + ADDS.1 && last.adds_until <= Instant::now() + ADDS.1);
        assert!(last.refuses_until >= now + REFUSES && last.refuses_until <= Instant::now() + REFUSES);
    }

    #[tokio::test]
    async fn an_old_count_refuses_nothing() {
        let ((ledger, _directory), callers) = (empty().await, callers(2, 0));
        let admit = async || callers.admit(&ledger, "a", of(1, 1)).await.is_ok();
        assert!(admit().await);
        set_refuses(&callers, true);
        assert!(admit().await && !admit().await);
        // Both jobs have ended meanwhile: the ledger has none.
        set_refuses(&callers, false);
        assert!(admit().await);
        assert_eq!(callers.of("a").unfinished(), of(1, 1));
    }

    #[tokio::test]
    async fn a_caller_is_not_admitted_before_its_first_count() {
        let ((ledger, _directory), callers) = (empty().await, callers(1, 0));
        let (count, more) = (callers.of("a"), of(1, 1));
        let counting = count.counting.lock().await;
        assert!(callers.admit(&ledger, "a", more).now_or_never().is_none());
        // The client of the first count has left. The next request counts.
        drop(counting);
        assert!(callers.admit(&ledger, "a", more).await.is_ok());
        set_refuses(&callers, true);
        let refused = callers.admit(&ledger, "a", more).await;
        assert_eq!(refused.err().map(|problem| problem.kind), Some(Kind::TooManyJobs));
    }

    #[tokio::test]
    async fn the_counts_of_callers_that_left_are_dropped() {
        let ((ledger, _directory), callers) = (empty().await, callers(10, 10));
        for n in 0..KEPT - 2 {
            callers.of(&n.to_string());
        }
        let waiting = callers.of("waiting");
        callers.admit(&ledger, "a", of(1, 1)).await.unwrap().give_back();
        drop(callers.of("next"));
        let counts = callers.counts.lock().unwrap();
        let mut left: Vec<&str> = counts.by.keys().map(|name| &**name).collect();
        left.sort_unstable();
        assert_eq!(left, ["a", "next", "waiting"]);
        assert!(waiting.adds().is_none());
    }
}
