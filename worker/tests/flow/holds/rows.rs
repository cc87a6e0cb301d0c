//! The rows that a hold keeps, by owner, workspace, id and query.

use lethe_common::filter::{Bounds, Filter, Path, Scalar};
use lethe_common::hold::HoldOn;
use lethe_common::ledger::{HoldRecord, Kind, NewJob, NewPartition};
use lethe_common::state::State;
use serde_json::json;

use super::placed::{counts, erased_after_release, held, hold, ids, persons, place, rest, workspaces};
use crate::world::World;

fn is(column: &str, value: &str) -> Filter {
    Filter::OneOf {
        path: Path::column(column),
        values: vec![Scalar::from(value)],
    }
}

#[tokio::test]
async fn a_person_holds_in_every_type_of_column() {
    for (rows, columns, names, all, kept) in [
        // Another spelling is another person, and a row without an owner is nobody's.
        (
            "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT);
             INSERT INTO memories VALUES ('1', 'ana'), ('2', 'Ana'), ('3', 'ana '), ('4', NULL)",
            json!({"id": "id", "user": "user_id"}),
            vec!["ana", "eve"],
            vec!["1", "2", "3", "4"],
            vec!["1"],
        ),
        // A name that is no number is nobody's here.
        (
            "CREATE TABLE memories (id INTEGER PRIMARY KEY, user_id INTEGER);
             INSERT INTO memories VALUES (1, 7), (2, 77), (3, NULL), (4, 0)",
            json!({"id": "id", "user": "user_id"}),
            vec!["ana", "7"],
            vec!["1", "2", "3", "4"],
            vec!["1"],
        ),
        (
            "CREATE TABLE memories (id CHAR(32) PRIMARY KEY, user_id CHAR(32));
             INSERT INTO memories VALUES
                 ('0190a0a000007000800000000000000a', '0190a0a0000070008000000000000001'),
                 ('0190a0a000007000800000000000000b', '0190a0a0000070008000000000000002')",
            json!({"id": "id", "user": "user_id", "uuids": "hex"}),
            vec!["0190A0A0-0000-7000-8000-000000000001"],
            vec![
                "0190a0a0-0000-7000-8000-00000000000a",
                "0190A0A000007000800000000000000B",
            ],
            vec!["0190a0a000007000800000000000000a"],
        ),
        // The owner of the third row just went: nothing says whose the row is. The last one never had an owner.
        (
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
             CREATE TABLE memories (id TEXT PRIMARY KEY, user_id INTEGER);
             INSERT INTO users VALUES (1, 'ana'), (2, 'ben');
             INSERT INTO memories VALUES ('1', 1), ('2', 2), ('3', 99), ('4', NULL)",
            json!({"id": "id", "user": "user_id", "owners": {"table": "users", "id": "id", "name": "name"}}),
            vec!["ana"],
            vec!["1", "2", "3", "4"],
            vec!["1", "3"],
        ),
    ] {
        let world = World::over(rows, json!({"name": "memories", "columns": columns})).await;
        place(&world, hold(persons(&names))).await;

        let job = held(&world, world.of_ids(&all)).await;

        assert_eq!(world.rows().await, kept, "{columns}");
        let (n, gone) = (kept.len() as u64, (all.len() - kept.len()) as u64);
        assert_eq!(counts(&job, "sql"), [("erased", gone), ("held", n)], "{columns}");
        let job = erased_after_release(&world, job.id).await;
        assert_eq!(counts(&job, "sql"), [("erased", gone + n)], "{columns}");
        assert!(world.rows().await.is_empty(), "{columns}");
    }
}

#[tokio::test]
async fn a_person_whom_no_row_can_have_holds_nothing() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id INTEGER); INSERT INTO memories VALUES ('1', 7)",
        json!({"name": "memories", "columns": {"id": "id", "user": "user_id"}}),
    )
    .await;
    place(&world, hold(persons(&["ana", "007", "8"]))).await;

    let job = world.erase_ids(&["1"], None).await;

    assert_eq!((job.state, world.rows().await.len()), (State::Succeeded, 0));
}

#[tokio::test]
async fn a_table_without_owners_is_kept_only_if_the_hold_names_it() {
    for (table, kept) in [
        (None, vec![]),
        (Some("memories"), vec!["1", "2"]),
        (Some("others"), vec![]),
    ] {
        let world = World::over(
            "CREATE TABLE memories (id TEXT PRIMARY KEY); INSERT INTO memories VALUES ('1'), ('2')",
            json!({"name": "memories", "columns": {"id": "id"}}),
        )
        .await;
        let on_table = HoldRecord {
            target: table.map(|_| "main".to_owned()),
            table: table.map(str::to_owned),
            ..hold(persons(&["ana"]))
        };
        place(&world, on_table).await;

        let job = rest(&world, world.of_ids(&["1", "2"])).await;

        let state = if kept.is_empty() { State::Succeeded } else { State::Held };
        assert_eq!(job.state, state, "{table:?}");
        assert_eq!(world.rows().await, kept, "{table:?}");
    }
}

