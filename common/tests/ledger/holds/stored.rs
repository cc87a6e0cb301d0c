//! Placing, replacing, releasing, listing and forgetting holds.

use std::time::Duration;

use lethe_common::hold::{HoldKind, HoldOn};
use lethe_common::ledger::{AuditFilter, HoldRecord, HoldRow, Ledger, PutHold};

use super::{MOST, held_job, hold, put, release, revision, settle};
use crate::{TestLedger, tester};

crate::on_both! {
    a_hold_is_placed_replaced_and_released,
    the_same_hold_once_more_keeps_its_revision,
    a_hold_that_the_caller_has_not_read_is_neither_replaced_nor_released,
    holds_in_force_have_a_bound,
    a_hold_expires_by_the_clock_of_the_ledger,
    a_hold_that_cannot_be_read_keeps_everything,
    holds_are_listed_by_name,
    a_released_hold_is_forgotten_once_no_job_names_it,
}

async fn row(ledger: &Ledger, name: &str) -> HoldRow {
    ledger.hold(name).await.unwrap().expect("it is stored")
}

/// Returns the names of the holds in force, as workers read them.
async fn in_force(ledger: &Ledger) -> Vec<String> {
    let set = ledger.holds_in_force().await.unwrap();
    assert_eq!(set.revision, ledger.holds_revision().await.unwrap());
    set.holds.into_iter().map(|hold| hold.name).collect()
}

/// Returns the acts on holds and their actors, the oldest first.
async fn acts(ledger: &Ledger) -> Vec<(String, String)> {
    let filter = AuditFilter {
        limit: 100,
        ..AuditFilter::default()
    };
    let events = ledger.audit(&filter).await.unwrap();
    let events = events.into_iter().rev().filter(|event| event.object_type == "hold");
    events.map(|event| (event.act, event.actor)).collect()
}

async fn a_hold_is_placed_replaced_and_released(TestLedger { ledger, _dir, .. }: TestLedger) {
    assert_eq!(put(&ledger, &hold("case-77")).await, PutHold::New);
    let first = row(&ledger, "case-77").await;
    assert!(first.on == Some(HoldOn::Persons(vec!["ana".to_owned()])) && first.kind == HoldKind::Persons);
    assert_eq!((first.by.as_deref(), first.jobs), (Some("Legal, Ms Doe"), 0));
    assert_eq!(in_force(&ledger).await, ["case-77"]);

    let other = HoldRecord {
        target: Some("main".to_owned()),
        table: Some("memories".to_owned()),
        on: HoldOn::Ids(vec!["memory-1".to_owned()]),
        ..hold("case-77")
    };
    assert_eq!(put(&ledger, &other).await, PutHold::Replaced);
    let second = row(&ledger, "case-77").await;
    assert!(second.on.as_ref() == Some(&other.on) && second.kind == HoldKind::Ids);
    assert!(second.revision > first.revision && second.created_at == first.created_at);
    let set = ledger.holds_in_force().await.unwrap();
    let [seen] = set.holds.as_slice() else {
        panic!("one hold")
    };
    assert!(seen.on == other.on && seen.revision == second.revision);
    assert_eq!(
        (seen.target.as_deref(), seen.table.as_deref()),
        (Some("main"), Some("memories"))
    );

    release(&ledger, "case-77").await;
    let released = row(&ledger, "case-77").await;
    assert!(released.released_at.is_some() && released.on.is_none() && released.by.is_none());
    assert_eq!(
        (released.kind, released.reference.as_deref()),
        (HoldKind::Ids, Some("CASE-77"))
    );
    assert!(in_force(&ledger).await.is_empty());
    let again = ledger.release_hold("case-77", released.revision, &tester()).await;
    assert!(!again.unwrap(), "it is released");

    assert_eq!(put(&ledger, &other).await, PutHold::New);
    assert!(row(&ledger, "case-77").await.created_at >= released.changed_at);
    let expected = ["hold.put", "hold.put", "hold.release", "hold.put"];
    let expected = expected.map(|act| (act.to_owned(), "tester".to_owned()));
    assert_eq!(acts(&ledger).await, expected);
}

