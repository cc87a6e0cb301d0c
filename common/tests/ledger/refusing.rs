//! Permanent refusals of the ledger's database, and ids that are longer than an index entry.

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{
    Accepted, After, Delta, ItemOutcome, ItemRow, Lease, LeaseCheck, Ledger, NewJob, Record, RecordEnd,
};
use lethe_common::state::State;

use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, ended_as, erased, ids, record, state};

crate::on_both! {
    ids_of_any_length_are_listed_and_settled,
    an_id_that_no_text_can_hold_is_listed_all_the_same,
    an_id_that_no_text_can_hold_is_known_as_conflicted,
    a_record_that_is_refused_leaves_its_neighbours,
    an_intent_that_is_refused_leaves_its_neighbours,
    an_acceptance_that_is_refused_leaves_its_neighbours,
    a_refused_record_can_be_failed,
}

/// Returns an incompressible id of so many three-byte characters.
fn wide(length: u32, last: u32) -> String {
    let spread = |n: u32| (n.wrapping_mul(2_654_435_761) >> 8) % 20_000;
    let code = (1..length).map(spread).chain([last]);
    code.map(|code| char::from_u32(0x4e00 + code).unwrap()).collect()
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

/// Returns the listed ids of an outcome, page by page.
async fn listed(ledger: &Ledger, id: JobId, outcome: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut page: Vec<ItemRow> = Vec::new();
    loop {
        let after = page.first().map(ItemRow::cursor).unwrap_or_default();
        let next = ledger.items(id, outcome, after, 1).await.unwrap();
        let Some(row) = next.first() else { return all };
        all.push(row.id.clone());
        page = next;
    }
}

async fn ids_of_any_length_are_listed_and_settled(TestLedger { ledger, _dir, .. }: TestLedger) {
    // The first two differ in their last character. The third shares its first 59 characters with them.
    let (one, other, short) = (wide(1_000, 1), wide(1_000, 2), wide(60, 60));
    let id = accept(&ledger, new_job(vec![ids(3)])).await;
    let lease = claim_one(&ledger).await;
    let delta = met(&[
        (&one, Outcome::Erased, Outcome::Failed),
        (&other, Outcome::Absent, Outcome::Absent),
        (&short, Outcome::Absent, Outcome::Absent),
    ]);
    let after = record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Failed));
    assert_eq!(listed(&ledger, id, "failed").await, [one.as_str()]);
    let mut absent = listed(&ledger, id, "absent").await;
    absent.sort();
    let mut expected = vec![short.clone(), short, other.clone(), other];
    expected.sort();
    assert_eq!(absent, expected, "each in both stores");
    assert!(
        ledger
            .conflicted(&lease, std::slice::from_ref(&one))
            .await
            .unwrap()
            .is_empty()
    );

    ledger.retry(id, &crate::tester()).await.unwrap();
    let lease = claim_one(&ledger).await;
    let delta = met(&[(&one, Outcome::Absent, Outcome::Erased)]);
    record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
    // The read-back covers the list that the id came from.
    let back = claim_one(&ledger).await;
    let after = record(&ledger, end(&back, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Succeeded));
    let job = ledger.job(id).await.unwrap().unwrap();
    for store in &job.stores {
        assert_eq!((store.counts["erased"], store.counts["absent"]), (1, 2), "{store:?}");
    }
}

async fn an_id_that_no_text_can_hold_is_known_as_conflicted(TestLedger { ledger, _dir, .. }: TestLedger) {
    accept(&ledger, new_job(vec![ids(4)])).await;
    let lease = claim_one(&ledger).await;
    let long = format!("{}\0", wide(300, 1));
    let delta = met(&[
        ("a\0b", Outcome::Conflicted, Outcome::Conflicted),
        (&long, Outcome::Conflicted, Outcome::Conflicted),
    ]);
    let step = Record {
        remaining: 2,
        end: None,
        ..end(&lease, delta, RecordEnd::Done)
    };
    assert!(matches!(record(&ledger, step).await, After::Continue { .. }));
    let asked = ["a\0b", &long, "c\0d", "e"].map(str::to_owned);
    let known = ledger.conflicted(&lease, &asked).await.unwrap();
    assert_eq!(known, asked[..2].iter().cloned().collect());
}

async fn an_id_that_no_text_can_hold_is_listed_all_the_same(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(1)])).await;
    let lease = claim_one(&ledger).await;
    let delta = met(&[("a\0b", Outcome::Absent, Outcome::Absent)]);
    record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
    assert_eq!(listed(&ledger, id, "absent").await, ["a\u{fffd}b"; 2]);
}