#[tokio::test]
async fn a_workspace_holds_its_rows_of_every_person() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT, workspace_id TEXT);
         INSERT INTO memories VALUES ('1', 'ana', 'acme'), ('2', 'ana', 'other'), ('3', 'ben', 'acme'), ('4', 'ana', NULL)",
        json!({"name": "memories", "columns": {"id": "id", "user": "user_id", "workspace": "workspace_id"}}),
    )
    .await;
    place(&world, hold(workspaces(&["acme"]))).await;

    let job = held(&world, world.of_person("ana")).await;

    assert_eq!(counts(&job, "sql"), [("erased", 2), ("held", 1)]);
    assert_eq!(world.rows().await, ["1", "3"]);
    erased_after_release(&world, job.id).await;
    assert_eq!(world.rows().await, ["3"]);
}

#[tokio::test]
async fn ids_hold_in_every_spelling() {
    for (rows, uuids, given, other) in [
        (
            "CREATE TABLE memories (id CHAR(32) PRIMARY KEY);
             INSERT INTO memories VALUES ('0190a0a000007000800000000000000a')",
            "hex",
            "0190A0A0-0000-7000-8000-00000000000A",
            "0190a0a000007000800000000000000a",
        ),
        (
            "CREATE TABLE memories (id BLOB PRIMARY KEY); INSERT INTO memories VALUES (x'0190a0a000007000800000000000000a')",
            "bytes",
            "0190A0A0-0000-7000-8000-00000000000A",
            "0190a0a000007000800000000000000a",
        ),
        (
            "CREATE TABLE memories (id BLOB PRIMARY KEY); INSERT INTO memories VALUES (x'abcd')",
            "text",
            "ABCD",
            "abcd",
        ),
    ] {
        for (of_hold, of_job) in [(given, other), (other, given)] {
            let columns = json!({"id": "id", "uuids": uuids});
            let world = World::over(rows, json!({"name": "memories", "columns": columns})).await;
            place(&world, hold(ids(&[of_hold, "nobody's"]))).await;

            let job = held(&world, world.of_ids(&[of_job])).await;

            let left = "SELECT CAST(COUNT(*) AS TEXT) FROM memories";
            assert_eq!(world.texts(left).await, ["1"], "{uuids} {of_hold}");
            erased_after_release(&world, job.id).await;
            assert_eq!(world.texts(left).await, ["0"], "{uuids} {of_hold}");
        }
    }
}

#[tokio::test]
async fn a_query_holds_by_time_and_keeps_what_is_no_time() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, made DATETIME, seen DATETIME);
         INSERT INTO memories VALUES ('1', '2025-03-01 00:00:00', '2020-01-01 00:00:00'), ('2', '2023-03-01 00:00:00', NULL),
             ('3', NULL, NULL), ('4', 'soon', NULL), ('5', '2023-03-01 00:00:00', '2025-03-01 00:00:00'),
             ('6', NULL, 'soon')",
        json!({"name": "memories", "columns": {"id": "id", "created_at": "made", "updated_at": "seen"}}),
    )
    .await;
    let since = |column: &str| Filter::Range {
        path: Path::column(column),
        bounds: Bounds {
            gte: Some(Scalar::from("2025-01-01T00:00:00Z")),
            ..Bounds::default()
        },
    };
    let either = Filter::Or {
        any: vec![since("made"), since("seen")],
        at_least: 1,
    };
    place(&world, hold(HoldOn::Query(either))).await;

    let job = held(&world, world.of_ids(&["1", "2", "3", "4", "5", "6"])).await;

    assert_eq!(world.rows().await, ["1", "4", "5", "6"]);
    assert_eq!(counts(&job, "sql"), [("erased", 2), ("held", 4)]);
    erased_after_release(&world, job.id).await;
}

#[tokio::test]
async fn a_query_that_the_table_cannot_answer_keeps_all_of_it() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, n INTEGER); INSERT INTO memories VALUES ('1', 1), ('2', 2)",
        json!({"name": "memories", "columns": {"id": "id"}, "fields": {"n": "n"}}),
    )
    .await;
    // A column that is not mapped, and a value of another type.
    for filter in [is("mood", "sad"), is("n", "one")] {
        place(&world, hold(HoldOn::Query(filter))).await;
        let job = held(&world, world.of_ids(&["1", "2"])).await;
        assert_eq!(counts(&job, "sql"), [("held", 2)]);
        assert_eq!(world.rows().await, ["1", "2"]);
    }
}

