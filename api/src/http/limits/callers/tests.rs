//! Tests of the limits of callers.

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

fn unfinished(count: &Count) -> Unfinished {
    count.last().expect("a count").unfinished()
}

#[test]
fn jobs_that_are_added_during_a_count_are_not_lost() {
    let (callers, count) = (callers(10, 1_000), Arc::new(Count::default()));
    count.counted(of(5, 50), Duration::ZERO);
    count.begin();
    let _added = callers.add(&count, of(2, 20)).unwrap();
    // Three of the first five have ended.
    count.counted(of(2, 20), Duration::ZERO);
    assert_eq!(unfinished(&count), of(4, 40));
    callers.add(&count, of(1, 10)).unwrap().give_back();
    assert_eq!(unfinished(&count), of(4, 40));
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
fn a_repeated_request_counts_for_nothing_after_its_answer_wherever_a_count_began() {
    let (callers, count) = (callers(10, 0), Arc::new(Count::default()));
    let add = || callers.add(&count, of(1, 1)).unwrap();
    count.counted(of(3, 3), Duration::ZERO);
    let (early, other) = (add(), add());
    count.begin();
    let during = add();
    assert_eq!(unfinished(&count), of(6, 6));
    // The count under way does not contain it, and neither loses the job that was added during it.
    early.give_back();
    assert_eq!(unfinished(&count), of(5, 5));
    count.counted(of(4, 4), Duration::ZERO);
    assert_eq!(unfinished(&count), of(5, 5));
    // The new count does not contain it.
    other.give_back();
    assert_eq!(unfinished(&count), of(5, 5));
    // It was added to the new count.
    during.give_back();
    assert_eq!(unfinished(&count), of(4, 4));
    // A count that failed replaces nothing.
    let failed = add();
    count.begin();
    count.begin();
    failed.give_back();
    assert_eq!(unfinished(&count), of(4, 4));
}

#[test]
fn a_limit_of_0_is_no_limit() {
    for (jobs, ids) in [(0, 1), (1, 0)] {
        let (callers, count) = (callers(jobs, ids), Arc::new(Count::default()));
        count.counted(Unfinished::default(), Duration::ZERO);
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
    count.counted(Unfinished::default(), Duration::from_mins(1));
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
    assert_eq!(unfinished(&callers.of("a")), of(1, 1));
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