async fn the_same_hold_once_more_keeps_its_revision(TestLedger { ledger, _dir, .. }: TestLedger) {
    put(&ledger, &hold("case-77")).await;
    let id = held_job(&ledger, "case-77").await;
    assert!(settle(&ledger).await.is_empty());
    let first = row(&ledger, "case-77").await;
    let read = ledger.holds_revision().await.unwrap();
    let later = HoldRecord {
        until: Some(TestLedger::now() + 3_600_000),
        by: Some("Legal, Mr Doe".to_owned()),
        ..hold("case-77")
    };
    assert_eq!(put(&ledger, &later).await, PutHold::Replaced);
    let same = row(&ledger, "case-77").await;
    assert_eq!((same.revision, same.until), (first.revision, later.until));
    assert!(ledger.holds_revision().await.unwrap() > read);
    assert!(settle(&ledger).await.is_empty(), "its held jobs are not asked again");

    let elsewhere = HoldRecord {
        target: Some("main".to_owned()),
        ..later
    };
    assert_eq!(put(&ledger, &elsewhere).await, PutHold::Replaced);
    assert_eq!(settle(&ledger).await, [id]);
}

async fn a_hold_that_the_caller_has_not_read_is_neither_replaced_nor_released(test: TestLedger) {
    let ledger = &test.ledger;
    let over = async |over| ledger.put_hold(&hold("case-77"), MOST, over, &tester()).await.unwrap();
    assert_eq!(over(Some(1)).await, PutHold::Changed, "none is in force");
    assert!(ledger.hold("case-77").await.unwrap().is_none());
    assert_eq!(over(None).await, PutHold::New);
    let read = revision(ledger, "case-77").await.unwrap();
    for stale in [None, Some(read - 1), Some(read + 1)] {
        assert_eq!(over(stale).await, PutHold::Changed, "{stale:?}");
    }
    let released = ledger.release_hold("case-77", read + 1, &tester()).await;
    assert!(!released.unwrap());
    assert_eq!(revision(ledger, "case-77").await, Some(read));
    assert_eq!(acts(ledger).await.len(), 1, "a refusal writes nothing");
}

async fn holds_in_force_have_a_bound(TestLedger { ledger, _dir, .. }: TestLedger) {
    let bounded = async |name: &str| {
        let over = revision(&ledger, name).await;
        ledger.put_hold(&hold(name), 2, over, &tester()).await.unwrap()
    };
    assert_eq!(bounded("a").await, PutHold::New);
    assert_eq!(bounded("b").await, PutHold::New);
    assert_eq!(bounded("c").await, PutHold::TooMany);
    assert_eq!(bounded("a").await, PutHold::Replaced);
    release(&ledger, "b").await;
    assert_eq!(bounded("c").await, PutHold::New);

    // Each process keeps what they name in memory.
    let large = HoldRecord {
        on: HoldOn::Ids(vec!["x".repeat(9 << 20)]),
        ..hold("large")
    };
    assert_eq!(put(&ledger, &large).await, PutHold::New);
    let second = HoldRecord {
        name: "second".to_owned(),
        ..large
    };
    assert_eq!(put(&ledger, &second).await, PutHold::TooLarge);
    assert_eq!(row(&ledger, "large").await.released_at, None);
    assert_eq!(revision(&ledger, "second").await, None);
    assert_eq!(in_force(&ledger).await, ["a", "c", "large"]);
}

