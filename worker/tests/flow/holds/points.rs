//! The points that a hold keeps, with and without a row.

use lethe_common::filter::{Filter, Path, Scalar};
use lethe_common::hold::HoldOn;
use lethe_common::ledger::{HoldRecord, NewJob, NewPartition};
use lethe_common::state::State;
use serde_json::{Value, json};
use uuid::Uuid;

use super::placed::{NAME, counts, erased_after_release, held, hold, ids, persons, place, release, rest, workspaces};
use crate::world::World;

/// More points than a look returns.
const CROWD: u128 = 10_001;

fn point(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// Returns a collection whose points name their memory and their owner.
fn collection() -> Value {
    json!({"name": "memories", "point": "payload", "payload": {"id": "of", "user": "user"}})
}

#[tokio::test]
async fn a_held_row_keeps_its_points_and_the_others_go() {
    let world = World::start(collection()).await;
    let of = |n, id: &str, user: &str| (point(n), json!({"of": id, "user": user}));
    world
        .add_points([
            of(1, "a1", "ana"),
            of(2, "a1", "ana"),
            of(3, "a2", "ana"),
            of(4, "b1", "bob"),
        ])
        .await;
    place(&world, hold(persons(&["ana"]))).await;

    // The job names no owner, so only the hold asks for the rows' owners.
    let job = held(&world, world.of_ids(&["a1", "a2", "b1"])).await;
    for store in ["sql", "vector"] {
        assert_eq!(counts(&job, store), [("erased", 1), ("held", 2)], "{store}");
    }
    let person = held(&world, world.of_person("ana")).await;
    for store in ["sql", "vector"] {
        assert_eq!(counts(&person, store), [("held", 3)], "{store}");
    }
    assert_eq!((world.rows().await.len(), world.points().await), (3, 3));

    let mut queued = release(&world, NAME).await;
    queued.sort();
    let mut both = vec![job.id, person.id];
    both.sort();
    assert_eq!(queued, both);
    world.run_due_jobs().await;
    for id in both {
        let job = world.seen(id).await;
        assert_eq!(job.state, State::Succeeded, "{job:?}");
    }
    assert_eq!((world.rows().await.len(), world.points().await), (0, 0));
}

#[tokio::test]
async fn points_that_cannot_be_told_from_held_ones_stay() {
    // Nothing leads from such a point back to its row.
    let world = World::start(json!({"name": "memories", "point": "uuid5", "payload": {"user": "user"}})).await;
    let of = |id: &str, user: &str| (Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes()), json!({"user": user}));
    world
        .add_points([of("a1", "ana"), of("a2", "ana"), of("a3", "ana"), of("b1", "bob")])
        .await;
    place(&world, hold(persons(&["ana"]))).await;

    let job = rest(&world, world.of_person("ana")).await;

    assert_ne!(job.state, State::Succeeded, "{job:?}");
    assert_eq!((world.rows().await.len(), world.points().await), (4, 4));
    // With their rows they are told apart.
    place(&world, hold(ids(&["a1", "a2"]))).await;
    let job = held(&world, world.of_ids(&["a1", "a2", "a3"])).await;
    assert_eq!(counts(&job, "vector"), [("erased", 1), ("held", 2)]);
    assert_eq!(world.points().await, 3);
}

#[tokio::test]
async fn a_point_without_a_row_stays_unless_it_surely_is_another_persons() {
    let world = World::start(collection()).await;
    world
        .add_points([
            (point(1), json!({"of": "o1", "user": "ana"})),
            (point(2), json!({"of": "o2", "user": "ben"})),
            (point(3), json!({"of": "o3"})),
            (point(4), json!({"of": "o4", "user": ["ben", "ana"]})),
            (point(5), json!({"of": "o5", "user": {"name": "ben"}})),
            (point(6), json!({"of": "o6", "user": null})),
        ])
        .await;
    place(&world, hold(persons(&["ana"]))).await;

    let job = held(&world, world.of_ids(&["o1", "o2", "o3", "o4", "o5", "o6"])).await;

    assert_eq!(counts(&job, "vector"), [("erased", 1), ("held", 5)]);
    assert_eq!(counts(&job, "sql"), [("absent", 6)]);
    assert_eq!(world.points().await, 5);
    let job = erased_after_release(&world, job.id).await;
    assert_eq!(counts(&job, "vector"), [("erased", 6)]);
    assert_eq!(counts(&job, "sql"), [("absent", 6)]);
    assert_eq!(world.points().await, 0);
}

