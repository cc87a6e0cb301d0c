//! A job's counts cover all of its attempts: an outcome that one of them settled counts once.

mod begun;
mod planned;

use std::collections::BTreeMap;
use std::time::Duration;

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{
    After, Delta, ItemCursor, ItemOutcome, Kind, Lease, Ledger, NewJob, NewPartition, Record, RecordEnd, RetryOutcome,
    StoreCounts, Work,
};
use lethe_common::state::State;

use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, ended_as, erased, finish, forget, ids, record, total};

crate::on_both! {
    a_retry_goes_on_where_the_cancelled_attempt_stopped,
    a_memory_that_one_store_kept_is_asked_for_again_and_counted_once,
    a_memory_that_is_not_settled_leaves_the_counts_until_it_is,
    lists_with_nothing_settled_begin_anew,
    an_attempt_with_nothing_to_erase_reads_back,
    a_dry_run_is_done_again,
    a_retry_that_another_one_overtakes_is_tried_again,
}

/// Returns the counts above zero, by store.
fn counts(stores: &[StoreCounts]) -> BTreeMap<&'static str, BTreeMap<&str, u64>> {
    let above_zero = |store: &'_ StoreCounts| {
        let counts = store.counts.iter().filter(|(_, n)| **n > 0);
        counts.map(|(word, n)| (word.clone(), *n)).collect::<BTreeMap<_, _>>()
    };
    stores
        .iter()
        .map(|store| {
            let words = above_zero(store).into_iter();
            let words = words.map(|(word, n)| (word.parse::<Outcome>().map_or("residue", Outcome::as_str), n));
            (store.store.as_str(), words.collect())
        })
        .collect()
}

/// Asserts that both stores have these counts.
fn both(stores: &[StoreCounts], expected: &[(&str, u64)]) {
    let expected: BTreeMap<&str, u64> = expected.iter().copied().collect();
    let expected: BTreeMap<&str, _> = [("sql", expected.clone()), ("vector", expected)].into();
    assert_eq!(counts(stores), expected);
}

/// Asserts that the totals add up, with `remaining` still to come.
async fn adds_up(ledger: &Ledger, remaining: u64) {
    for store in ["sql", "vector"] {
        let rows = ledger.totals().await.unwrap();
        let sum = |metric: &str| -> u64 {
            let rows = rows.iter().filter(|row| row.metric == metric && row.store == store);
            rows.map(|row| row.n).sum()
        };
        assert_eq!(sum("selected"), sum("memories") + remaining, "{store}: {rows:?}");
    }
}

/// Records a batch, after which the partition goes on.
async fn step(ledger: &Ledger, lease: &mut Lease, delta: Delta, n: u64, progress: &str) {
    let record_of = Record {
        lease,
        delta,
        progress: Some(progress.to_owned()),
        remaining: lease.remaining - n,
        end: None,
    };
    let After::Continue {
        until,
        cancelling,
        per_second,
    } = record(ledger, record_of).await
    else {
        panic!("the partition goes on")
    };
    lease.goes_on(until, cancelling, per_second);
    lease.progress = Some(progress.to_owned());
    lease.remaining -= n;
}

async fn cancel(ledger: &Ledger, lease: &Lease) {
    ledger.cancel(lease.job.id, &crate::tester()).await.unwrap();
    let stopped = Record {
        progress: lease.progress.clone(),
        ..end(lease, Delta::default(), RecordEnd::Cancelled)
    };
    let after = record(ledger, stopped).await;
    assert_eq!(ended_as(&after), Some(State::Cancelled));
}

/// Returns the outcomes of memories in the stores, with an item for each memory that was not erased.
fn met(list: &[(&str, Outcome, Outcome)]) -> Delta {
    let mut delta = Delta::default();
    for (id, sql, vector) in list {
        for (store, outcome) in [(StoreKind::Sql, *sql), (StoreKind::Vector, *vector)] {
            delta.count(store, outcome, 1);
            if outcome != Outcome::Erased {
                delta.items.push(ItemOutcome {
                    id: (*id).to_owned(),
                    store,
                    outcome: Some(outcome),
                    code: None,
                });
            }
        }
    }
    delta
}