#[tokio::test]
async fn everything_holds_every_job_in_its_place_alone() {
    let world = World::over_all(
        "CREATE TABLE memories (id TEXT PRIMARY KEY); INSERT INTO memories VALUES ('1');
         CREATE TABLE others (id TEXT PRIMARY KEY); INSERT INTO others VALUES ('1')",
        json!([
            {"name": "memories", "columns": {"id": "id"}},
            {"name": "others", "columns": {"id": "id"}},
        ]),
    )
    .await;
    let in_place = |target: &str| HoldRecord {
        target: Some(target.to_owned()),
        table: Some("memories".to_owned()),
        ..hold(HoldOn::Everything)
    };
    place(&world, in_place("main")).await;
    let of_both = || {
        let target = &world.config.targets[0];
        let of = |table| NewPartition::ids(target, table, vec!["1".to_owned()], Kind::Erase);
        NewJob {
            partitions: target.tables.iter().map(of).collect(),
            ..World::job()
        }
    };

    let job = held(&world, of_both()).await;

    assert_eq!(counts(&job, "sql"), [("erased", 1), ("held", 1)]);
    assert_eq!(world.rows().await, ["1"]);
    assert!(world.texts("SELECT id FROM others").await.is_empty());
    // The same name, for another target.
    place(&world, in_place("elsewhere")).await;
    let job = world.erase_ids(&["1"], None).await;
    assert_eq!((job.state, world.rows().await.len()), (State::Succeeded, 0));
}

#[tokio::test]
async fn a_query_job_leaves_held_rows_and_erases_them_after_the_release() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT, made INTEGER);
         INSERT INTO memories VALUES ('a1', 'ana', 1), ('a2', 'ana', 2), ('b1', 'ben', 1), ('c1', 'eve', 1)",
        json!({"name": "memories", "columns": {"id": "id", "user": "user_id", "created_at": "made"}}),
    )
    .await;
    place(&world, hold(persons(&["ana"]))).await;
    let target = &world.config.targets[0];
    let query = Filter::OneOf {
        path: Path::column("user_id"),
        values: ["ana", "ben"].map(Scalar::from).to_vec(),
    };
    let job = NewJob {
        query: Some(query),
        partitions: vec![NewPartition::query(target, &target.tables[0], false)],
        ..World::job()
    };

    let job = held(&world, job).await;

    assert_eq!(counts(&job, "sql"), [("erased", 1), ("held", 2)]);
    assert_eq!(world.rows().await, ["a1", "a2", "c1"]);
    // What was written since is no part of the job, and what changed since does not match it.
    world
        .in_memories(
            "INSERT INTO memories VALUES ('b2', 'ben', 9); UPDATE memories SET user_id = 'eve' WHERE id = 'a2'",
        )
        .await;
    let job = erased_after_release(&world, job.id).await;
    assert_eq!(world.rows().await, ["a2", "b2", "c1"]);
    assert_eq!(counts(&job, "sql"), [("absent", 1), ("erased", 2)]);
}

#[tokio::test]
async fn the_dependents_of_a_held_row_stay() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT);
         CREATE TABLE chunks (memory_id TEXT NOT NULL);
         INSERT INTO memories VALUES ('1', 'ana'), ('2', 'ben');
         INSERT INTO chunks VALUES ('1'), ('1'), ('2')",
        json!({
            "name": "memories",
            "columns": {"id": "id", "user": "user_id"},
            "dependents": [{"table": "chunks", "references": "memory_id"}],
        }),
    )
    .await;
    place(&world, hold(persons(&["ana"]))).await;

    let job = held(&world, world.of_ids(&["1", "2"])).await;

    let chunks = "SELECT memory_id FROM chunks ORDER BY 1";
    assert_eq!(
        (world.rows().await, world.texts(chunks).await),
        (vec!["1".to_owned()], vec!["1".to_owned(); 2])
    );
    erased_after_release(&world, job.id).await;
    assert!(world.texts(chunks).await.is_empty());
}

#[tokio::test]
async fn a_hold_keeps_no_job_that_the_memory_is_no_part_of() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT);
         INSERT INTO memories VALUES ('a1', 'ana'), ('b1', 'ben'), ('b2', 'ben')",
        json!({"name": "memories", "columns": {"id": "id", "user": "user_id"}}),
    )
    .await;
    place(&world, hold(persons(&["ana"]))).await;
    let of_ben = |ids: &[&str]| NewJob {
        owner: Some("ben".to_owned()),
        ..world.of_ids(ids)
    };

    // To a job of another owner, a held row is as absent as any other.
    let job = rest(&world, of_ben(&["a1", "b1", "none"])).await;
    assert_eq!(job.state, State::Succeeded, "{job:?}");
    assert_eq!(counts(&job, "sql"), [("absent", 2), ("erased", 1)]);
    // An absent memory is not held, even by a hold on everything.
    place(&world, hold(HoldOn::Everything)).await;
    let job = rest(&world, of_ben(&["a1", "none"])).await;
    assert_eq!(
        (job.state, counts(&job, "sql")),
        (State::Succeeded, vec![("absent", 2)])
    );
    assert_eq!(world.rows().await, ["a1", "b2"]);
}
