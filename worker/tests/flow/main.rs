//! A worker with its stores and its ledger in one process: the state of jobs at their end, without waits.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod counted;
mod holds;
#[path = "../../src/fixture/retries.rs"]
mod retries;
mod world;

use lethe_common::ledger::{JobView, Kind, NewJob, NewPartition};
use lethe_common::state::State;
use serde_json::json;
use uuid::Uuid;

use world::World;

fn counts<'a>(job: &'a JobView, store: &str) -> Vec<(&'a str, u64)> {
    let store = job.stores.iter().find(|counts| counts.store.as_str() == store).unwrap();
    store.counts.iter().map(|(outcome, n)| (outcome.as_str(), *n)).collect()
}

#[tokio::test]
async fn a_point_whose_memory_cannot_be_told_is_left_and_counted_once() {
    // Nothing leads from such a point back to its memory.
    let world = World::start(json!({"name": "memories", "point": "uuid5", "payload": {"user": "user"}})).await;
    let point = |id: &str| Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes());
    let of = |id: &str, user: &str| (point(id), json!({"user": user}));
    world
        .add_points([of("a1", "ana"), of("a2", "ana"), of("a3", "ana"), of("b1", "bob")])
        .await;
    // A point without a row.
    world.add_points([of("a4", "ana")]).await;

    let job = world.erase("ana").await;

    assert_eq!(
        (job.state, job.error_code.as_deref(), job.selected),
        (State::Failed, Some("unverifiable"), 4)
    );
    assert_eq!(counts(&job, "vector"), [("erased", 3), ("unverifiable", 1)]);
    assert_eq!(counts(&job, "sql"), [("absent", 1), ("erased", 3)]);
    assert_eq!(world.points().await, 2, "bob's, and the point without an owner");
}

#[tokio::test]
async fn points_without_a_way_back_go_with_their_rows() {
    let world = World::start(json!({"name": "memories", "point": "uuid5", "payload": {"user": "user"}})).await;
    let point = |id: &str| Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes());
    let of = |id: &str, user: &str| (point(id), json!({"user": user}));
    world
        .add_points([of("a1", "ana"), of("a2", "ana"), of("a3", "ana"), of("b1", "bob")])
        .await;

    let job = world.erase("ana").await;

    assert_eq!((job.state, job.selected), (State::Succeeded, 3), "{:?}", job.error_code);
    assert_eq!(counts(&job, "vector"), [("erased", 3)]);
    assert_eq!(world.points().await, 1);
}

#[tokio::test]
async fn a_job_with_one_id_says_which_version_it_erased() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, kind TEXT, v INTEGER);
         INSERT INTO memories VALUES ('1', 'working', 6), ('2', 'long-term', 7), ('3', 'working', 8), ('4', 'working', 9)",
        json!({"name": "memories", "columns": {"id": "id", "kind": "kind", "version": "v"}}),
    )
    .await;

    let job = world.erase_ids(&["1"], Some("working")).await;
    assert_eq!((job.state, job.version_erased), (State::Succeeded, Some(6)));
    assert_eq!(counts(&job, "sql"), [("erased", 1)]);

    // The memory has another kind, so it is absent.
    let job = world.erase_ids(&["2"], Some("working")).await;
    assert_eq!((job.state, job.version_erased), (State::Succeeded, None));
    assert_eq!(counts(&job, "sql"), [("absent", 1)]);

    let job = world.erase_ids(&["3", "4"], Some("working")).await;
    assert_eq!((job.state, job.version_erased), (State::Succeeded, None));
    assert_eq!(counts(&job, "sql"), [("erased", 2)]);
}