async fn retry(ledger: &Ledger, id: JobId) {
    assert_eq!(
        ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::Accepted
    );
}

/// Reads back all due partitions. Returns the job's final state.
async fn read_back(ledger: &Ledger) -> Option<State> {
    let mut ended = None;
    for lease in claim(ledger).await {
        assert_eq!(lease.kind, Kind::ReadBack);
        ended = ended_as(&record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await);
    }
    ended
}

async fn a_retry_goes_on_where_the_cancelled_attempt_stopped(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(20)])).await;
    let mut lease = claim_one(&ledger).await;
    step(&ledger, &mut lease, erased(5), 5, "five").await;
    cancel(&ledger, &lease).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    both(&job.stores, &[("erased", 5), ("left", 15)]);
    assert_eq!(job.attempts, []);

    retry(&ledger, id).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    both(&job.stores, &[("erased", 5)]);
    assert_eq!((job.selected, job.remaining, job.settled), (20, 15, 5));
    adds_up(&ledger, 15).await;
    let lease = claim_one(&ledger).await;
    assert_eq!(
        (lease.remaining, lease.progress.as_deref(), lease.job.attempt),
        (15, Some("five"), 2)
    );
    assert_eq!(ended_as(&finish(&ledger, &lease).await), Some(State::Succeeded));

    let job = ledger.job(id).await.unwrap().unwrap();
    both(&job.stores, &[("erased", 20)]);
    assert_eq!((job.selected, job.remaining), (20, 0));
    let [first, second] = job.attempts.as_slice() else {
        panic!("two attempts: {job:?}")
    };
    assert_eq!((first.attempt, first.state), (1, State::Cancelled));
    both(&first.stores, &[("erased", 5), ("left", 15)]);
    assert_eq!((second.attempt, second.state), (2, State::Succeeded));
    both(&second.stores, &[("erased", 15)]);
    adds_up(&ledger, 0).await;
    // The counts outlive the ids.
    forget(&ledger, Duration::ZERO, Duration::from_hours(24)).await;
    let forgotten = ledger.job(id).await.unwrap().unwrap();
    both(&forgotten.stores, &[("erased", 20)]);
    assert_eq!(forgotten.attempts, job.attempts);
}

async fn a_memory_that_one_store_kept_is_asked_for_again_and_counted_once(TestLedger { ledger, _dir, .. }: TestLedger) {
    use Outcome::{Absent, Erased, Failed};
    let work = Work::Ids(["a", "b", "c"].map(str::to_owned).into());
    let id = accept(&ledger, new_job(vec![NewPartition { work, ..ids(3) }])).await;
    let lease = claim_one(&ledger).await;
    let delta = met(&[("a", Erased, Erased), ("b", Absent, Erased), ("c", Erased, Failed)]);
    let after = record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Failed));

    retry(&ledger, id).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.selected, job.remaining, job.settled), (3, 1, 2));
    let lease = claim_one(&ledger).await;
    assert!(
        lease.work == Work::Ids(["c".to_owned()].into()),
        "what is settled is not asked for again"
    );
    record(&ledger, end(&lease, met(&[("c", Absent, Erased)]), RecordEnd::Done)).await;
    // The read-back covers the whole list.
    let lease = claim_one(&ledger).await;
    assert!(matches!(&lease.work, Work::Ids(ids) if ids.len() == 3) && lease.kind == Kind::ReadBack);
    let after = record(&ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Succeeded));

    let job = ledger.job(id).await.unwrap().unwrap();
    let expected: BTreeMap<_, _> = [
        ("sql", BTreeMap::from([("erased", 2), ("absent", 1)])),
        ("vector", BTreeMap::from([("erased", 3)])),
    ]
    .into();
    assert_eq!(counts(&job.stores), expected, "the first attempt erased c's row");
    assert_eq!(job.selected, 3);
    let absent = ledger.items(id, "absent", ItemCursor::default(), 10).await.unwrap();
    assert_eq!(absent.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["b"]);
    let failed = ledger.items(id, "failed", ItemCursor::default(), 10);
    assert_eq!(failed.await.unwrap(), []);
    assert_eq!(
        total(&ledger, "memories", "absent").await,
        2,
        "the totals are what stores answered"
    );
    adds_up(&ledger, 0).await;
}