#[tokio::test]
async fn a_persons_points_without_a_row_are_held_and_go_after_the_release() {
    let world = World::start(collection()).await;
    let of = |n, id: &str, user: &str| (point(n), json!({"of": id, "user": user}));
    world
        .add_points([
            of(1, "a1", "ana"),
            of(2, "o1", "ana"),
            of(3, "o2", "ana"),
            of(4, "o3", "bob"),
        ])
        .await;
    place(&world, hold(ids(&["a1", "o1"]))).await;

    let job = held(&world, world.of_person("ana")).await;

    assert_eq!(counts(&job, "vector"), [("absent", 2), ("erased", 1), ("held", 2)]);
    assert_eq!(counts(&job, "sql"), [("absent", 2), ("erased", 2), ("held", 1)]);
    assert_eq!(
        (world.rows().await, world.points().await),
        (vec!["a1".to_owned(), "b1".to_owned()], 3)
    );
    let job = erased_after_release(&world, job.id).await;
    assert_eq!(counts(&job, "vector"), [("absent", 2), ("erased", 3)]);
    assert_eq!(counts(&job, "sql"), [("absent", 2), ("erased", 3)]);
    assert_eq!(world.points().await, 1, "bob's");
}

#[tokio::test]
async fn ids_hold_points_in_every_spelling() {
    let id = Uuid::from_u128(0x0190_a0a0_0000_7000_8000_0000_0000_000a);
    let (hyphens, digits) = (id.to_string(), id.simple().to_string());
    for (written, of_hold, of_job) in [
        (hyphens.to_uppercase(), digits.clone(), hyphens.clone()),
        (digits.clone(), hyphens.to_uppercase(), digits.to_uppercase()),
    ] {
        let world = World::over(
            "CREATE TABLE memories (id CHAR(32) PRIMARY KEY)",
            json!({"name": "memories", "columns": {"id": "id", "uuids": "hex"}, "collection": collection()}),
        )
        .await;
        world.add_points([(point(1), json!({"of": written}))]).await;
        place(&world, hold(ids(&[&of_hold]))).await;

        let job = held(&world, world.of_ids(&[&of_job])).await;

        assert_eq!(world.points().await, 1, "{written}");
        erased_after_release(&world, job.id).await;
        assert_eq!(world.points().await, 0, "{written}");
    }
}

#[tokio::test]
async fn a_table_without_owners_is_kept_by_the_owners_of_its_points() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY); INSERT INTO memories VALUES ('1'), ('2'), ('3'), ('4')",
        json!({"name": "memories", "columns": {"id": "id"}, "collection": collection()}),
    )
    .await;
    world
        .add_points([
            (point(1), json!({"of": "1", "user": "ana"})),
            (point(2), json!({"of": "2", "user": "ben"})),
            (point(3), json!({"of": "3"})),
        ])
        .await;
    place(&world, hold(persons(&["ana"]))).await;

    let job = held(&world, world.of_ids(&["1", "2", "3", "4"])).await;

    // The fourth row has no point. Nothing says whose it is, and the answer to the hold says so.
    assert_eq!(world.rows().await, ["1", "3"]);
    assert_eq!(counts(&job, "sql"), [("erased", 2), ("held", 2)]);
    assert_eq!(world.points().await, 2);
    erased_after_release(&world, job.id).await;
    assert_eq!((world.rows().await.len(), world.points().await), (0, 0));
}

#[tokio::test]
async fn a_row_without_an_owner_is_kept_by_the_owner_of_its_point() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT);
         INSERT INTO memories VALUES ('1', NULL), ('2', NULL), ('3', NULL), ('4', 'ben')",
        json!({"name": "memories", "columns": {"id": "id", "user": "user_id"}, "collection": collection()}),
    )
    .await;
    world
        .add_points([
            (point(1), json!({"of": "1", "user": "ana"})),
            (point(2), json!({"of": "2", "user": "ben"})),
            (point(3), json!({"of": "3"})),
            (point(4), json!({"of": "4"})),
        ])
        .await;
    place(&world, hold(persons(&["ana"]))).await;

    let job = held(&world, world.of_ids(&["1", "2", "3", "4"])).await;

    assert_eq!((world.rows().await, world.points().await), (vec!["1".to_owned()], 1));
    for store in ["sql", "vector"] {
        assert_eq!(counts(&job, store), [("erased", 3), ("held", 1)], "{store}");
    }
    erased_after_release(&world, job.id).await;
    assert_eq!((world.rows().await.len(), world.points().await), (0, 0));
}

