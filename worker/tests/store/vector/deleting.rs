//! Deleting points by id, and by the payload that was seen.

use lethe_worker::store::vector::PointId;
use serde_json::{Value, json};

use super::harness::{Vectors, num};
use crate::of_user;

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
    let seen = collection.see(&all[2..3], &of_user("alice")).await.unwrap();
    collection.delete_seen(&seen).await.unwrap();

    assert_eq!(collection.present(&all).await.unwrap(), [num(4)].into());
    // A search by either of its vectors finds no other point.
    for (name, vector) in [("text", vec![0.5, 0.5]), ("image", vec![0.1, 0.2, 0.3])] {
        assert_eq!(vectors.nearest(name, vector).await, [num(4)], "{name}");
    }
}

#[tokio::test]
async fn a_point_goes_only_while_its_payload_says_what_it_said() {
    let values = [
        json!("alice smith"),
        json!(["alice smith"]),
        json!(7),
        json!("7"),
        json!(null),
        json!([]),
        json!([null]),
        json!(""),
    ];
    let nothing = [json!(null), json!([]), json!([null])];
    let one_only = |value: &Value| match value {
        Value::Array(list) if list.len() == 1 => list[0].clone(),
        value => value.clone(),
    };
    for (n, before) in values.iter().enumerate() {
        let vectors = Vectors::start().await;
        let payload = |user: &Value| json!({"m": {"user": user}});
        let ids: Vec<PointId> = (0..8).map(num).collect();
        vectors.add(ids.iter().map(|id| (*id, payload(before)))).await;
        let collection = vectors.open("number", json!({"user": "m.user"})).await;
        let seen = collection.see(&ids, &of_user("alice smith")).await.unwrap();
        assert_eq!(seen.len(), 8);
        vectors
            .add(ids.iter().zip(&values).map(|(id, now)| (*id, payload(now))))
            .await;

        collection.delete_seen(&seen).await.unwrap();

        // A search matches a text and a whole number of the same digits together.
        let same = |now: &Value| {
            let digits = |value: &Value| one_only(value).as_i64().map(|n| json!(n.to_string()));
            let (one, other) = (one_only(before), one_only(now));
            let nothing = nothing.contains(before) && nothing.contains(now);
            nothing || one == other || digits(before).unwrap_or(one) == digits(now).unwrap_or(other)
        };
        let stay: std::collections::HashSet<PointId> = ids
            .iter()
            .zip(&values)
            .filter(|(_, now)| !same(now))
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(collection.present(&ids).await.unwrap(), stay, "{n} {before}");
    }
}

#[tokio::test]
async fn points_of_many_owners_each_go_under_their_own() {
    let vectors = Vectors::start().await;
    let payload = |user: &str, id: u64, tenant: &str| json!({"user": user, "id": id.to_string(), "t": tenant});
    let all: Vec<PointId> = (0..600).map(num).collect();
    let owner = |n: u64| format!("user {}", n % 200);
    vectors
        .add((0..600).map(|n| (num(n), payload(&owner(n), n, "a"))))
        .await;
    let collection = vectors
        .open_in("number", json!({"user": "user", "id": "id"}), &json!({"t": "a"}))
        .await;
    let seen = collection.see(&all, &of_user("anybody")).await.unwrap();
    // Another owner, another memory, another tenant, and two owners.
    vectors.change(num(5), payload("user 6", 5, "a")).await;
    vectors.change(num(206), payload("user 6", 999, "a")).await;
    vectors.change(num(307), payload("user 107", 307, "b")).await;
    vectors
        .change(num(408), json!({"user": ["user 8", "user 9"], "id": "408", "t": "a"}))
        .await;

    collection.delete_seen(&seen).await.unwrap();

    let left = collection.present(&all).await.unwrap();
    assert_eq!(left, [5, 206, 307, 408].map(num).into());
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
    let seen = collection.see(guarded, &of_user("alice")).await.unwrap();
    collection.delete_seen(&seen).await.unwrap();

    assert!(collection.present(&all).await.unwrap().is_empty());
}
