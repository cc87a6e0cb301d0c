//! The API keys that Lethe itself made, and their secrets.

use std::time::Duration;

use lethe_common::config::Bounds;
use lethe_common::ledger::{AuditFilter, Ends, KeyRecord, Ledger, Rotated};

use crate::{TestLedger, tester};

crate::on_both! {
    a_made_key_is_returned_as_it_is_stored,
    one_of_several_starts_stores_the_first_key_for_good,
    a_ledger_with_keys_has_had_its_first_key,
    a_rotated_key_has_two_secrets_for_the_overlap,
    a_second_rotation_ends_the_secret_that_it_names,
    a_rotation_whose_answer_was_lost_ends_no_secret_in_use,
    one_of_two_rotations_at_a_time_is_refused,
    both_secrets_stop_with_their_key,
    a_rotation_and_its_event_are_one,
    the_secrets_of_a_revoked_key_are_recognised,
    the_secrets_that_rotations_replace_are_recognised,
}

const MINUTE: i64 = 60_000;

const HOUR: Duration = Duration::from_hours(1);

/// Returns a key whose secret has the hash `one`.
fn record() -> KeyRecord {
    KeyRecord {
        name: "k".to_owned(),
        sha256: "one".to_owned(),
        scopes: vec!["memories:delete".to_owned()],
        bounds: Bounds {
            user: Some("ana".to_owned()),
            ..Bounds::default()
        },
        expires_at: None,
    }
}

/// Gives the key a secret with another hash. Returns whether it has this secret now.
async fn rotate(ledger: &Ledger, sha256: &str, overlap: Duration) -> bool {
    matches!(rotated(ledger, sha256, overlap, None).await, Rotated::Done(row) if row.key.sha256 == sha256)
}

async fn rotated(ledger: &Ledger, sha256: &str, overlap: Duration, ends: Option<Ends>) -> Rotated {
    let rotated = ledger.rotate_key("k", sha256, overlap, ends, &tester()).await;
    rotated.unwrap()
}

/// Returns which of these secrets are valid.
async fn valid(ledger: &Ledger) -> Vec<&'static str> {
    let mut valid = Vec::new();
    for sha256 in ["one", "two", "three", "four"] {
        let found = ledger.key_by_hash(sha256).await.unwrap();
        if found.is_some_and(|found| found.sha256 == sha256 && found.left.is_none_or(|left| !left.is_zero())) {
            valid.push(sha256);
        }
    }
    valid
}

async fn a_made_key_is_returned_as_it_is_stored(test: TestLedger) {
    let ledger = &test.ledger;
    let made = ledger.add_key(&record(), &tester()).await.unwrap().unwrap();
    let stored = ledger.key_by_name("k").await.unwrap().unwrap();
    assert_eq!(
        (&made.key.sha256, &made.key.scopes, made.created_at, &made.created_by),
        (
            &stored.key.sha256,
            &stored.key.scopes,
            stored.created_at,
            &stored.created_by
        )
    );
    assert!(made.key.bounds == stored.key.bounds && made.created_at <= stored.now);
    assert_eq!((made.previous_until, made.left), (None, None));
    assert!(ledger.add_key(&record(), &tester()).await.unwrap().is_none());
}

async fn one_of_several_starts_stores_the_first_key_for_good(test: TestLedger) {
    let ledger = &test.ledger;
    let named = |name: &str| KeyRecord {
        name: name.to_owned(),
        sha256: name.to_owned(),
        ..record()
    };
    let (one, other, by) = (named("one"), named("other"), tester());
    let starts = tokio::join!(ledger.add_first_key(&one, &by), ledger.add_first_key(&other, &by));
    let stored = [starts.0.unwrap(), starts.1.unwrap()];
    assert!(stored[0] != stored[1], "{stored:?}");
    let keys = ledger.keys("", 10).await.unwrap();
    let name = if stored[0] { "one" } else { "other" };
    assert_eq!(keys.iter().map(|row| row.key.name.as_str()).collect::<Vec<_>>(), [name]);
    // An operator wants no other one.
    assert!(ledger.remove_key(name, &by).await.unwrap());
    assert!(!ledger.add_first_key(&one, &by).await.unwrap());
    assert!(ledger.keys("", 10).await.unwrap().is_empty());
}

async fn a_ledger_with_keys_has_had_its_first_key(test: TestLedger) {
    let ledger = &test.ledger;
    ledger.add_key(&record(), &tester()).await.unwrap().unwrap();
    let first = KeyRecord {
        name: "first".to_owned(),
        sha256: "first".to_owned(),
        ..record()
    };
    assert!(!ledger.add_first_key(&first, &tester()).await.unwrap());
    assert!(ledger.remove_key("k", &tester()).await.unwrap());
    assert!(!ledger.add_first_key(&first, &tester()).await.unwrap());
}

