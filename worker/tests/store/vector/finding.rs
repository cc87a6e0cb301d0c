//! The points of a memory, and the meaning of their payloads.

use lethe_common::job::Field;
use lethe_worker::store::Conditions;
use lethe_worker::store::vector::{MAX_POINTS_FOUND, Point, PointId, VectorCollection};
use lethe_worker::store::{Item, Spelling, Spellings, StoreError};
use serde_json::json;

use super::harness::{Vectors, ids, num, uuid};
use crate::{conditions, item, items, of_user};

async fn find(collection: &VectorCollection, items: &[Item], rows: &[bool]) -> Vec<Vec<Point>> {
    collection
        .find(items, rows)
        .await
        .unwrap()
        .expect("they are not too many")
}

fn lengths(found: &[Vec<Point>]) -> Vec<usize> {
    found.iter().map(Vec::len).collect()
}

const A: &str = "0190a0a0-0000-7000-8000-00000000000a";
const B: &str = "0190a0a0-0000-7000-8000-00000000000b";

#[tokio::test]
async fn a_point_is_found_by_the_id_of_its_memory_with_what_it_says() {
    let vectors = Vectors::start().await;
    vectors
        .add([
            (uuid(A), json!({"user": "alice", "text": "private"})),
            (uuid(B), json!({"user": "bob"})),
        ])
        .await;
    let collection = vectors.open("uuid", json!({"user": "user"})).await;
    let none = "0190a0a0-0000-7000-8000-00000000000c";

    let found = find(&collection, &items(&[B, none, A, "x"], &of_user("alice")), &[false; 4]).await;

    assert_eq!(lengths(&found), [1, 0, 1, 0]);
    assert_eq!((found[0][0].id, found[2][0].id), (uuid(B), uuid(A)));
    let demanded = conditions(&[(Field::User, "alice"), (Field::Workspace, "w")]);
    // For demanded fields, and for fields that are compared with a row.
    for row_found in [false, true] {
        let found = find(&collection, &items(&[A, B], &demanded), &[row_found; 2]).await;
        assert_ne!(found[0][0].whose, found[1][0].whose);
    }
    let found = find(&collection, &items(&[A, B], &Conditions::default()), &[false; 2]).await;
    assert_eq!(found[0][0].whose, found[1][0].whose);
}

#[tokio::test]
async fn a_point_outside_the_scope_is_no_point() {
    let vectors = Vectors::start().await;
    let tenants = [
        json!("a"),
        json!(["a"]),
        json!("b"),
        json!(null),
        json!(["a", "b"]),
        json!(1),
    ];
    let payload = |(n, tenant): (u64, &serde_json::Value)| (num(n), json!({"m": "7", "t": {"id": tenant}}));
    vectors.add((1..).zip(&tenants).map(payload)).await;
    vectors.add([(num(7), json!({"m": "7"}))]).await;
    let scope = json!({"t.id": "a"});
    let by_payload = vectors.open_in("payload", json!({"id": "m"}), &scope).await;
    let by_number = vectors.open_in("number", json!({}), &scope).await;

    let batch = items(&["7"], &Conditions::default());
    let found = find(&by_payload, &batch, &[true]).await;
    assert_eq!(ids(&found[0]), [num(1), num(2)].into());
    let all: Vec<_> = (1..=7).map(|n| item(&n.to_string(), &Conditions::default())).collect();
    let found = find(&by_number, &all, &[true; 7]).await;
    assert_eq!(lengths(&found), [1, 1, 0, 0, 0, 0, 0]);
    assert_eq!(by_payload.crowd(&batch).await.unwrap(), 2);
}

#[tokio::test]
async fn without_a_row_another_spelling_reaches_no_point() {
    let vectors = Vectors::start().await;
    vectors.add([(uuid(A), json!({}))]).await;
    let collection = vectors.open("uuid", json!({})).await;
    let upper = A.to_uppercase();
    let batch = items(&[A, &upper], &Conditions::default());

    let found = find(&collection, &batch, &[false, false]).await;
    assert_eq!((found[0].len(), found[1].len()), (1, 0));
    let found = find(&collection, &batch, &[true, true]).await;
    assert_eq!((found[0].len(), found[1].len()), (1, 1));
    // If ids are UUIDs by type, both spell the same memory.
    let found = find(
        &collection.with_spellings(Spellings::of_ids(Spelling::Uuid)),
        &batch,
        &[false, false],
    )
    .await;
    assert_eq!((found[0].len(), found[1].len()), (1, 1));
}

#[tokio::test]
async fn a_uuid_by_type_is_found_as_its_payload_spells_it() {
    let vectors = Vectors::start().await;
    let digits = A.replace('-', "");
    vectors
        .add([
            (num(1), json!({"m": A})),
            (num(2), json!({"m": digits})),
            (num(3), json!({"m": B})),
            (num(4), json!({"m": A.to_uppercase()})),
            (num(5), json!({"m": digits.to_uppercase()})),
        ])
        .await;
    let open = async || vectors.open("payload", json!({"id": "m"})).await;
    let points = async |collection: VectorCollection| {
        let found = find(&collection, &items(&[&digits], &Conditions::default()), &[true]).await;
        let mut points: Vec<PointId> = found[0].iter().map(|point| point.id).collect();
        points.sort();
        points
    };

    assert_eq!(points(open().await).await, [PointId::Num(2)]);
    let by_value = open().await.with_spellings(Spellings::of_ids(Spelling::Uuid));
    assert_eq!(points(by_value).await, [1, 2, 4, 5].map(PointId::Num));
}

