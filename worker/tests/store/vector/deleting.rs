//! Deleting points by id, and orphans under conditions.

use lethe_common::job::Field;
use lethe_worker::store::vector::PointId;
use lethe_worker::store::{Conditions, StoreError};
use serde_json::json;

use super::harness::{Vectors, num};
use crate::{conditions, of_user};

#[tokio::test]
async fn a_deleted_point_is_gone_when_the_call_returns_and_absent_is_success() {
    let vectors = Vectors::start().await;
    vectors
        .add([(num(1), json!({})), (num(2), json!({})), (num(3), json!({}))])
        .await;
    let collection = vectors.open("number", json!({})).await;

    for _ in 0..2 {
        collection.delete(&[num(1), num(3), num(9)]).await.unwrap();
        let left = collection.present(&[num(1), num(2), num(3), num(9)]).await.unwrap();
        assert_eq!(left, [num(2)].into());
    }
    collection.delete(&[]).await.unwrap();
    assert!(collection.present(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_point_goes_with_all_its_vectors() {
    let vectors = Vectors::start().await.with_two_vectors().await;
    let (text, image) = (("text", vec![0.5, 0.5]), ("image", vec![0.1, 0.2, 0.3]));
    let user = json!({"user": "alice"});
    vectors
        .add_named([
            (num(1), user.clone(), vec![text.clone(), image.clone()]),
            (num(2), user.clone(), vec![text.clone()]),
            (num(3), user.clone(), vec![image.clone()]),
            (num(4), user, vec![text, image]),
        ])
        .await;
    let collection = vectors.open("number", json!({"user": "user"})).await;
    let all = [1, 2, 3, 4].map(num);
    assert_eq!(collection.present(&all).await.unwrap(), all.into());

    collection.delete(&all[..2]).await.unwrap();
    collection
        .delete_guarded(&[(num(3), of_user("alice"), None), (num(4), of_user("bob"), None)])
        .await
        .unwrap();

    assert_eq!(collection.present(&all).await.unwrap(), [num(4)].into());
    // By either of its vectors nothing else is found.
    for (name, vector) in [("text", vec![0.5, 0.5]), ("image", vec![0.1, 0.2, 0.3])] {
        assert_eq!(vectors.nearest(name, vector).await, [num(4)], "{name}");
    }
}

#[tokio::test]
async fn an_orphan_goes_only_while_its_payload_carries_what_is_demanded() {
    let vectors = Vectors::start().await;
    let owners = [
        (1, json!("alice smith")),
        (2, json!("alice")),
        (3, json!("dear alice smith")),
        (4, json!("Alice Smith")),
        (5, json!(["alice smith", "bob"])),
        (6, json!(["alice smith"])),
        (7, json!("alice smith")),
        (8, json!(null)),
    ];
    let ids: Vec<PointId> = owners.iter().map(|(id, _)| num(*id)).collect();
    vectors
        .add(
            owners
                .into_iter()
                .map(|(id, user)| (num(id), json!({"m": {"user": user}}))),
        )
        .await;
    let collection = vectors.open("number", json!({"user": "m.user"})).await;
    vectors.change(num(7), json!({"m": {"user": "bob"}})).await;

    let orphans: Vec<_> = ids.iter().map(|id| (*id, of_user("alice smith"), None)).collect();
    collection.delete_guarded(&orphans).await.unwrap();

    let left = collection.present(&ids).await.unwrap();
    assert_eq!(left, [2, 3, 4, 5, 7, 8].map(num).into());
}

#[tokio::test]
async fn each_orphan_is_under_its_own_conditions() {
    let vectors = Vectors::start().await;
    let payload = |user: &str, id: &str| json!({"user": user, "id": id});
    vectors
        .add([
            (num(1), payload("alice", "1")),
            (num(2), payload("alice", "2")),
            (num(3), payload("bob", "3")),
            (num(4), payload("bob", "4")),
            (num(5), payload("bob", "another")),
            (num(6), payload("carol", "6")),
        ])
        .await;
    let collection = vectors.open("number", json!({"user": "user", "id": "id"})).await;
    let orphan = |id: u64, conditions: &Conditions| (num(id), conditions.clone(), Some(id.to_string()));

    collection
        .delete_guarded(&[
            orphan(1, &of_user("alice")),
            orphan(2, &of_user("bob")),
            orphan(3, &of_user("bob")),
            orphan(4, &of_user("alice")),
            orphan(5, &of_user("bob")),
            orphan(6, &Conditions::default()),
        ])
        .await
        .unwrap();

    let left = collection.present(&(1..=6).map(num).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(left, [2, 4, 5].map(num).into());
}

#[tokio::test]
async fn a_demand_without_a_payload_field_deletes_nothing() {
    let vectors = Vectors::start().await;
    vectors
        .add([(num(1), json!({"user": "alice"})), (num(2), json!({"user": "alice"}))])
        .await;
    let collection = vectors.open("number", json!({"user": "user"})).await;
    let demanded = conditions(&[(Field::User, "alice"), (Field::Workspace, "w")]);

    let error = collection
        .delete_guarded(&[(num(1), of_user("alice"), None), (num(2), demanded, None)])
        .await
        .unwrap_err();

    assert!(matches!(
        error,
        StoreError::Unmapped {
            field: Field::Workspace
        }
    ));
    assert_eq!(collection.present(&[num(1), num(2)]).await.unwrap().len(), 2);
}

#[tokio::test]
async fn more_points_than_one_request_takes_are_deleted() {
    let vectors = Vectors::start().await;
    let all: Vec<PointId> = (0..2_500).map(num).collect();
    vectors.add(all.iter().map(|id| (*id, json!({"user": "alice"})))).await;
    let collection = vectors.open("number", json!({"user": "user"})).await;

    let (by_id, guarded) = all.split_at(1_200);
    collection.delete(by_id).await.unwrap();
    assert_eq!(collection.present(&all).await.unwrap().len(), 1_300);
    let orphans: Vec<_> = guarded.iter().map(|id| (*id, of_user("alice"), None)).collect();
    collection.delete_guarded(&orphans).await.unwrap();

    assert!(collection.present(&all).await.unwrap().is_empty());
}
