//! Every request has the condition of the mapping's scope, and every answer is checked against it.

use std::collections::BTreeSet;

use lethe_common::filter::Filter;
use lethe_worker::store::vector::{PointId, VectorCollection};
use lethe_worker::store::{Conditions, Query};
use serde_json::{Value, json};

use super::harness::{Vectors, num};
use crate::{item, items, of_user};

/// Returns points of one memory and one person. Points 1 and 2 are inside the scope.
fn points() -> impl Iterator<Item = (PointId, Value)> {
    let tenants = [json!("a"), json!(["a"]), json!("b"), json!(null), json!(["a", "b"])];
    (1..)
        .zip(tenants)
        .map(|(n, tenant)| (num(n), json!({"m": "7", "user": "u", "tenant": tenant})))
}

const INSIDE: [u64; 2] = [1, 2];

fn all() -> Vec<PointId> {
    (1..=5).map(num).collect()
}

fn inside() -> BTreeSet<PointId> {
    INSIDE.map(num).into()
}

fn asking() -> Conditions {
    of_user("u").with_query(Query {
        filter: Filter::All.into(),
        start: None,
    })
}

async fn open(vectors: &Vectors, scope: &Value) -> VectorCollection {
    vectors
        .open_in("payload", json!({"id": "m", "user": "user"}), scope)
        .await
}

async fn left(collection: &VectorCollection) -> BTreeSet<PointId> {
    collection.present(&all()).await.unwrap().into_iter().collect()
}

#[tokio::test]
async fn looks_and_pages_are_about_points_inside() {
    let vectors = Vectors::start().await;
    vectors.add(points()).await;
    let collection = open(&vectors, &json!({"tenant": "a"})).await;
    let memory = item("7", &of_user("u"));
    let found = collection
        .find(std::slice::from_ref(&memory), &[false])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found[0].iter().map(|point| point.id).collect::<BTreeSet<_>>(), inside());
    let (page, _) = collection.page_of_memory(&memory, false, None).await.unwrap();
    assert_eq!(page.iter().map(|point| point.id).collect::<BTreeSet<_>>(), inside());
    let seen = collection.see(&all(), &of_user("u")).await.unwrap();
    assert_eq!(seen.iter().map(|point| point.id).collect::<BTreeSet<_>>(), inside());
    let (page, _) = collection.page(&of_user("u"), None, 10).await.unwrap();
    assert_eq!(
        page.iter().map(|(point, _)| point.id).collect::<BTreeSet<_>>(),
        inside()
    );
    assert_eq!(collection.count(&of_user("u")).await.unwrap(), 2);
    assert_eq!(collection.crowd(&items(&["7"], &of_user("u"))).await.unwrap(), 2);

    let (page, _) = collection.page_matching(&asking(), None, 10).await.unwrap();
    assert_eq!(page.iter().map(|point| point.id).collect::<BTreeSet<_>>(), inside());
    let (page, _) = collection.page_of_all(&asking(), None, 10).await.unwrap();
    assert_eq!(page.iter().map(|point| point.id).collect::<BTreeSet<_>>(), inside());
    let sighted = collection.sight(&all(), &asking()).await.unwrap();
    let met = sighted.values().filter(|point| point.is_met);
    assert_eq!(met.map(|point| point.id).collect::<BTreeSet<_>>(), inside());
    let narrowed = collection.narrow(&asking()).await.unwrap();
    assert_eq!(narrowed.into_iter().collect::<BTreeSet<_>>(), inside());
}

#[tokio::test]
async fn points_outside_cost_a_look_nothing() {
    let vectors = Vectors::start().await;
    // More than a look lists.
    let of_another = |n| (num(n), json!({"m": "7", "user": "u", "tenant": "b"}));
    vectors.add((10..10_100).map(of_another)).await;
    vectors.add(points()).await;
    let collection = open(&vectors, &json!({"tenant": "a"})).await;
    let found = collection.find(&items(&["7"], &of_user("u")), &[true]).await.unwrap();
    assert_eq!(found.map(|found| found[0].len()), Some(2));
    let (page, next) = collection
        .page_of_memory(&item("7", &of_user("u")), true, None)
        .await
        .unwrap();
    assert_eq!((page.len(), next), (2, None));
}

#[tokio::test]
async fn a_deletion_leaves_points_outside() {
    let vectors = Vectors::start().await;
    let outside: BTreeSet<PointId> = (3..=5).map(num).collect();
    let (unscoped, scoped) = (
        open(&vectors, &json!({})).await,
        open(&vectors, &json!({"tenant": "a"})).await,
    );

    // By the payload that was seen, as if all points had been inside then.
    vectors.add(points()).await;
    let seen = unscoped.see(&all(), &of_user("u")).await.unwrap();
    assert_eq!(seen.len(), 5);
    scoped.delete_seen(&seen).await.unwrap();
    assert_eq!(left(&scoped).await, outside);

    vectors.add(points()).await;
    scoped.delete_matching(&all(), &asking()).await.unwrap();
    assert_eq!(left(&scoped).await, outside);
}