#[tokio::test]
async fn both_names_of_a_uuid_by_type_lead_to_a_point() {
    let vectors = Vectors::start().await;
    let digits = A.replace('-', "");
    let named = |name: &str| uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes()).to_string();
    vectors
        .add([
            (uuid(&named(A)), json!({})),
            (uuid(&named(&digits)), json!({})),
            (uuid(&named(B)), json!({})),
        ])
        .await;
    let collection = vectors.open("uuid5", json!({})).await;
    let collection = collection.with_spellings(Spellings::of_ids(Spelling::Uuid));

    let found = find(&collection, &items(&[&digits], &Conditions::default()), &[true]).await;
    assert_eq!(found[0].len(), 2);
}

#[tokio::test]
async fn bytes_are_found_in_both_cases_of_their_digits() {
    let vectors = Vectors::start().await;
    vectors
        .add([
            (num(1), json!({"m": "ff00"})),
            (num(2), json!({"m": "ff01"})),
            (num(3), json!({"m": "FF00"})),
        ])
        .await;
    let collection = vectors.open("payload", json!({"id": "m"})).await;
    let collection = collection.with_spellings(Spellings::of_ids(Spelling::Bytes));

    let found = find(&collection, &items(&["FF00"], &Conditions::default()), &[true]).await;
    assert_eq!(ids(&found[0]), [num(1), num(3)].into());
}

#[tokio::test]
async fn a_point_is_found_by_its_own_id_and_by_the_one_that_it_names() {
    let vectors = Vectors::start().await;
    vectors
        .add([
            (num(1), json!({"m": {"id": "2"}})),
            (num(2), json!({"m": {"id": 2}})),
            (num(3), json!({})),
        ])
        .await;
    let collection = vectors.open("number", json!({"id": "m.id"})).await;
    let batch = items(&["1", "2", "3", "02"], &Conditions::default());
    let mut seen = Vec::new();
    for row_found in [true, false] {
        for (memory, points) in find(&collection, &batch, &[row_found; 4]).await.iter().enumerate() {
            seen.extend(
                points
                    .iter()
                    .map(|point| (row_found, memory, point.id, point.is_foreign, point.named.is_some())),
            );
        }
    }
    seen.sort_unstable_by_key(|(row_found, memory, point, ..)| (!row_found, *memory, *point));

    assert_eq!(
        seen,
        [
            // A point that names another memory is a candidate by its own id only beside the row.
            (true, 0, num(1), true, false),
            (true, 1, num(1), false, true),
            (true, 1, num(2), false, true),
            (true, 2, num(3), false, false),
            (false, 1, num(1), false, true),
            (false, 1, num(2), false, true),
            (false, 2, num(3), false, false),
        ]
    );
}

#[tokio::test]
async fn a_memory_has_all_points_that_name_it_whatever_the_rule_for_its_own() {
    let vectors = Vectors::start().await;
    let named = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, A.as_bytes()).to_string();
    let chunk = "0190a0a0-0000-7000-8000-0000000000ff";
    vectors
        .add([
            (uuid(A), json!({"m": A})),
            (uuid(&named), json!({"m": A})),
            (uuid(chunk), json!({"m": A})),
            (num(7), json!({"m": A})),
            (uuid(B), json!({"m": B})),
        ])
        .await;
    let batch = items(&[A], &Conditions::default());
    for rule in ["uuid", "uuid5", "number", "payload"] {
        let collection = vectors.open(rule, json!({"id": "m"})).await;
        for row_found in [true, false] {
            let found = find(&collection, &batch, &[row_found]).await;
            assert_eq!(
                ids(&found[0]),
                [uuid(A), uuid(&named), uuid(chunk), num(7)].into(),
                "{rule}"
            );
        }
        let (page, next) = collection.page_of_memory(&batch[0], true, None).await.unwrap();
        assert_eq!(
            (page.len(), next, collection.crowd(&batch).await.unwrap()),
            (4, None, 4),
            "{rule}"
        );
    }
}

#[tokio::test]
async fn a_person_is_found_as_payloads_write_them() {
    let vectors = Vectors::start().await;
    let owners = [json!(A), json!(A.to_uppercase()), json!(A.replace('-', "")), json!(B)];
    vectors
        .add((1..).zip(owners).map(|(n, owner)| (num(n), json!({"user": owner}))))
        .await;
    let found = async |spelling| {
        let collection = vectors.open("number", json!({"user": "user"})).await;
        let spellings = Spellings {
            fields: vec![(Field::User, spelling)],
            ..Spellings::default()
        };
        let collection = collection.with_spellings(spellings);
        let (page, _) = collection.page(&of_user(A), None, 10).await.unwrap();
        assert_eq!(collection.count(&of_user(A)).await.unwrap(), page.len() as u64);
        page.into_iter().map(|(point, _)| point.id).collect::<Vec<_>>()
    };
    assert_eq!(found(Spelling::Uuid).await, [1, 2, 3].map(num));
    assert_eq!(found(Spelling::Exact).await, [num(1)]);
}