async fn a_memory_that_is_not_settled_leaves_the_counts_until_it_is(TestLedger { ledger, _dir, .. }: TestLedger) {
    use Outcome::{Absent, Conflicted, Erased, Failed};
    let work = Work::Ids(["a", "b", "c", "d"].map(str::to_owned).into());
    let id = accept(&ledger, new_job(vec![NewPartition { work, ..ids(4) }])).await;
    let mut lease = claim_one(&ledger).await;
    let delta = met(&[("a", Erased, Erased), ("b", Failed, Erased), ("c", Conflicted, Absent)]);
    step(&ledger, &mut lease, delta, 3, "three").await;
    cancel(&ledger, &lease).await;
    // Two more attempts: one does not reach these memories, and one fails again.
    retry(&ledger, id).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    both(&job.stores, &[("erased", 1)]);
    assert_eq!((job.selected, job.remaining), (4, 3));
    ledger.cancel(id, &crate::tester()).await.unwrap();
    both(
        &ledger.job(id).await.unwrap().unwrap().stores,
        &[("erased", 1), ("left", 3)],
    );
    adds_up(&ledger, 0).await;
    retry(&ledger, id).await;
    let mut open = claim(&ledger).await;
    open.sort_by_key(|lease| lease.ordinal);
    assert_eq!(open.iter().map(|lease| lease.remaining).collect::<Vec<_>>(), [1, 2]);
    record(&ledger, end(&open[0], erased(1), RecordEnd::Done)).await;
    let delta = met(&[("b", Failed, Absent), ("c", Erased, Absent)]);
    let after = record(&ledger, end(&open[1], delta, RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Failed));
    let job = ledger.job(id).await.unwrap().unwrap();
    let expected: BTreeMap<_, _> = [
        ("sql", BTreeMap::from([("erased", 3), ("failed", 1)])),
        ("vector", BTreeMap::from([("erased", 3), ("absent", 1)])),
    ]
    .into();
    assert_eq!(counts(&job.stores), expected, "b's vector went in the first attempt");
    retry(&ledger, id).await;
    let lease = claim_one(&ledger).await;
    assert!(lease.work == Work::Ids(["b".to_owned()].into()));
    record(&ledger, end(&lease, met(&[("b", Erased, Absent)]), RecordEnd::Done)).await;
    assert_eq!(read_back(&ledger).await, Some(State::Succeeded));
    let job = ledger.job(id).await.unwrap().unwrap();
    let expected: BTreeMap<_, _> = [
        ("sql", BTreeMap::from([("erased", 4)])),
        ("vector", BTreeMap::from([("erased", 3), ("absent", 1)])),
    ]
    .into();
    assert_eq!(
        (counts(&job.stores), job.selected, job.attempts.len()),
        (expected, 4, 4)
    );
    adds_up(&ledger, 0).await;
}

async fn lists_with_nothing_settled_begin_anew(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(1)])).await;
    let lease = claim_one(&ledger).await;
    let delta = Delta {
        version_erased: Some(7),
        ..met(&[("memory-0", Outcome::Erased, Outcome::Failed)])
    };
    record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
    retry(&ledger, id).await;
    let lease = claim_one(&ledger).await;
    assert!(
        lease.ordinal == 0 && !lease.alone && lease.progress.is_none(),
        "small ones share calls"
    );
    let delta = met(&[("memory-0", Outcome::Absent, Outcome::Erased)]);
    let After::ReadBack { lease, .. } = record(&ledger, end(&lease, delta, RecordEnd::Done)).await else {
        panic!("its worker reads it back")
    };
    record(&ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    both(&job.stores, &[("erased", 1)]);
    assert_eq!((job.state, job.version_erased), (State::Succeeded, Some(7)));
}