async fn a_hold_expires_by_the_clock_of_the_ledger(test: TestLedger) {
    let ledger = &test.ledger;
    let until = |until| HoldRecord {
        until: Some(until),
        ..hold("case-77")
    };
    assert_eq!(put(ledger, &until(1)).await, PutHold::Expired);
    assert!(ledger.hold("case-77").await.unwrap().is_none());
    assert_eq!(put(ledger, &until(TestLedger::now() + 3_600_000)).await, PutHold::New);
    assert_eq!(put(ledger, &until(1)).await, PutHold::Expired, "the other one stays");
    let id = held_job(ledger, "case-77").await;
    assert!(settle(ledger).await.is_empty());

    test.run("UPDATE holds SET until_at = 1").await;
    assert_eq!(in_force(ledger).await, ["case-77"], "until the ledger releases it");
    assert_eq!(settle(ledger).await, [id]);
    assert!(row(ledger, "case-77").await.released_at.is_some());
    assert!(in_force(ledger).await.is_empty());
    let expired = ("hold.expire".to_owned(), "lethe".to_owned());
    assert_eq!(acts(ledger).await.last(), Some(&expired));
}

async fn a_hold_that_cannot_be_read_keeps_everything(test: TestLedger) {
    let ledger = &test.ledger;
    let of_main = HoldRecord {
        target: Some("main".to_owned()),
        ..hold("a")
    };
    put(ledger, &of_main).await;
    put(ledger, &hold("b")).await;
    for unreadable in ["'{\"agents\":[\"x\"]}'", "'{'", "NULL"] {
        test.run(format!("UPDATE holds SET selection = {unreadable} WHERE name = 'a'"))
            .await;
        let set = ledger.holds_in_force().await.unwrap();
        let [a, b] = set.holds.as_slice() else {
            panic!("two holds")
        };
        assert!(a.on == HoldOn::Everything && b.on == hold("b").on, "{unreadable}");
        assert_eq!(a.target.as_deref(), Some("main"));
        assert!(row(ledger, "a").await.on.is_none());
    }
    test.run("UPDATE holds SET ground = 'of a newer version'").await;
    assert_eq!(in_force(ledger).await, ["a", "b"]);
}

async fn holds_are_listed_by_name(TestLedger { ledger, _dir, .. }: TestLedger) {
    for name in ["b", "c", "a", "d"] {
        put(&ledger, &hold(name)).await;
    }
    release(&ledger, "b").await;
    let listed = async |after: &str, limit, all| {
        let page = ledger.holds(after, limit, all).await.unwrap();
        assert!(page.iter().all(|hold| hold.on.is_none()), "a list names nobody");
        page.into_iter().map(|hold| hold.name).collect::<Vec<_>>()
    };
    assert_eq!(listed("", 10, false).await, ["a", "c", "d"]);
    assert_eq!(listed("", 2, false).await, ["a", "c"]);
    assert_eq!(listed("c", 2, false).await, ["d"]);
    assert_eq!(listed("", 10, true).await, ["a", "b", "c", "d"]);
    assert_eq!(listed("a", 1, true).await, ["b"]);
    assert_eq!(ledger.hold_gauges().await.unwrap(), (3, 4));
}

async fn a_released_hold_is_forgotten_once_no_job_names_it(test: TestLedger) {
    let ledger = &test.ledger;
    for name in ["a", "b", "c"] {
        put(ledger, &hold(name)).await;
    }
    release(ledger, "a").await;
    release(ledger, "b").await;
    test.run("UPDATE holds SET released_at = 1 WHERE released_at IS NOT NULL")
        .await;
    test.run("INSERT INTO job_holds (job_id, hold, revision, ground, n) VALUES ('x', 'b', 1, 'other', 1)")
        .await;
    let day = Duration::from_hours(24);
    let names = async || {
        assert!(!ledger.forget_holds(day).await.unwrap());
        let all = ledger.holds("", 10, true).await.unwrap();
        all.into_iter().map(|hold| hold.name).collect::<Vec<_>>()
    };
    assert_eq!(
        names().await,
        ["a", "b", "c"],
        "somebody must look for their jobs first"
    );
    assert!(settle(ledger).await.is_empty());
    assert_eq!(names().await, ["b", "c"]);
    test.run("DELETE FROM job_holds").await;
    test.run("UPDATE holds SET released_at = NULL WHERE name = 'b'").await;
    assert_eq!(names().await, ["b", "c"], "both are in force");
}
