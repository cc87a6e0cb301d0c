//! Holds that are placed, replaced or released while a job is under way. Triggers of the ledger choose the moment.

use lethe_common::ledger::{JobView, Kind, NewJob};
use lethe_common::state::State;
use serde_json::json;
use uuid::Uuid;

use super::placed::{NAME, counts, erased_after_release, held, hold, ids, persons, place, release, rest, settle};
use crate::world::World;

/// Takes the test's hold out of force. A later statement places it.
const HIDE: &str = "UPDATE holds SET released_at = 1; UPDATE revisions SET n = n + 1 WHERE name = 'holds'";

/// Places the hidden hold in the transaction that commits an intent.
const SHOW_WITH_INTENT: &str = "CREATE TRIGGER show AFTER UPDATE ON partitions WHEN NEW.intent IS NOT NULL BEGIN
     UPDATE holds SET released_at = NULL;
     UPDATE revisions SET n = n + 1 WHERE name = 'holds';
 END";

/// Releases the hold in the transaction that records its first held memories.
const RELEASE_WITH_RECORD: &str = "CREATE TRIGGER let_go AFTER INSERT ON job_holds BEGIN
     UPDATE revisions SET n = n + 1 WHERE name = 'holds';
     UPDATE holds SET released_at = 1, selection = NULL, said_by = NULL, settled = 0,
         revision = (SELECT n FROM revisions WHERE name = 'holds');
 END";

async fn rows_alone() -> World {
    World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT);
         INSERT INTO memories VALUES ('a1', 'ana'), ('a2', 'ana'), ('a3', 'ana'), ('b1', 'ben')",
        json!({"name": "memories", "columns": {"id": "id", "user": "user_id"}}),
    )
    .await
}

/// Returns the state, the error code, and the counts of the SQL store.
fn told(job: &JobView) -> (State, Option<&str>, Vec<(&str, u64)>) {
    (job.state, job.error_code.as_deref(), counts(job, "sql"))
}

#[tokio::test]
async fn a_hold_that_is_committed_with_the_intent_keeps_its_memories() {
    let world =
        World::start(json!({"name": "memories", "point": "payload", "payload": {"id": "of", "user": "user"}})).await;
    let of = |n, id: &str, user: &str| (Uuid::from_u128(n), json!({"of": id, "user": user}));
    world
        .add_points([
            of(1, "a1", "ana"),
            of(2, "b1", "bob"),
            of(3, "o1", "ana"),
            of(4, "o2", "bob"),
        ])
        .await;
    place(&world, hold(persons(&["ana"]))).await;
    world.in_ledger(HIDE).await;
    world.in_ledger(SHOW_WITH_INTENT).await;

    let job = held(&world, world.of_ids(&["a1", "b1", "o1", "o2"])).await;

    assert_eq!(counts(&job, "sql"), [("absent", 2), ("erased", 1), ("held", 1)]);
    assert_eq!(counts(&job, "vector"), [("erased", 2), ("held", 2)]);
    assert_eq!(
        (world.rows().await, world.points().await),
        (vec!["a1".to_owned(), "a2".to_owned(), "a3".to_owned()], 2)
    );
}

#[tokio::test]
async fn a_hold_that_is_placed_while_a_job_is_queued_keeps_its_memories() {
    let world = rows_alone().await;
    let id = world.accept(world.of_person("ana")).await;
    place(&world, hold(ids(&["a2"]))).await;

    world.run_due_jobs().await;

    let job = world.seen(id).await;
    assert_eq!(told(&job), (State::Held, None, vec![("erased", 2), ("held", 1)]));
    assert_eq!(world.rows().await, ["a2", "b1"]);
}