#[tokio::test]
async fn a_hold_on_points_alone_keeps_them_from_jobs_about_the_rows_beside_them() {
    let world = World::over_all(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT)",
        json!([
            {"name": "memories", "columns": {"id": "id", "user": "user_id"}, "collection": collection()},
            {"name": "loose", "collection": collection()},
        ]),
    )
    .await;
    world
        .add_points([
            (point(1), json!({"of": "o1", "user": "ana"})),
            (point(2), json!({"of": "o2", "user": "ben"})),
        ])
        .await;
    let on_loose = HoldRecord {
        target: Some("main".to_owned()),
        table: Some("loose".to_owned()),
        ..hold(persons(&["ana"]))
    };
    place(&world, on_loose).await;

    let job = held(&world, world.of_ids(&["o1", "o2"])).await;

    assert_eq!(counts(&job, "vector"), [("erased", 1), ("held", 1)]);
    assert_eq!(world.points().await, 1);
    erased_after_release(&world, job.id).await;
    assert_eq!(world.points().await, 0);
}

#[tokio::test]
async fn a_table_of_points_alone_is_held_by_its_payload() {
    let payload = json!({"id": "of", "user": "user", "workspace": "team"});
    let world = World::of_points(
        json!({"name": "memories", "collection": {"name": "memories", "point": "payload", "payload": payload}}),
    )
    .await;
    let of = |n: u128, user: &str, team: Value| (point(n), json!({"of": format!("m{n}"), "user": user, "team": team}));
    world
        .add_points([
            of(1, "ana", json!("acme")),
            of(2, "ana", json!("other")),
            of(3, "ana", json!(null)),
            of(4, "ben", json!("acme")),
        ])
        .await;
    place(&world, hold(workspaces(&["acme"]))).await;
    let job = held(&world, world.of_person("ana")).await;
    // A point without a workspace may be in any.
    assert_eq!(counts(&job, "vector"), [("erased", 1), ("held", 2)]);
    assert_eq!(world.points().await, 3);

    let is = |field: &str, value: &str| Filter::OneOf {
        path: Path::column(field),
        values: vec![Scalar::from(value)],
    };
    place(&world, hold(HoldOn::Query(is("team", "acme")))).await;
    let target = &world.config.targets[0];
    let by_query = NewJob {
        query: Some(Filter::Exists(Path::column("user"))),
        partitions: vec![NewPartition::query(target, &target.tables[0], false)],
        ..World::job()
    };
    let by_query = held(&world, by_query).await;
    // No team is not the team of the query.
    assert_eq!(counts(&by_query, "vector"), [("erased", 1), ("held", 2)]);
    assert_eq!(world.points().await, 2);

    let queued = release(&world, NAME).await;
    assert!(queued.contains(&job.id) && queued.contains(&by_query.id));
    world.run_due_jobs().await;
    for id in [job.id, by_query.id] {
        let job = world.seen(id).await;
        assert_eq!(job.state, State::Succeeded, "{job:?}");
    }
    assert_eq!(world.points().await, 0);
}

#[tokio::test]
async fn a_crowd_is_kept_as_a_whole() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT); INSERT INTO memories VALUES ('m', 'ana')",
        json!({"name": "memories", "columns": {"id": "id", "user": "user_id"}, "collection": collection()}),
    )
    .await;
    for from in (0..CROWD).step_by(2_000) {
        let of = |n: u128| (point(n + 1), json!({"of": "m", "user": "ana"}));
        world.add_points((from..CROWD.min(from + 2_000)).map(of)).await;
    }
    let all = u64::try_from(CROWD).unwrap();
    place(&world, hold(persons(&["ana"]))).await;
    let with_row = held(&world, world.of_ids(&["m"])).await;
    assert_eq!((world.rows().await.len(), world.points().await), (1, all));

    // Without a row, so many points are not compared with a hold one by one.
    world.in_memories("DELETE FROM memories").await;
    place(&world, hold(persons(&["ben"]))).await;
    let without = held(&world, world.of_ids(&["m"])).await;
    assert_eq!(counts(&without, "vector"), [("held", 1)]);
    assert_eq!(world.points().await, all);

    let queued = release(&world, NAME).await;
    assert!(queued.contains(&with_row.id) && queued.contains(&without.id));
    world.run_due_jobs().await;
    for id in [with_row.id, without.id] {
        let job = world.seen(id).await;
        assert_eq!(job.state, State::Succeeded, "{job:?}");
    }
    assert_eq!(world.points().await, 0);
}
