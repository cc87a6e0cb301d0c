//! A worker that has not read the present siblings gets no partition, and begins no batch.

use std::collections::BTreeMap;

use futures::future::join_all;
use lethe_common::config::{PlaceKind, Sibling};
use lethe_common::ledger::{
    AloneFirst, Claim, Lapsed, Lease, LeaseCheck, Ledger, RetireOutcome, SmallFirst, WorkerReport,
};
use serde_json::json;

use crate::support::{new_job, route};
use crate::{TestLedger, accept, end, erased, ids, record};

crate::on_both! {
    a_claim_names_the_revision_that_its_worker_has_read,
    no_batch_begins_after_a_change_and_what_has_begun_goes_on,
    workers_that_publish_the_same_at_once_change_the_revision_once,
    what_is_published_stays_until_it_is_retired,
    a_newer_version_of_a_mapping_takes_the_place_of_one_that_nobody_has,
}

fn sibling(target: &str) -> Sibling {
    Sibling {
        place: "p".to_owned(),
        kind: PlaceKind::Collection,
        target: target.to_owned(),
        table: "memories".to_owned(),
        scope: BTreeMap::from([("tenant".to_owned(), target.to_owned())]),
    }
}

async fn publish(ledger: &Ledger, own: &[&str]) -> i64 {
    let own: Vec<Sibling> = own.iter().map(|name| sibling(name)).collect();
    let read = ledger.publish_siblings(&own, None).await.unwrap();
    read.expect("nothing was known").revision
}

async fn claim_at(ledger: &Ledger, siblings: i64) -> Vec<Lease> {
    let routes = [route()];
    let order = Claim {
        worker: "w",
        routes: &routes,
        small: 10,
        alone: 10,
        lapsed: Lapsed::Counts,
        siblings,
        small_first: SmallFirst::OfFew,
        alone_first: AloneFirst::Lightest,
    };
    ledger.claim(&order).await.unwrap().leases
}

async fn a_claim_names_the_revision_that_its_worker_has_read(TestLedger { ledger, _dir, .. }: TestLedger) {
    accept(&ledger, new_job(vec![ids(1)])).await;
    let first = publish(&ledger, &["a"]).await;
    assert_eq!(publish(&ledger, &["a"]).await, first, "nothing is new");
    let second = publish(&ledger, &["a", "b"]).await;
    assert_eq!(ledger.ahead(&[route()]).await.unwrap().siblings, second);
    assert_eq!(claim_at(&ledger, first).await.len(), 0, "b is not known to it");
    assert_eq!(claim_at(&ledger, second).await.len(), 1);
    // Nothing is read as long as nothing changes.
    assert_eq!(
        ledger.publish_siblings(&[sibling("a")], Some(second)).await.unwrap(),
        None
    );
    let read = ledger
        .publish_siblings(&[sibling("a")], Some(first))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read.published, [sibling("a"), sibling("b")]);
}

async fn no_batch_begins_after_a_change_and_what_has_begun_goes_on(TestLedger { ledger, _dir, .. }: TestLedger) {
    accept(&ledger, new_job(vec![ids(2)])).await;
    accept(&ledger, new_job(vec![ids(2)])).await;
    let leases = claim_at(&ledger, 0).await;
    let intents = |ledger: &Ledger, lease: &Lease| {
        let (ledger, lease) = (ledger.clone(), lease.clone());
        async move { ledger.intend(&[(&lease, "i".to_owned())]).await.unwrap()[0] }
    };
    assert!(matches!(intents(&ledger, &leases[0]).await, LeaseCheck::Proceed(_)));
    publish(&ledger, &["a"]).await;
    assert!(
        matches!(intents(&ledger, &leases[1]).await, LeaseCheck::Pause(_)),
        "it has to look again"
    );
    assert!(
        matches!(intents(&ledger, &leases[0]).await, LeaseCheck::Proceed(_)),
        "its batch has begun"
    );
    record(
        &ledger,
        end(&leases[0], erased(2), lethe_common::ledger::RecordEnd::Done),
    )
    .await;
}

async fn workers_that_publish_the_same_at_once_change_the_revision_once(TestLedger { ledger, _dir, .. }: TestLedger) {
    for (round, target) in (1..).zip(["a", "b", "c"]) {
        let own = [sibling(target)];
        let published = join_all((0..4).map(|_| ledger.publish_siblings(&own, None))).await;
        assert!(published.iter().all(Result::is_ok), "{published:?}");
        assert_eq!(ledger.siblings().await.unwrap().revision, round);
    }
}

async fn what_is_published_stays_until_it_is_retired(TestLedger { ledger, _dir, .. }: TestLedger) {
    publish(&ledger, &["a", "b"]).await;
    report(&ledger, &sibling("b")).await;
    for (name, becomes) in [
        ("a", RetireOutcome::Retired),
        ("a", RetireOutcome::Unknown),
        ("b", RetireOutcome::Served),
    ] {
        assert_eq!(
            ledger.retire_sibling(name, "memories", &crate::tester()).await.unwrap(),
            becomes,
            "{name}"
        );
    }
    let left = ledger.siblings().await.unwrap();
    assert_eq!((left.published, left.revision), (vec![sibling("b")], 2));
    ledger.forget_worker("w").await.unwrap();
    // Its worker is gone, and the sibling is still published.
    assert_eq!(ledger.siblings().await.unwrap().published.len(), 1);
    let retired = ledger.retire_sibling("b", "memories", &crate::tester()).await.unwrap();
    assert_eq!(retired, RetireOutcome::Retired);
    // A worker that has it publishes it again, which makes another revision.
    accept(&ledger, new_job(vec![ids(1)])).await;
    assert_eq!(publish(&ledger, &["b"]).await, 4);
}

/// Reports a worker that has a mapping.
async fn report(ledger: &Ledger, has: &Sibling) {
    let report = WorkerReport {
        name: "w".to_owned(),
        version: "1",
        slots: 1,
        routes: Vec::new(),
        siblings: vec![has.key()],
        targets: json!({}),
        claimed: false,
    };
    ledger.report_worker(&report).await.unwrap();
}

async fn a_newer_version_of_a_mapping_takes_the_place_of_one_that_nobody_has(
    TestLedger { ledger, _dir, .. }: TestLedger,
) {
    let older = Sibling {
        scope: BTreeMap::new(),
        ..sibling("a")
    };
    let (newer, other) = (sibling("a"), sibling("b"));
    let publish = async |own: &Sibling| {
        let read = ledger.publish_siblings(std::slice::from_ref(own), None).await.unwrap();
        read.unwrap().published
    };
    publish(&older).await;
    publish(&other).await;
    report(&ledger, &older).await;
    assert_eq!(publish(&newer).await.len(), 3, "a worker has the older one still");
    ledger.forget_worker("w").await.unwrap();
    assert_eq!(
        publish(&newer).await,
        [newer.clone(), other.clone()],
        "b is not a version of a"
    );
    // The older version is back. A version that no worker has goes.
    report(&ledger, &newer).await;
    assert_eq!(publish(&older).await.len(), 3);
}
