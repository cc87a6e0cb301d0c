//! Jobs that go on after a hold was released, has expired or has changed: each once, whatever comes first.

mod anew;

use std::time::Duration;

use futures::future::join_all;
use lethe_common::hold::HoldOn;
use lethe_common::job::JobId;
use lethe_common::ledger::{After, CancelOutcome, Delta, HoldRecord, Ledger, RecordEnd, StoreCounts, Work};
use lethe_common::state::State;

use super::{held_job, hold, kept, put, release, revision, settle, work};
use crate::refusing::refuse;
use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, ended_as, erased, ids, record, state, tester, total};

crate::on_both! {
    a_release_queues_the_memories_that_the_hold_kept,
    each_job_is_queued_once_however_many_look,
    a_release_before_the_job_becomes_held_is_not_missed,
    a_changed_hold_is_asked_again_once,
    another_hold_keeps_the_job_held,
    a_cancelled_job_is_not_queued_again,
    a_job_that_the_ledger_refuses_keeps_no_other,
    many_jobs_are_queued_in_steps,
}

/// Asserts that both stores have this count.
fn both(stores: &[StoreCounts], word: &str, n: u64) {
    assert_eq!(stores.len(), 2);
    for store in stores {
        assert_eq!(store.counts.get(word).copied().unwrap_or(0), n, "{word}: {store:?}");
    }
}

/// Asserts that the totals of the SQL store add up, with `remaining` still to come.
async fn adds_up(ledger: &Ledger, remaining: u64) {
    let rows = ledger.totals().await.unwrap();
    let sum = |metric: &str| -> u64 {
        let of = rows.iter().filter(|row| row.metric == metric && row.store == "sql");
        of.map(|row| row.n).sum()
    };
    assert_eq!(sum("selected"), sum("memories") + remaining, "{rows:?}");
}

async fn a_release_queues_the_memories_that_the_hold_kept(TestLedger { ledger, _dir, .. }: TestLedger) {
    put(&ledger, &hold("case-77")).await;
    let id = held_job(&ledger, "case-77").await;
    assert!(settle(&ledger).await.is_empty(), "it is in force");
    assert_eq!(ledger.hold("case-77").await.unwrap().unwrap().jobs, 1);
    assert_eq!(ledger.holds_of(id).await.unwrap().len(), 1);
    adds_up(&ledger, 0).await;

    release(&ledger, "case-77").await;
    assert_eq!(ledger.hold_gauges().await.unwrap(), (0, 1));
    assert_eq!(settle(&ledger).await, [id]);
    assert_eq!(ledger.hold_gauges().await.unwrap(), (0, 0));
    assert_eq!(ledger.hold("case-77").await.unwrap().unwrap().jobs, 0);
    assert!(ledger.holds_of(id).await.unwrap().is_empty());
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.attempt, job.held_at), (State::Queued, 2, None));
    assert_eq!((job.selected, job.remaining, job.settled), (3, 1, 2));
    both(&job.stores, "erased", 2);
    both(&job.stores, "held", 0);
    adds_up(&ledger, 1).await;
    let [first, _] = job.attempts.as_slice() else {
        panic!("two attempts: {job:?}")
    };
    assert_eq!((first.attempt, first.state), (1, State::Held));
    assert!(first.ended_at.is_some());
    both(&first.stores, "held", 1);

    let lease = claim_one(&ledger).await;
    assert!(
        lease.work == Work::Ids(["memory-2".to_owned()].into()),
        "only what the hold kept"
    );
    assert!(lease.remaining == 1 && lease.alone && lease.job.attempt == 2);
    assert_eq!(work(&ledger, &lease, erased(1)).await, Some(State::Succeeded));
    assert!(claim(&ledger).await.is_empty());
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.selected, job.remaining), (3, 0));
    both(&job.stores, "erased", 3);
    adds_up(&ledger, 0).await;
    assert_eq!(total(&ledger, "accepted", "").await, 1, "it was accepted once");
    assert_eq!(total(&ledger, "ended", "succeeded").await, 1);
    let pending = ledger.unsequenced(10).await.unwrap();
    assert_eq!(pending.receipts.len(), 2, "one for each ending");
}