async fn a_rotated_key_has_two_secrets_for_the_overlap(test: TestLedger) {
    let ledger = &test.ledger;
    assert!(!rotate(ledger, "two", HOUR).await, "there is no key");
    ledger.add_key(&record(), &tester()).await.unwrap();
    assert!(rotate(ledger, "two", HOUR).await);
    let [old, new] = ["one", "two"].map(|sha256| ledger.key_by_hash(sha256));
    let (old, new) = (old.await.unwrap().unwrap(), new.await.unwrap().unwrap());
    assert_eq!((&*old.sha256, &*new.sha256), ("one", "two"));
    assert!(old.left.is_some_and(|left| left <= HOUR) && new.left.is_none());
    // Both secrets find the same key.
    let (old, new) = (old.row, new.row);
    assert_eq!(
        (&*old.key.sha256, &old.key.scopes, old.previous_until, old.left),
        ("two", &new.key.scopes, new.previous_until, None)
    );
    assert!(old.key.bounds == new.key.bounds);
    test.pass(59 * MINUTE).await;
    assert_eq!(valid(ledger).await, ["one", "two"]);
    test.pass(2 * MINUTE).await;
    assert_eq!(valid(ledger).await, ["two"]);
    let keys = ledger.keys("", 10).await.unwrap();
    assert_eq!((keys.len(), keys[0].previous_until), (1, None));
}

async fn a_second_rotation_ends_the_secret_that_it_names(test: TestLedger) {
    let ledger = &test.ledger;
    ledger.add_key(&record(), &tester()).await.unwrap();
    for ends in [Ends::Older, Ends::Newer] {
        let one = rotated(ledger, "two", HOUR, Some(ends)).await;
        assert!(matches!(one, Rotated::HasOne), "{one:?}");
    }
    assert!(rotate(ledger, "two", HOUR).await);
    let older = rotated(ledger, "three", HOUR, Some(Ends::Older)).await;
    assert!(matches!(older, Rotated::Done(_)), "{older:?}");
    assert_eq!(valid(ledger).await, ["two", "three"]);
    assert!(rotate(ledger, "four", Duration::ZERO).await);
    assert_eq!(valid(ledger).await, ["four"]);
    assert!(ledger.remove_key("k", &tester()).await.unwrap());
    assert!(valid(ledger).await.is_empty());
}

async fn a_rotation_whose_answer_was_lost_ends_no_secret_in_use(test: TestLedger) {
    let ledger = &test.ledger;
    ledger.add_key(&record(), &tester()).await.unwrap();
    assert!(rotate(ledger, "two", HOUR).await);
    let ends = ledger.key_by_name("k").await.unwrap().unwrap().previous_until;
    // Nobody has the second secret, and the same request comes again.
    let again = rotated(ledger, "three", HOUR, None).await;
    assert!(
        matches!(again, Rotated::HasTwo(until) if Some(until) == ends),
        "{again:?}"
    );
    assert_eq!(valid(ledger).await, ["one", "two"]);
    test.pass(30 * MINUTE).await;
    let other = rotated(ledger, "three", HOUR, Some(Ends::Newer)).await;
    assert!(matches!(other, Rotated::Done(_)), "{other:?}");
    assert_eq!(valid(ledger).await, ["one", "three"]);
    // The overlap begins with the secret that replaces the lost one.
    test.pass(59 * MINUTE).await;
    assert_eq!(valid(ledger).await, ["one", "three"]);
    test.pass(2 * MINUTE).await;
    assert_eq!(valid(ledger).await, ["three"]);
    assert!(rotate(ledger, "four", HOUR).await, "the key has one secret again");
    assert_eq!(valid(ledger).await, ["three", "four"]);
}

async fn one_of_two_rotations_at_a_time_is_refused(test: TestLedger) {
    let ledger = &test.ledger;
    ledger.add_key(&record(), &tester()).await.unwrap();
    let (two, three) = tokio::join!(rotate(ledger, "two", HOUR), rotate(ledger, "three", HOUR));
    assert_ne!(two, three, "one of them has its secret");
    assert_eq!(valid(ledger).await, if two { ["one", "two"] } else { ["one", "three"] });
}

