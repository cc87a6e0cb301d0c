//! Several holds, replaced holds, and several jobs.

use lethe_common::ledger::Actor;
use lethe_common::state::State;
use serde_json::json;

use super::placed::{NAME, counts, held, hold, ids, named, persons, place, release, settle};
use crate::world::World;

async fn world() -> World {
    World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT);
         INSERT INTO memories VALUES ('a1', 'ana'), ('a2', 'ana'), ('a3', 'ana'), ('b1', 'ben')",
        json!({"name": "memories", "columns": {"id": "id", "user": "user_id"}}),
    )
    .await
}

#[tokio::test]
async fn a_memory_stays_until_its_last_hold_is_released() {
    let world = world().await;
    place(&world, named("one", persons(&["ana"]))).await;
    place(&world, named("two", ids(&["a1", "b1"]))).await;
    let job = held(&world, world.of_person("ana")).await;
    assert_eq!(counts(&job, "sql"), [("held", 3)]);

    assert_eq!(release(&world, "one").await, [job.id]);
    world.run_due_jobs().await;

    let job = world.seen(job.id).await;
    assert_eq!(
        (job.state, counts(&job, "sql")),
        (State::Held, vec![("erased", 2), ("held", 1)])
    );
    assert_eq!(world.rows().await, ["a1", "b1"]);
    // It is held by the other one, and no longer asks for the first.
    assert!(settle(&world).await.is_empty());
    assert_eq!(world.run_due_jobs().await, 0);
    assert_eq!(release(&world, "two").await, [job.id]);
    let job = world.work(job.id).await;
    assert_eq!(
        (job.state, counts(&job, "sql")),
        (State::Succeeded, vec![("erased", 3)])
    );
    assert_eq!(world.rows().await, ["b1"]);
}

#[tokio::test]
async fn the_jobs_of_a_replaced_hold_are_asked_again() {
    let world = world().await;
    place(&world, hold(persons(&["ana"]))).await;
    let job = held(&world, world.of_person("ana")).await;

    // It still keeps one memory of the job.
    place(&world, hold(ids(&["a2"]))).await;
    assert_eq!(settle(&world).await, [job.id]);
    world.run_due_jobs().await;
    let job = world.seen(job.id).await;
    assert_eq!(
        (job.state, counts(&job, "sql")),
        (State::Held, vec![("erased", 2), ("held", 1)])
    );
    assert!(settle(&world).await.is_empty(), "nothing has changed since");

    place(&world, hold(persons(&["ben"]))).await;
    assert_eq!(settle(&world).await, [job.id]);
    let job = world.work(job.id).await;
    assert_eq!(
        (job.state, counts(&job, "sql")),
        (State::Succeeded, vec![("erased", 3)])
    );
    assert!(release(&world, NAME).await.is_empty());
}

#[tokio::test]
async fn only_the_jobs_of_held_memories_are_held() {
    let world = world().await;
    place(&world, hold(persons(&["ana"]))).await;
    let of_ana = world.accept(world.of_ids(&["a1", "a2"])).await;
    let of_ben = world.accept(world.of_ids(&["b1"])).await;

    // Both are one group.
    world.run_due_jobs().await;

    let (of_ana, of_ben) = (world.seen(of_ana).await, world.seen(of_ben).await);
    assert_eq!((of_ana.state, of_ben.state), (State::Held, State::Succeeded));
    assert_eq!(counts(&of_ana, "sql"), [("held", 2)]);
    assert_eq!(counts(&of_ben, "sql"), [("erased", 1)]);
    assert_eq!(world.rows().await, ["a1", "a2", "a3"]);
    assert_eq!(release(&world, NAME).await, [of_ana.id]);
    assert_eq!(world.work(of_ana.id).await.state, State::Succeeded);
}

#[tokio::test]
async fn a_job_under_a_hold_that_names_none_of_its_memories_succeeds() {
    let world = world().await;
    place(&world, hold(persons(&["ben"]))).await;

    let job = world.erase("ana").await;

    assert_eq!((job.state, job.attempt), (State::Succeeded, 1));
    assert_eq!(counts(&job, "sql"), [("erased", 3)]);
    assert_eq!(world.rows().await, ["b1"]);
}

#[tokio::test]
async fn a_failure_outranks_a_hold_and_a_retry_takes_both() {
    let world = world().await;
    place(&world, hold(ids(&["a1"]))).await;
    world
        .in_memories(
            "CREATE TRIGGER refuse BEFORE DELETE ON memories WHEN OLD.id = 'a2' BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .await;
    let job = world.erase_ids(&["a1", "a2", "a3"], None).await;
    assert_eq!(job.state, State::Failed);
    assert_eq!(counts(&job, "sql"), [("erased", 1), ("failed", 1), ("held", 1)]);

    world.in_memories("DROP TRIGGER refuse").await;
    world.ledger.retry(job.id, &Actor::named("tests")).await.unwrap();
    world.run_due_jobs().await;

    let job = world.seen(job.id).await;
    assert_eq!(
        (job.state, counts(&job, "sql")),
        (State::Held, vec![("erased", 2), ("held", 1)])
    );
    assert_eq!(release(&world, NAME).await, [job.id]);
    assert_eq!(world.work(job.id).await.state, State::Succeeded);
    assert_eq!(world.rows().await, ["b1"]);
}