async fn each_job_is_queued_once_however_many_look(test: TestLedger) {
    let other = test.giving_up_after(Duration::from_hours(1));
    let ledger = &test.ledger;
    put(ledger, &hold("case-77")).await;
    let mut jobs = Vec::new();
    for _ in 0..5 {
        jobs.push(held_job(ledger, "case-77").await);
    }
    release(ledger, "case-77").await;
    let looks = (0..6).map(|n| settle(if n % 2 == 0 { ledger } else { &other }));
    let mut requeued: Vec<JobId> = join_all(looks).await.into_iter().flatten().collect();
    // A look may skip the hold while another one has it.
    requeued.extend(settle(ledger).await);
    requeued.sort_unstable();
    assert_eq!(requeued, jobs, "in the order of their acceptance");
    for id in jobs {
        assert_eq!(ledger.job(id).await.unwrap().unwrap().attempt, 2);
    }
    assert_eq!(claim(ledger).await.len(), 5);
    assert_eq!(ledger.hold_gauges().await.unwrap(), (0, 0));
}

async fn a_release_before_the_job_becomes_held_is_not_missed(TestLedger { ledger, _dir, .. }: TestLedger) {
    put(&ledger, &hold("case-77")).await;
    let read = revision(&ledger, "case-77").await.unwrap();
    let id = accept(&ledger, new_job(vec![ids(3)])).await;
    let lease = claim_one(&ledger).await;
    let delta = kept(2, &["memory-2"], ("case-77", read));
    let After::ReadBack { lease, .. } = record(&ledger, end(&lease, delta, RecordEnd::Done)).await else {
        panic!("its worker reads it back")
    };
    release(&ledger, "case-77").await;
    assert!(settle(&ledger).await.is_empty(), "it is not held yet");
    assert_eq!(ledger.hold_gauges().await.unwrap(), (0, 0));
    let after = record(&ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Held));
    assert_eq!(ledger.hold_gauges().await.unwrap(), (0, 1));
    assert_eq!(settle(&ledger).await, [id]);
    assert_eq!(state(&ledger, id).await, State::Queued);
}

async fn a_changed_hold_is_asked_again_once(TestLedger { ledger, _dir, .. }: TestLedger) {
    put(&ledger, &hold("case-77")).await;
    let id = held_job(&ledger, "case-77").await;
    let changed = HoldRecord {
        on: HoldOn::Ids(vec!["memory-2".to_owned()]),
        table: Some("memories".to_owned()),
        ..hold("case-77")
    };
    put(&ledger, &changed).await;
    assert_eq!(settle(&ledger).await, [id]);
    let read = revision(&ledger, "case-77").await.unwrap();
    let lease = claim_one(&ledger).await;
    let ended = work(&ledger, &lease, kept(0, &["memory-2"], ("case-77", read))).await;
    assert_eq!(ended, Some(State::Held));
    assert!(settle(&ledger).await.is_empty(), "it is held by the hold as it is");
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.attempt, job.selected, job.remaining), (2, 3, 0));
    both(&job.stores, "held", 1);
    both(&job.stores, "erased", 2);
    adds_up(&ledger, 0).await;
}

async fn another_hold_keeps_the_job_held(TestLedger { ledger, _dir, .. }: TestLedger) {
    for name in ["a", "b"] {
        put(&ledger, &hold(name)).await;
    }
    let [a, b] = [
        revision(&ledger, "a").await.unwrap(),
        revision(&ledger, "b").await.unwrap(),
    ];
    let id = accept(&ledger, new_job(vec![ids(3)])).await;
    let mut delta = kept(1, &["memory-1"], ("a", a));
    let other = kept(0, &["memory-2"], ("b", b));
    for ((store, outcome), n) in other.counts.into_iter().filter(|(_, n)| *n > 0) {
        delta.count(store, outcome, n);
    }
    delta.items.extend(other.items);
    delta.holds.extend(other.holds);
    let lease = claim_one(&ledger).await;
    assert_eq!(work(&ledger, &lease, delta).await, Some(State::Held));

    release(&ledger, "a").await;
    assert_eq!(settle(&ledger).await, [id]);
    let lease = claim_one(&ledger).await;
    assert_eq!(lease.remaining, 2, "a worker asks about each again");
    let ended = work(&ledger, &lease, kept(1, &["memory-2"], ("b", b))).await;
    assert_eq!(ended, Some(State::Held));
    assert!(settle(&ledger).await.is_empty());

    release(&ledger, "b").await;
    assert_eq!(settle(&ledger).await, [id]);
    let lease = claim_one(&ledger).await;
    assert!(lease.work == Work::Ids(["memory-2".to_owned()].into()));
    assert_eq!(work(&ledger, &lease, erased(1)).await, Some(State::Succeeded));
    let job = ledger.job(id).await.unwrap().unwrap();
    both(&job.stores, "erased", 3);
    assert_eq!((job.selected, job.attempts.len()), (3, 3));
    adds_up(&ledger, 0).await;
}