#[tokio::test]
async fn a_point_that_spells_a_uuid_as_the_row_of_another_table_does_is_that_rows() {
    const DIGITS: &str = "0190a0a000007000800000000000000a";
    let collection = json!({"name": "memories", "point": "payload", "payload": {"id": "of"}});
    let world = World::over_all(
        "CREATE TABLE memories (id CHAR(32) PRIMARY KEY);
         CREATE TABLE old (id TEXT PRIMARY KEY);
         INSERT INTO old VALUES ('0190a0a000007000800000000000000a')",
        json!([
            {"name": "memories", "columns": {"id": "id", "uuids": "hex"}, "collection": collection},
            {"name": "old", "columns": {"id": "id"}, "collection": collection},
        ]),
    )
    .await;
    let point = |n: u128| Uuid::from_u128(n);
    world.add_points([(point(1), json!({"of": DIGITS}))]).await;
    let hyphens = Uuid::parse_str(DIGITS).unwrap().to_string();

    let job = world.erase_ids(&[&hyphens], None).await;

    assert_eq!((job.state, world.points().await), (State::Succeeded, 1));
    assert_eq!(counts(&job, "vector"), [("absent", 1)]);
    // Without a row, points with either spelling go.
    let none = Uuid::from_u128(7);
    world
        .add_points([
            (point(2), json!({"of": none.to_string()})),
            (point(3), json!({"of": none.simple().to_string()})),
        ])
        .await;
    let job = world.erase_ids(&[&none.to_string()], None).await;
    assert_eq!((job.state, world.points().await), (State::Succeeded, 1));
}

#[tokio::test]
async fn spellings_of_bytes_are_one_memory() {
    for (uuids, spellings) in [
        ("text", ["abcd", "ABCD", "aBcD"]),
        (
            "bytes",
            [
                "0190a0a000007000800000000000000a",
                "0190A0A0-0000-7000-8000-00000000000A",
                "0190A0A000007000800000000000000A",
            ],
        ),
    ] {
        let world = World::over(
            "CREATE TABLE memories (id BLOB PRIMARY KEY, user_id TEXT);
             INSERT INTO memories VALUES (x'abcd', 'ana'), (x'0190a0a000007000800000000000000a', 'ana')",
            json!({
                "name": "memories",
                "columns": {"id": "id", "user": "user_id", "uuids": uuids},
                "collection": {"name": "memories", "point": "payload", "payload": {"id": "of"}},
            }),
        )
        .await;
        world
            .add_points([(Uuid::from_u128(1), json!({"of": spellings[0]}))])
            .await;

        let job = world.erase_ids(&spellings, None).await;

        assert_eq!((job.state, world.points().await), (State::Succeeded, 0), "{uuids}");
        for store in ["sql", "vector"] {
            assert_eq!(counts(&job, store), [("absent", 2), ("erased", 1)], "{uuids} {store}");
        }
    }
}

#[tokio::test]
async fn what_failed_is_left_until_its_time_and_then_goes_on() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY); INSERT INTO memories VALUES ('1'), ('2')",
        json!({"name": "memories", "columns": {"id": "id"}}),
    )
    .await;
    world.in_memories("ALTER TABLE memories RENAME TO elsewhere").await;
    let target = &world.config.targets[0];
    let ids = vec!["1".to_owned(), "2".to_owned()];
    let partition = NewPartition::ids(target, &target.tables[0], ids, Kind::Erase);
    let id = world
        .accept(NewJob {
            partitions: vec![partition],
            ..World::job()
        })
        .await;

    assert_eq!(world.run_due_jobs().await, 1);
    let job = world.seen(id).await;
    assert_eq!(
        (job.state, job.error_code.as_deref()),
        (State::Running, Some("mapping"))
    );
    world.in_memories("ALTER TABLE elsewhere RENAME TO memories").await;
    assert_eq!(world.run_due_jobs().await, 0, "it is not due yet");
    world.in_ledger("UPDATE partitions SET due_at = 0").await;
    let job = world.work(id).await;
    assert_eq!(job.state, State::Succeeded);
    assert_eq!(counts(&job, "sql"), [("erased", 2)]);
    assert_eq!(world.run_due_jobs().await, 0);
}

#[tokio::test]
async fn a_batch_that_had_begun_and_cannot_be_read_fails() {
    let world = World::start(json!({"name": "memories", "point": "uuid5", "payload": {"user": "user"}})).await;
    let target = &world.config.targets[0];
    // A retry makes such a partition, with only that batch.
    let partition = NewPartition::ids(target, &target.tables[0], Vec::new(), Kind::Erase);
    let job = NewJob {
        partitions: vec![partition],
        ..World::job()
    };
    let id = world.accept(job).await;
    world.in_ledger("UPDATE partitions SET intent = '{'").await;
    let job = world.work(id).await;
    assert_eq!((job.state, job.error_code.as_deref()), (State::Failed, Some("corrupt")));
}