async fn an_attempt_with_nothing_to_erase_reads_back(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(3)])).await;
    let lease = claim_one(&ledger).await;
    let After::ReadBack { lease, .. } = record(&ledger, end(&lease, erased(3), RecordEnd::Done)).await else {
        panic!("its worker reads it back")
    };
    let after = record(
        &ledger,
        end(&lease, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)),
    )
    .await;
    assert_eq!(ended_as(&after), Some(State::Failed));
    retry(&ledger, id).await;
    let lease = claim_one(&ledger).await;
    assert!(lease.work == Work::Ids([].into()) && lease.kind == Kind::Erase);
    record(&ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(read_back(&ledger).await, Some(State::Succeeded));
    both(&ledger.job(id).await.unwrap().unwrap().stores, &[("erased", 3)]);
    adds_up(&ledger, 0).await;
}

async fn a_dry_run_is_done_again(TestLedger { ledger, _dir, .. }: TestLedger) {
    let look = NewPartition {
        kind: Kind::Preview,
        ..ids(3)
    };
    let id = accept(
        &ledger,
        NewJob {
            dry_run: true,
            ..new_job(vec![look])
        },
    )
    .await;
    ledger.cancel(id, &crate::tester()).await.unwrap();
    retry(&ledger, id).await;
    let lease = claim_one(&ledger).await;
    assert_eq!((lease.kind, lease.remaining), (Kind::Preview, 3));
    assert_eq!(ledger.job(id).await.unwrap().unwrap().selected, 3);
}

async fn a_retry_that_another_one_overtakes_is_tried_again(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(3)])).await;
    ledger.cancel(id, &crate::tester()).await.unwrap();
    // As if another attempt began and ended between reading the job and changing it: each time, or the first time only.
    let on_sqlite = test.url.starts_with("sqlite");
    let overtaking = if on_sqlite {
        vec!["CREATE TRIGGER overtaken BEFORE UPDATE OF attempt ON jobs BEGIN SELECT RAISE(IGNORE); END"]
    } else {
        vec![
            "CREATE SEQUENCE tries",
            "CREATE FUNCTION overtaken() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN IF nextval('tries') = 1 THEN RETURN NULL; END IF; RETURN NEW; END $$",
            "CREATE TRIGGER overtaken BEFORE UPDATE OF attempt ON jobs FOR EACH ROW EXECUTE FUNCTION overtaken()",
        ]
    };
    for statement in overtaking {
        test.run(statement).await;
    }
    let retried = ledger.retry(id, &crate::tester()).await;
    if on_sqlite {
        assert!(retried.is_err_and(|error| error.is_transient()));
    } else {
        assert_eq!(retried.unwrap(), RetryOutcome::Accepted);
        assert_eq!(ledger.job(id).await.unwrap().unwrap().attempt, 2);
    }
}

/// Ends a plan that cuts ranges of these sizes.
async fn plan(ledger: &Ledger, sizes: &[u64]) {
    let lease = claim_one(ledger).await;
    assert_eq!(lease.kind, Kind::Plan);
    let range = |n: &u64| NewPartition {
        work: Work::Range {
            after: None,
            through: None,
        },
        ..ids(usize::try_from(*n).unwrap())
    };
    let delta = Delta {
        selected: sizes.iter().sum::<u64>().cast_signed(),
        planned: sizes.iter().map(range).collect(),
        ..Delta::default()
    };
    record(ledger, end(&lease, delta, RecordEnd::Done)).await;
}
