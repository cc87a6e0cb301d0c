//! Paging over and counting all points of a person.

use std::collections::HashMap;

use lethe_common::job::Field;
use lethe_worker::store::{Conditions, StoreError};
use serde_json::json;

use super::harness::{Vectors, num, uuid};
use crate::{conditions, of_user};

#[tokio::test]
async fn pages_name_every_point_under_the_conditions_once() {
    let vectors = Vectors::start().await;
    let payload = |user: &str, workspace: &str, id: u64| json!({"user": user, "w": workspace, "id": format!("m{id}")});
    vectors
        .add((0..25).map(|id| (num(id), payload("alice", "one", id))))
        .await;
    vectors
        .add((25..30).map(|id| (num(id), payload("alice", "two", id))))
        .await;
    vectors
        .add((30..35).map(|id| (num(id), payload("Alice", "one", id))))
        .await;
    let collection = vectors
        .open("number", json!({"user": "user", "workspace": "w", "id": "id"}))
        .await;
    let demanded = conditions(&[(Field::User, "alice"), (Field::Workspace, "one")]);

    for limit in [1, 7, 25, 1_000_000] {
        let mut seen = HashMap::new();
        let mut offset = None;
        loop {
            let (points, next) = collection.page(&demanded, offset, limit).await.unwrap();
            for (point, memory) in points {
                assert!(seen.insert(point.id, memory).is_none(), "{limit}");
            }
            offset = next;
            if offset.is_none() {
                break;
            }
        }
        let expected = (0..25).map(|id| (num(id), Some(format!("m{id}")))).collect();
        assert_eq!(seen, expected, "{limit}");
    }
    assert_eq!(collection.count(&demanded).await.unwrap(), 25);
    assert_eq!(collection.count(&of_user("alice")).await.unwrap(), 30);
    assert_eq!(collection.count(&of_user("nobody")).await.unwrap(), 0);
}

#[tokio::test]
async fn the_memory_of_a_point_is_told_where_it_can_be() {
    const ID: &str = "0190a0a0-0000-7000-8000-00000000000a";
    let vectors = Vectors::start().await;
    vectors
        .add([
            (uuid(ID), json!({"user": "alice", "id": 7})),
            (num(7), json!({"user": "alice"})),
        ])
        .await;
    for (rule, payload, of_uuid, of_num) in [
        ("uuid", json!({"user": "user"}), Some(ID), None),
        ("number", json!({"user": "user"}), None, Some("7")),
        ("uuid5", json!({"user": "user"}), None, None),
        ("uuid5", json!({"user": "user", "id": "id"}), Some("7"), None),
        ("payload", json!({"user": "user", "id": "id"}), Some("7"), None),
    ] {
        let collection = vectors.open(rule, payload).await;
        let (points, next) = collection.page(&of_user("alice"), None, 9).await.unwrap();
        let points: HashMap<_, _> = points.into_iter().map(|(point, memory)| (point.id, memory)).collect();
        assert_eq!(points[&uuid(ID)].as_deref(), of_uuid, "{rule}");
        assert_eq!(points[&num(7)].as_deref(), of_num, "{rule}");
        assert_eq!(next, None);
    }
}

#[tokio::test]
async fn an_owner_is_matched_whole_and_as_text_or_number() {
    let vectors = Vectors::start().await;
    vectors
        .add([
            (num(1), json!({"user": "alice smith"})),
            (num(2), json!({"user": "dear alice smith"})),
            (num(3), json!({"user": 42})),
            (num(4), json!({"user": "42"})),
            (num(5), json!({"user": "042"})),
        ])
        .await;
    let collection = vectors.open("number", json!({"user": "user"})).await;

    for (user, count) in [
        ("alice smith", 1),
        ("alice", 0),
        ("42", 2),
        ("042", 1),
        ("", 0),
        ("*", 0),
    ] {
        assert_eq!(collection.count(&of_user(user)).await.unwrap(), count, "{user}");
    }
}

#[tokio::test]
async fn nothing_is_ever_about_everything() {
    let vectors = Vectors::start().await;
    let collection = vectors.open("number", json!({"user": "user"})).await;
    let everything = Conditions::default();
    let unmapped = conditions(&[(Field::Run, "r")]);

    assert!(matches!(
        collection.page(&everything, None, 9).await,
        Err(StoreError::Misuse(..))
    ));
    assert!(matches!(
        collection.count(&everything).await,
        Err(StoreError::Misuse(..))
    ));
    assert!(matches!(
        collection.page(&unmapped, None, 9).await,
        Err(StoreError::Unmapped { .. })
    ));
    assert!(matches!(
        collection.count(&unmapped).await,
        Err(StoreError::Unmapped { .. })
    ));
}