async fn both_secrets_stop_with_their_key(test: TestLedger) {
    let ledger = &test.ledger;
    let expires_at = Some(TestLedger::now() + 30 * MINUTE);
    let key = KeyRecord { expires_at, ..record() };
    ledger.add_key(&key, &tester()).await.unwrap();
    assert!(rotate(ledger, "two", HOUR).await);
    let stored = ledger.key_by_name("k").await.unwrap().unwrap();
    assert_eq!(stored.previous_until, expires_at);
    assert_eq!(valid(ledger).await, ["one", "two"]);
    test.pass(31 * MINUTE).await;
    assert!(valid(ledger).await.is_empty());
    assert!(!rotate(ledger, "three", HOUR).await, "the key has expired");
    ledger.remove_key("k", &tester()).await.unwrap();
    ledger.add_key(&record(), &tester()).await.unwrap();
    assert!(rotate(ledger, "two", HOUR).await);
    assert!(ledger.remove_key("k", &tester()).await.unwrap());
    assert!(valid(ledger).await.is_empty(), "a revocation ends both");
}

async fn a_rotation_and_its_event_are_one(test: TestLedger) {
    let ledger = &test.ledger;
    ledger.add_key(&record(), &tester()).await.unwrap();
    test.run("ALTER TABLE audit_events RENAME TO elsewhere").await;
    let rotated = ledger.rotate_key("k", "two", HOUR, None, &tester()).await;
    assert!(rotated.is_err(), "it cannot be told");
    assert_eq!(valid(ledger).await, ["one"]);
    test.run("ALTER TABLE elsewhere RENAME TO audit_events").await;
    assert!(rotate(ledger, "two", HOUR).await && !rotate(ledger, "three", HOUR).await);
    let rotations = AuditFilter {
        act: "key.rotate".to_owned(),
        limit: 10,
        ..AuditFilter::default()
    };
    let events = ledger.audit(&rotations).await.unwrap();
    assert_eq!(events.len(), 1, "what was not done is not told: {events:?}");
    assert_eq!((&*events[0].object_type, &*events[0].object_id), ("key", "k"));
    assert_eq!(events[0].details["overlap_s"], 3_600);
}

async fn the_secrets_of_a_revoked_key_are_recognised(test: TestLedger) {
    let ledger = &test.ledger;
    ledger.add_key(&record(), &tester()).await.unwrap();
    assert!(rotate(ledger, "two", HOUR).await);
    assert_eq!(ledger.revoked_key("one").await.unwrap(), None);
    assert!(ledger.remove_key("k", &tester()).await.unwrap());
    for sha256 in ["one", "two"] {
        assert_eq!(ledger.revoked_key(sha256).await.unwrap().as_deref(), Some("k"));
    }
    assert_eq!(ledger.revoked_key("three").await.unwrap(), None);
    assert_eq!(valid(ledger).await, [""; 0], "they are not valid");

    // A key with the same secret can be made again, and revoked again.
    ledger.add_key(&record(), &tester()).await.unwrap();
    assert_eq!(valid(ledger).await, ["one"]);
    assert!(ledger.remove_key("k", &tester()).await.unwrap());
    assert_eq!(valid(ledger).await, [""; 0]);

    // A later revocation deletes old hashes.
    test.run("UPDATE revoked_keys SET revoked_at = revoked_at - 31622400000")
        .await;
    ledger.add_key(&record(), &tester()).await.unwrap();
    assert!(ledger.remove_key("k", &tester()).await.unwrap());
    assert_eq!(ledger.revoked_key("one").await.unwrap().as_deref(), Some("k"));
    assert_eq!(ledger.revoked_key("two").await.unwrap(), None);
}

async fn the_secrets_that_rotations_replace_are_recognised(test: TestLedger) {
    let ledger = &test.ledger;
    let recognised = async || {
        let mut recognised = Vec::new();
        for sha256 in ["one", "two", "three", "four", "five"] {
            if ledger.revoked_key(sha256).await.unwrap().as_deref() == Some("k") {
                recognised.push(sha256);
            }
        }
        recognised
    };
    ledger.add_key(&record(), &tester()).await.unwrap();
    assert!(rotate(ledger, "two", HOUR).await);
    // A refused rotation replaces nothing.
    assert!(!rotate(ledger, "three", HOUR).await);
    assert_eq!(recognised().await, [""; 0]);
    assert!(matches!(
        rotated(ledger, "three", HOUR, Some(Ends::Older)).await,
        Rotated::Done(_)
    ));
    assert_eq!(recognised().await, ["one"]);
    assert!(matches!(
        rotated(ledger, "four", HOUR, Some(Ends::Newer)).await,
        Rotated::Done(_)
    ));
    assert_eq!(recognised().await, ["one", "three"]);
    assert_eq!(valid(ledger).await, ["two", "four"]);
    assert!(rotate(ledger, "five", Duration::ZERO).await);
    // The key still has the secret before the last one, which names it.
    assert_eq!(recognised().await, ["one", "two", "three"]);
    assert!(ledger.key_by_hash("four").await.unwrap().is_some());
}