#[tokio::test]
async fn a_batch_that_another_attempt_began_is_asked_again() {
    let world = rows_alone().await;
    let id = world.accept(world.of_ids(&["a1", "b1"])).await;
    world
        .in_ledger(r#"UPDATE partitions SET intent = '{"found":"rr","kept":0}'"#)
        .await;
    place(&world, hold(persons(&["ana"]))).await;

    world.run_due_jobs().await;

    let job = world.seen(id).await;
    assert_eq!(told(&job), (State::Held, None, vec![("erased", 1), ("held", 1)]));
    assert_eq!(world.rows().await, ["a1", "a2", "a3"]);
}

#[tokio::test]
async fn a_held_row_whose_vector_went_before_the_hold_is_split() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT);
         INSERT INTO memories VALUES ('0190a0a0-0000-7000-8000-00000000000a', 'ana'),
             ('0190a0a0-0000-7000-8000-00000000000b', 'ana')",
        json!({
            "name": "memories",
            "columns": {"id": "id", "user": "user_id"},
            "collection": {"name": "memories", "point": "uuid", "payload": {"user": "user"}},
        }),
    )
    .await;
    let [gone, there] = [
        "0190a0a0-0000-7000-8000-00000000000a",
        "0190a0a0-0000-7000-8000-00000000000b",
    ];
    // An earlier attempt deleted the vector of the first memory, and died.
    world
        .add_points([(Uuid::parse_str(there).unwrap(), json!({"user": "ana"}))])
        .await;
    let id = world.accept(world.of_ids(&[gone, there])).await;
    world
        .in_ledger(r#"UPDATE partitions SET intent = '{"found":"RR","kept":0}'"#)
        .await;
    place(&world, hold(persons(&["ana"]))).await;

    world.run_due_jobs().await;

    let job = world.seen(id).await;
    assert_eq!(
        told(&job),
        (State::Failed, Some("split"), vec![("failed", 1), ("held", 1)])
    );
    assert_eq!(counts(&job, "vector"), [("erased", 1), ("held", 1)]);
    assert_eq!(
        (world.rows().await, world.points().await),
        (vec![gone.to_owned(), there.to_owned()], 1)
    );
}

#[tokio::test]
async fn a_hold_that_is_released_while_its_job_runs_leaves_no_residue() {
    let world = rows_alone().await;
    place(&world, hold(persons(&["ana"]))).await;
    world.in_ledger(RELEASE_WITH_RECORD).await;

    let job = held(&world, world.of_person("ana")).await;

    assert_eq!((job.round, counts(&job, "sql")), (0, vec![("held", 3)]));
    assert_eq!(world.rows().await.len(), 4);
    // The release came before the job was held, and still finds it.
    world.in_ledger("DROP TRIGGER let_go").await;
    assert_eq!(settle(&world).await, [job.id]);
    let job = world.work(job.id).await;
    assert_eq!(told(&job), (State::Succeeded, None, vec![("erased", 3)]));
    assert_eq!(world.rows().await, ["b1"]);
}

#[tokio::test]
async fn a_held_memory_is_counted_once_in_all_rounds() {
    let world = rows_alone().await;
    place(&world, hold(ids(&["a2"]))).await;
    // Another application writes a memory of the person as soon as one goes, and another one in the second round.
    world
        .in_memories(
            "CREATE TRIGGER again AFTER DELETE ON memories WHEN OLD.id IN ('a1', 'z1') BEGIN
                 INSERT INTO memories VALUES (CASE OLD.id WHEN 'a1' THEN 'z1' ELSE 'z2' END, 'ana');
             END",
        )
        .await;

    let job = held(&world, world.of_person("ana")).await;

    assert_eq!((job.round, job.selected), (2, 5));
    assert_eq!(counts(&job, "sql"), [("erased", 4), ("held", 1)]);
    assert_eq!(world.rows().await, ["a2", "b1"]);
    let job = erased_after_release(&world, job.id).await;
    assert_eq!(counts(&job, "sql"), [("erased", 5)]);
}

#[tokio::test]
async fn a_memory_that_is_written_under_a_hold_is_held_in_the_next_round() {
    let world = rows_alone().await;
    place(&world, hold(ids(&["z1"]))).await;
    world
        .in_memories(
            "CREATE TRIGGER again AFTER DELETE ON memories WHEN OLD.id = 'a1' BEGIN
                 INSERT INTO memories VALUES ('z1', 'ana');
             END",
        )
        .await;

    let job = held(&world, world.of_person("ana")).await;

    assert_eq!(counts(&job, "sql"), [("erased", 3), ("held", 1)]);
    assert_eq!(world.rows().await, ["b1", "z1"]);
    erased_after_release(&world, job.id).await;
    assert_eq!(world.rows().await, ["b1"]);
}

#[tokio::test]
async fn a_preview_says_what_is_held() {
    let world = rows_alone().await;
    place(&world, hold(ids(&["a2"]))).await;
    let mut job = NewJob {
        dry_run: true,
        ..world.of_ids(&["a1", "a2", "none"])
    };
    job.partitions[0].kind = Kind::Preview;

    let job = rest(&world, job).await;

    assert_eq!(
        told(&job),
        (State::Succeeded, None, vec![("absent", 1), ("held", 1), ("left", 1)])
    );
    assert_eq!(world.rows().await.len(), 4);
    // A preview waits for no release.
    assert!(release(&world, NAME).await.is_empty());
}