/// Makes the ledger refuse rows of a table.
pub(crate) async fn refuse(ledger: &TestLedger, table: &str, before: &str, when: &str) {
    let statements = if ledger.url.starts_with("sqlite") {
        vec![format!(
            "CREATE TRIGGER refuse BEFORE {before} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )]
    } else {
        vec![
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$".to_owned(),
            format!(
                "CREATE TRIGGER refuse BEFORE {before} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuse()"
            ),
        ]
    };
    for statement in statements {
        ledger.run(statement).await;
    }
}

/// Accepts jobs of one id each, and claims them together.
async fn claimed(ledger: &Ledger, n: usize) -> Vec<Lease> {
    for _ in 0..n {
        accept(ledger, new_job(vec![ids(1)])).await;
    }
    let leases = claim(ledger).await;
    assert_eq!(leases.len(), n);
    leases
}

async fn a_record_that_is_refused_leaves_its_neighbours(test: TestLedger) {
    let ledger = &test.ledger;
    let leases = claimed(ledger, 9).await;
    let bad = leases[4].job.id;
    refuse(&test, "items", "INSERT", &format!("NEW.job_id = '{bad}'")).await;
    let delta = || met(&[("memory-0", Outcome::Absent, Outcome::Absent)]);
    let records: Vec<Record<'_>> = leases
        .iter()
        .map(|lease| end(lease, delta(), RecordEnd::Done))
        .collect();
    let after = ledger.record(&records).await.unwrap();
    for (lease, after) in leases.iter().zip(&after) {
        if lease.job.id == bad {
            assert!(matches!(after, After::Refused), "{after:?}");
            let job = ledger.job(bad).await.unwrap().unwrap();
            assert_eq!((job.state, job.remaining), (State::Running, 1), "nothing was recorded");
        } else {
            assert!(matches!(after, After::ReadBack { .. }), "{after:?}");
        }
    }
}

async fn a_refused_record_can_be_failed(test: TestLedger) {
    let ledger = &test.ledger;
    let lease = claimed(ledger, 1).await.remove(0);
    let id = lease.job.id;
    refuse(&test, "items", "INSERT", "NEW.outcome = 'absent'").await;
    let delta = met(&[("memory-0", Outcome::Absent, Outcome::Absent)]);
    let after = record(ledger, end(&lease, delta, RecordEnd::Done)).await;
    assert!(matches!(after, After::Refused), "{after:?}");
    // The lease is held as before.
    let after = record(
        ledger,
        end(&lease, Delta::default(), RecordEnd::Failed(ErrorCode::LedgerRefused)),
    )
    .await;
    assert_eq!(ended_as(&after), Some(State::Failed));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!(job.error_code.as_deref(), Some("ledger_refused"));
}

async fn an_intent_that_is_refused_leaves_its_neighbours(test: TestLedger) {
    let ledger = &test.ledger;
    let leases = claimed(ledger, 5).await;
    refuse(&test, "partitions", "UPDATE", "NEW.intent = 'refused'").await;
    let intents: Vec<(&Lease, String)> = leases
        .iter()
        .enumerate()
        .map(|(n, lease)| (lease, if n == 1 { "refused" } else { "taken" }.to_owned()))
        .collect();
    let go = ledger.intend(&intents).await.unwrap();
    for (n, go) in go.iter().enumerate() {
        assert_eq!(*go == LeaseCheck::Refused, n == 1, "{n}: {go:?}");
        assert_eq!(matches!(go, LeaseCheck::Proceed(_)), n != 1, "{n}: {go:?}");
    }
    // The lease of the refused intent is not lost.
    let fences: Vec<_> = leases.iter().map(Lease::fence).collect();
    let held = ledger.renew(&fences).await.unwrap();
    assert!(held.iter().all(|go| matches!(go, LeaseCheck::Proceed(_))), "{held:?}");
}

async fn an_acceptance_that_is_refused_leaves_its_neighbours(test: TestLedger) {
    let ledger = &test.ledger;
    refuse(&test, "jobs", "INSERT", "NEW.owner = 'refused'").await;
    let accepting = (0..8).map(|n| {
        let owner = if n == 3 { "refused" } else { "ana" };
        ledger.accept(NewJob {
            owner: Some(owner.to_owned()),
            ..new_job(vec![ids(1)])
        })
    });
    let accepted = futures::future::join_all(accepting).await;
    for (n, accepted) in accepted.into_iter().enumerate() {
        match accepted {
            Ok(Accepted::New(id)) => {
                assert_ne!(n, 3);
                assert_eq!(state(ledger, id).await, State::Queued);
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => assert!(n == 3 && error.is_refusal() && !error.is_transient(), "{error:?}"),
        }
    }
    for lease in claim(ledger).await {
        record(ledger, end(&lease, erased(1), RecordEnd::Done)).await;
    }
}