async fn a_cancelled_job_is_not_queued_again(TestLedger { ledger, _dir, .. }: TestLedger) {
    put(&ledger, &hold("case-77")).await;
    let id = held_job(&ledger, "case-77").await;
    let cancelled = ledger.cancel(id, &tester()).await.unwrap();
    assert!(matches!(cancelled, CancelOutcome::Cancelled(_)), "{cancelled:?}");
    release(&ledger, "case-77").await;
    assert!(settle(&ledger).await.is_empty());
    assert_eq!(state(&ledger, id).await, State::Cancelled);
    assert_eq!(ledger.hold_gauges().await.unwrap(), (0, 0));
}

async fn a_job_that_the_ledger_refuses_keeps_no_other(test: TestLedger) {
    let ledger = &test.ledger;
    for name in ["a", "b"] {
        put(ledger, &hold(name)).await;
    }
    let bad = held_job(ledger, "a").await;
    let good = held_job(ledger, "a").await;
    let elsewhere = held_job(ledger, "b").await;
    refuse(&test, "partitions", "INSERT", &format!("NEW.job_id = '{bad}'")).await;
    release(ledger, "a").await;
    release(ledger, "b").await;
    assert_eq!(settle(ledger).await, [good, elsewhere]);
    // As after a crash in the middle: nothing of it has happened.
    let job = ledger.job(bad).await.unwrap().unwrap();
    assert_eq!((job.state, job.attempt), (State::Held, 1));
    both(&job.stores, "held", 1);
    assert_eq!(ledger.hold_gauges().await.unwrap(), (0, 1), "a gauge tells");
    test.run("UPDATE holds SET released_at = 1").await;
    assert_eq!(ledger.late_holds(Duration::from_hours(1)).await.unwrap(), 1);
    for lease in claim(ledger).await {
        assert_eq!(work(ledger, &lease, erased(1)).await, Some(State::Succeeded));
    }

    let allowed = if test.url.starts_with("sqlite") {
        "DROP TRIGGER refuse"
    } else {
        "DROP TRIGGER refuse ON partitions"
    };
    test.run(allowed).await;
    assert_eq!(settle(ledger).await, [bad]);
    assert_eq!(ledger.hold_gauges().await.unwrap(), (0, 0));
    assert_eq!(ledger.late_holds(Duration::from_hours(1)).await.unwrap(), 0);
}

async fn many_jobs_are_queued_in_steps(test: TestLedger) {
    let ledger = &test.ledger;
    put(ledger, &hold("case-77")).await;
    let read = revision(ledger, "case-77").await.unwrap();
    let mut jobs = Vec::new();
    for _ in 0..120 {
        jobs.push(accept(ledger, new_job(vec![ids(1)])).await);
    }
    loop {
        let leases = claim(ledger).await;
        if leases.is_empty() {
            break;
        }
        for lease in leases {
            let ended = work(ledger, &lease, kept(0, &["memory-0"], ("case-77", read))).await;
            assert_eq!(ended, Some(State::Held));
        }
    }
    release(ledger, "case-77").await;
    let first = ledger.settle_holds(None).await.unwrap();
    assert!(first.requeued.len() == 100 && first.more);
    let mut requeued = first.requeued;
    requeued.extend(settle(ledger).await);
    assert_eq!(requeued, jobs);
}