#[tokio::test]
async fn a_named_uuid_is_found_by_any_text() {
    let vectors = Vectors::start().await;
    let point = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, "a memory".as_bytes());
    vectors.add([(uuid(&point.to_string()), json!({}))]).await;
    let collection = vectors.open("uuid5", json!({})).await;

    let batch = items(&["a memory", "A memory"], &Conditions::default());
    let found = find(&collection, &batch, &[false; 2]).await;

    assert_eq!((found[0].len(), found[1].len()), (1, 0));
}

#[tokio::test]
async fn a_memory_has_all_points_that_carry_its_id_and_no_others() {
    let vectors = Vectors::start().await;
    vectors
        .add([
            (num(1), json!({"doc": "a b", "user": "alice"})),
            (num(2), json!({"doc": "a b", "user": "bob"})),
            (num(3), json!({"doc": ["a b"]})),
            (num(4), json!({"doc": "A b"})),
            (num(5), json!({"doc": "a b c"})),
            (num(6), json!({"doc": ["a b", "c"]})),
            (num(7), json!({"doc": 7})),
            (num(8), json!({"doc": "7"})),
            (num(9), json!({"doc": "07"})),
            (num(10), json!({})),
        ])
        .await;
    let collection = vectors.open("payload", json!({"id": "doc", "user": "user"})).await;

    let batch = [
        item("a b", &of_user("alice")),
        item("7", &Conditions::default()),
        item("x", &of_user("alice")),
    ];
    let found = find(&collection, &batch, &[false; 3]).await;

    assert_eq!(ids(&found[0]), [num(1), num(2), num(3), num(6)].into());
    for point in &found[0] {
        // The point names two memories.
        assert_eq!(point.is_foreign, point.id == num(6));
    }
    assert_eq!(ids(&found[1]), [num(7), num(8)].into());
    assert!(found[2].is_empty());
}

#[tokio::test]
async fn more_points_than_one_look_returns_are_gone_through_page_by_page() {
    let vectors = Vectors::start().await;
    let most = u64::try_from(MAX_POINTS_FOUND).unwrap();
    let all: Vec<u64> = (0..=most).collect();
    for chunk in all.chunks(5_000) {
        vectors
            .add(chunk.iter().map(|id| (num(*id), json!({"doc": "a", "user": "alice"}))))
            .await;
    }
    let collection = vectors.open("payload", json!({"id": "doc", "user": "user"})).await;
    let batch = items(&["a", "b"], &Conditions::default());
    assert!(collection.find(&batch, &[true; 2]).await.unwrap().is_none());
    assert_eq!(collection.crowd(&batch).await.unwrap(), most + 1);

    let (mut pages, mut offset) = (Vec::new(), None);
    loop {
        let (page, next) = collection.page_of_memory(&batch[0], true, offset).await.unwrap();
        pages.push(page.len());
        collection.delete_seen(&page).await.unwrap();
        offset = next;
        if offset.is_none() {
            break;
        }
    }

    assert_eq!(pages.iter().sum::<usize>(), MAX_POINTS_FOUND + 1);
    assert!(pages.iter().all(|page| *page <= 1_000), "{pages:?}");
    let found = find(&collection, &batch, &[true; 2]).await;
    assert_eq!(lengths(&found), [0, 0]);
}

#[tokio::test]
async fn more_than_one_request_is_answered_in_order() {
    let vectors = Vectors::start().await;
    vectors.add((0..2_500).step_by(2).map(|id| (num(id), json!({})))).await;
    let collection = vectors.open("number", json!({})).await;
    let batch: Vec<_> = (0..2_500)
        .map(|id| item(&id.to_string(), &Conditions::default()))
        .collect();

    let found = find(&collection, &batch, &vec![true; batch.len()]).await;

    for (id, found) in found.iter().enumerate() {
        assert_eq!(found.len(), 1 - id % 2, "{id}");
    }
    let error = collection.find(&batch, &[true]).await.unwrap_err();
    assert!(matches!(error, StoreError::Misuse(..)));
}

#[tokio::test]
async fn a_point_that_two_requests_return_counts_once_for_each_memory() {
    let vectors = Vectors::start().await;
    vectors.add([(num(0), json!({"m": "1000"}))]).await;
    let collection = vectors.open("number", json!({"id": "m"})).await;
    // One more than a request names.
    let batch: Vec<_> = (0..=1_000)
        .map(|id| item(&id.to_string(), &Conditions::default()))
        .collect();

    let found = find(&collection, &batch, &vec![true; batch.len()]).await;

    assert_eq!((found[0].len(), found[1_000].len()), (1, 1));
    assert_eq!(lengths(&found).into_iter().sum::<usize>(), 2);
}
