//! The limits of each caller's unfinished jobs, and of the ids that these jobs list.
//!
//! The ledger counts them at most once a second for each caller. Jobs that this process accepts meanwhile are added to
//! the count. Other processes may accept jobs beyond a limit until the next count. A job that was added and then
//! refused, or that a repeated request joins, counts until then too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lethe_common::config::Api;
use lethe_common::ledger::{Ledger, Unfinished};
use lethe_common::metrics::{self, RefusedFor};

use super::backlog::REMEMBER;
use crate::http::problem::{Kind, Problem};

/// The time until the next count, as a multiple of the time that a count takes.
// A count reads an index entry for each unfinished job of the caller. So counting takes at most a twentieth of a
// connection.
const PAUSES: u32 = 20;

/// The time after which another request counts, if the client of the first one disconnects before the count ends.
const LOST: Duration = Duration::from_secs(5);

/// The number of callers beyond which old counts are dropped.
const KEPT: usize = 4_096;

/// The limits and the counts of all callers.
pub(super) struct Callers {
    jobs: u64,
    ids: u64,
    counts: Mutex<Counts>,
}

struct Counts {
    by: HashMap<Arc<str>, Count>,
    /// The number of callers at which old counts are dropped next.
    sweep: usize,
}

/// The unfinished jobs of a caller.
struct Count {
    unfinished: Unfinished,
    /// When the ledger counts them again.
    next: Instant,
}

impl Callers {
    pub(super) fn new(limits: &Api) -> Self {
        let counts = Counts {
            by: HashMap::new(),
            sweep: KEPT,
        };
        Self {
            jobs: limits.max_unfinished_jobs_per_caller,
            ids: limits.max_unfinished_ids_per_caller,
            counts: Mutex::new(counts),
        }
    }

    /// Adds `jobs` and `ids` to those of the caller, if its limits allow that.
    ///
    /// # Errors
    /// 429 above a limit. Then nothing was added.
    pub(super) async fn admit(&self, ledger: &Ledger, caller: &str, jobs: u64, ids: u64) -> Result<(), Problem> {
        if self.jobs == 0 && self.ids == 0 {
            return Ok(());
        }
        // Other requests use the old count meanwhile, and do not wait.
        if let Some(before) = self.begin(caller) {
            let begun = Instant::now();
            let counted = ledger.unfinished_of(caller).await?;
            self.counted(caller, before, counted, begun.elapsed());
        }
        self.add(caller, jobs, ids)
    }

    /// Returns the known count if it is old. Then the caller of this function renews it.
    fn begin(&self, caller: &str) -> Option<Unfinished> {
        let now = Instant::now();
        let mut counts = self.lock();
        if let Some(count) = counts.by.get_mut(caller) {
            if count.next > now {
                return None;
            }
            count.next = now + LOST;
            return Some(count.unfinished);
        }
        counts.make_room(now);
        let count = Count {
            unfinished: Unfinished::default(),
            next: now + LOST,
        };
        counts.by.insert(caller.into(), count);
        Some(Unfinished::default())
    }

    /// Stores what the ledger has counted. `before` is the count at the begin: what was added since may be missing.
    fn counted(&self, caller: &str, before: Unfinished, counted: Unfinished, took: Duration) {
        let next = Instant::now() + REMEMBER.max(took * PAUSES);
        let mut counts = self.lock();
        let Some(count) = counts.by.get_mut(caller) else { return };
        let known = count.unfinished;
        count.unfinished = Unfinished {
            jobs: counted.jobs + known.jobs.saturating_sub(before.jobs),
            ids: counted.ids + known.ids.saturating_sub(before.ids),
        };
        count.next = next;
    }

    fn add(&self, caller: &str, jobs: u64, ids: u64) -> Result<(), Problem> {
        let mut counts = self.lock();
        // A count that was dropped meanwhile was old. The next request renews it.
        let Some(count) = counts.by.get_mut(caller) else {
            return Ok(());
        };
        let then = Unfinished {
            jobs: count.unfinished.jobs.saturating_add(jobs),
            ids: count.unfinished.ids.saturating_add(ids),
        };
        if self.jobs > 0 && jobs > 0 && then.jobs > self.jobs {
            let limit = format!(
                "one caller may have {} unfinished jobs (`api.max_unfinished_jobs_per_caller`)",
                self.jobs
            );
            return Err(refused(RefusedFor::CallerJobs, Kind::TooManyJobs, &limit));
        }
        if self.ids > 0 && ids > 0 && then.ids > self.ids {
            let limit = format!(
                "the unfinished jobs of one caller may have {} ids (`api.max_unfinished_ids_per_caller`)",
                self.ids
            );
            return Err(refused(RefusedFor::CallerIds, Kind::TooManyIds, &limit));
        }
        count.unfinished = then;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // A count is replaced as a whole, so it is right after a panic too.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Drops old counts if there are many.
    fn make_room(&mut self, now: Instant) {
        if self.by.len() < self.sweep {
            return;
        }
        self.by.retain(|_, count| count.next > now);
        // A sweep looks at every caller, so the next one waits for as many new callers as are left.
        self.sweep = KEPT.max(self.by.len() * 2);
    }
}

fn refused(why: RefusedFor, kind: Kind, limit: &str) -> Problem {
    metrics::request_refused(why);
    let detail = format!("send this again when some of your jobs have ended: {limit}");
    Problem::new(kind, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers(jobs: u64, ids: u64) -> Callers {
        Callers::new(&Api {
            max_unfinished_jobs_per_caller: jobs,
            max_unfinished_ids_per_caller: ids,
            ..Api::default()
        })
    }

    #[test]
    fn jobs_that_are_added_during_a_count_are_not_lost() {
        let callers = callers(10, 1_000);
        let before = callers.begin("a").unwrap();
        assert!(callers.begin("a").is_none(), "one request counts");
        callers.add("a", 2, 20).unwrap();
        let counted = Unfinished { jobs: 5, ids: 50 };
        callers.counted("a", before, counted, Duration::ZERO);
        callers.add("a", 3, 30).unwrap();
        assert_eq!(callers.add("a", 1, 1).unwrap_err().kind, Kind::TooManyJobs);
        assert!(
            callers.add("a", 0, 900).is_ok(),
            "the ids of an upload come after its job"
        );
        assert_eq!(callers.add("a", 0, 1).unwrap_err().kind, Kind::TooManyIds);
    }

    #[test]
    fn a_limit_of_0_is_no_limit() {
        for (jobs, ids) in [(0, 1), (1, 0)] {
            let callers = callers(jobs, ids);
            callers.begin("a").unwrap();
            let (many_jobs, many_ids) = (callers.add("a", 2, 0).is_ok(), callers.add("a", 0, 2).is_ok());
            assert_eq!((many_jobs, many_ids), (jobs == 0, ids == 0));
        }
    }

    #[test]
    fn a_slow_count_is_repeated_seldom() {
        let callers = callers(10, 10);
        let before = callers.begin("a").unwrap();
        callers.counted("a", before, Unfinished::default(), Duration::from_mins(1));
        let wait = callers.lock().by["a"].next - Instant::now();
        assert!(wait > Duration::from_mins(19), "{wait:?}");
    }

    #[test]
    fn the_counts_of_callers_that_left_are_dropped() {
        let callers = callers(10, 10);
        for n in 0..KEPT {
            assert!(callers.begin(&n.to_string()).is_some());
        }
        let now = Instant::now();
        for count in callers.lock().by.values_mut() {
            count.next = now;
        }
        assert!(callers.begin("next").is_some());
        assert_eq!(callers.lock().by.len(), 1);
    }
}
