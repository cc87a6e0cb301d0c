//! The points that a job by query selects, and that no other point goes.

use lethe_common::filter::{Bounds, Filter, Has, NESTING, Path, Scalar};
use lethe_common::job::Field;
use lethe_worker::store::vector::{PointId, VectorCollection};
use lethe_worker::store::{Conditions, Query, Start, StoreError, TimeBound};
use qdrant_client::qdrant::FieldType;
use serde_json::json;

use super::harness::{Vectors, num, uuid};
use crate::{conditions, of_user};

const ID: &str = "0190a0a0-0000-7000-8000-00000000000a";

fn is(name: &str, value: impl Into<Scalar>) -> Filter {
    Filter::OneOf {
        path: Path::column(name),
        values: vec![value.into()],
    }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

fn asking(conditions: Conditions, filter: Filter) -> Conditions {
    conditions.with_query(Query {
        filter: filter.into(),
        start: None,
    })
}

fn query(filter: Filter) -> Conditions {
    asking(Conditions::default(), filter)
}

async fn found(collection: &VectorCollection, conditions: &Conditions) -> Vec<PointId> {
    let (points, next) = collection.page_matching(conditions, None, 1_000).await.unwrap();
    assert_eq!(next, None);
    points.iter().map(|point| point.id).collect()
}

async fn refused(collection: &VectorCollection, conditions: &Conditions) -> StoreError {
    let deleted = collection.delete_matching(&[num(1)], conditions).await.unwrap_err();
    let paged = collection.page_matching(conditions, None, 9).await.err().unwrap();
    assert_eq!(deleted.code(), paged.code());
    paged
}

#[tokio::test]
async fn pages_name_every_point_that_matches_once() {
    let vectors = Vectors::start().await;
    let payload = |n: u64| json!({"n": n % 3, "user": "alice", "id": format!("m{n}")});
    vectors.add((0..100).map(|n| (num(n), payload(n)))).await;
    let collection = vectors.open("number", json!({"user": "user", "id": "id"})).await;
    let asked = asking(of_user("alice"), is("n", Scalar::Integer(1)));

    for limit in [1, 7, 33, 1_000_000] {
        let (mut seen, mut offset) = (Vec::new(), None);
        loop {
            let (points, next) = collection.page_matching(&asked, offset, limit).await.unwrap();
            seen.extend(points.into_iter().map(|point| (point.id, point.memory)));
            offset = next;
            if offset.is_none() {
                break;
            }
        }
        let expected: Vec<_> = (0..33)
            .map(|n| (num(3 * n + 1), Some(format!("m{}", 3 * n + 1))))
            .collect();
        assert!(seen == expected, "{limit}");
    }
}

#[tokio::test]
async fn a_point_goes_only_while_it_matches_and_is_its_owners_alone() {
    let vectors = Vectors::start().await;
    let users = [
        json!("alice"),
        json!("alice"),
        json!(["alice", "bob"]),
        json!("bob"),
        json!("alice"),
    ];
    vectors
        .add(
            (0..)
                .map(num)
                .zip(users.into_iter().map(|user| json!({"user": user, "n": 1}))),
        )
        .await;
    let collection = vectors.open("number", json!({"user": "user"})).await;
    let asked = asking(of_user("alice"), is("n", Scalar::Integer(1)));
    vectors.change(num(1), json!({"n": 2})).await;
    let all: Vec<PointId> = (0..9).map(num).collect();

    let sighted = collection.sight(&all, &asked).await.unwrap();
    let met = |n: u64| sighted.get(&num(n)).map(|point| point.is_met);
    assert_eq!(
        (0..6).map(met).collect::<Vec<_>>(),
        [Some(true), Some(false), Some(false), Some(false), Some(true), None]
    );
    // As if all had matched before they changed. Two are not asked for.
    collection.delete_matching(&all[..4], &asked).await.unwrap();
    assert_eq!(collection.present(&all).await.unwrap(), [1, 2, 3, 4].map(num).into());
}

#[tokio::test]
async fn whose_a_point_is_is_in_the_deleting_request_whatever_the_indexes() {
    let vectors = Vectors::start().await;
    vectors
        .add((0..).map(num).zip(["alice", "bob"].map(|user| json!({"user": user}))))
        .await;
    let collection = vectors.open("number", json!({"user": "user"})).await;
    // An index that cannot compare whole values.
    vectors.index("user", FieldType::Text).await;
    let of_alice = asking(of_user("alice"), Filter::All);
    let both = [0, 1].map(num);

    // As if both had been hers at the look.
    collection.delete_matching(&both, &of_alice).await.unwrap();
    let left = collection.present(&both).await.unwrap();
    assert!(left.contains(&num(1)));
}

#[tokio::test]
async fn an_engine_that_answers_by_an_index_erases_neither_too_much_nor_too_little() {
    let vectors = Vectors::start().await;
    let users = [ID.to_owned(), ID.to_uppercase()];
    vectors
        .add(
            (0..)
                .map(num)
                .zip(users.iter().map(|user| json!({"user": user, "n": 0.5}))),
        )
        .await;
    let collection = vectors.open("number", json!({"user": "user"})).await;
    let own = query(is("user", ID));
    let others = query(not(is("user", ID)));
    let halves = query(is("n", Scalar::Float(0.5)));
    // Made after the collection was opened: for these indexes both spellings are one, and no half is a number.
    vectors.index("user", FieldType::Uuid).await;
    vectors.index("n", FieldType::Integer).await;

    assert_eq!(found(&collection, &own).await, [num(0)]);
    assert_eq!(found(&collection, &others).await, [num(1)]);
    assert_eq!(found(&collection, &halves).await, [num(0), num(1)]);
    assert_eq!(found(&collection, &asking(of_user(ID), Filter::All)).await, [num(0)]);
}

#[tokio::test]
async fn ids_are_those_of_memories_by_every_rule() {
    let vectors = Vectors::start().await;
    let of_seven = uuid(&uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, b"7").to_string());
    vectors
        .add([
            (uuid(ID), json!({"id": 7})),
            (num(7), json!({"id": ["7", "8"]})),
            (of_seven, json!({"id": "7"})),
        ])
        .await;
    for (rule, payload, id, expected, in_doubt) in [
        ("uuid", json!({}), ID, vec![uuid(ID)], 0),
        ("uuid", json!({}), &ID.to_uppercase(), vec![], 0),
        ("number", json!({}), "7", vec![num(7)], 0),
        ("number", json!({}), "07", vec![], 0),
        ("uuid5", json!({}), "7", vec![of_seven], 0),
        ("payload", json!({"id": "id"}), "7", vec![uuid(ID), of_seven], 0),
        // If a point's id follows from its memory's, its payload has to agree. Otherwise neither the id nor its
        // negation selects the point.
        ("uuid", json!({"id": "id"}), "7", vec![], 2),
        ("uuid5", json!({"id": "id"}), "7", vec![of_seven], 1),
    ] {
        let collection = vectors.open(rule, payload).await;
        let ids = Filter::Ids(vec![id.to_owned(), "x".to_owned(), String::new(), "\0".to_owned()]);
        let mut points = found(&collection, &query(ids.clone())).await;
        let mut others = found(&collection, &query(not(ids))).await;
        points.sort();
        let mut expected = expected;
        expected.sort();
        assert_eq!(points, expected, "{rule} {id}");
        others.extend(points);
        assert_eq!(others.len(), 3 - in_doubt, "{rule} {id}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_exactly_is_refused() {
    let vectors = Vectors::start().await;
    vectors.add([(num(1), json!({"a": "x"}))]).await;
    let collection = vectors.open("number", json!({"user": "user"})).await;
    let bounds = Bounds {
        lt: Some(Scalar::from("z")),
        ..Bounds::default()
    };
    let path = Path::column("a");
    let written = Conditions::default().with_query(Query {
        filter: Filter::All.into(),
        start: Some(Start {
            written: TimeBound::Unknown,
            changed: None,
        }),
    });
    for asked in [
        query(Filter::Text {
            path: path.clone(),
            has: Has::Prefix,
            text: "x".to_owned(),
        }),
        query(Filter::Range { path, bounds }),
        query(is("a", Scalar::Integer(1 << 53))),
        query(not(Filter::Nothing)),
        written,
        Conditions::default(),
    ] {
        let error = refused(&collection, &asked).await;
        assert!(matches!(error, StoreError::Misuse(..)), "{error}");
    }
    let unmapped = asking(conditions(&[(Field::Workspace, "w")]), Filter::All);
    assert!(matches!(
        refused(&collection, &unmapped).await,
        StoreError::Unmapped { .. }
    ));
    assert_eq!(collection.present(&[num(1)]).await.unwrap(), [num(1)].into());
}

#[tokio::test]
async fn a_large_filter_is_one_request() {
    let vectors = Vectors::start().await;
    vectors
        .add([
            (num(1), json!({"a": "u65000", "n": 1})),
            (num(2), json!({"a": "x", "n": 1_022})),
        ])
        .await;
    let collection = vectors.open("number", json!({})).await;
    let many = Filter::OneOf {
        path: Path::column("a"),
        values: (0..65_536).map(|n| Scalar::Text(format!("u{n}"))).collect(),
    };
    assert_eq!(found(&collection, &query(many)).await, [num(1)]);
    let wide = Filter::Or {
        any: (0..1_023).map(|n| is("n", Scalar::Integer(n))).collect(),
        at_least: 1,
    };
    assert_eq!(found(&collection, &query(wide)).await, [num(1), num(2)]);
    let two_of = |inner: Filter| Filter::Or {
        any: vec![inner, is("n", Scalar::Integer(1)), is("a", "y")],
        at_least: 2,
    };
    // As deep as filters nest, and each level becomes the deepest possible form.
    let deep = (1..NESTING).fold(is("a", "u65000"), |inner, _| two_of(inner));
    deep.check().unwrap();
    assert_eq!(found(&collection, &query(deep)).await, [num(1)]);
}
