//! Retries and failures are counted once, when the ledger has accepted them, and announced to the watchers of their jobs.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use lethe_common::doorbell::{Doorbell, Ring};
use lethe_common::job::JobId;
use lethe_common::ledger::{Kind, NewJob, NewPartition};
use lethe_common::state::State;
use serde_json::json;

use crate::retries::counted;
use crate::world::World;

async fn world() -> World {
    World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY); INSERT INTO memories VALUES ('1'), ('2')",
        json!({"name": "memories", "columns": {"id": "id"}}),
    )
    .await
}

/// Accepts a job about a list of ids.
async fn accept(world: &World, ids: &[&str]) -> JobId {
    let target = &world.config.targets[0];
    let ids = ids.iter().map(|id| (*id).to_owned()).collect();
    let partition = NewPartition::ids(target, &target.tables[0], ids, Kind::Erase);
    world
        .accept(NewJob {
            partitions: vec![partition],
            ..World::job()
        })
        .await
}

#[tokio::test]
async fn each_partition_of_a_failed_group_is_counted_and_announced() {
    let world = world().await;
    let before = counted("transient", "mapping");
    world.in_memories("ALTER TABLE memories RENAME TO elsewhere").await;
    let jobs = [accept(&world, &["1"]).await, accept(&world, &["2"]).await];
    let doorbell = Doorbell::local();
    let mut rings = doorbell.subscribe();

    // As one group, then each by itself.
    assert_eq!(world.run_due_jobs_ringing(doorbell).await, 3);

    assert_eq!(counted("transient", "mapping") - before, 4);
    let mut changed: BTreeMap<JobId, u32> = BTreeMap::new();
    while let Some(ring) = rings.recv().now_or_never() {
        if let Ring::Changed(job) = ring {
            *changed.entry(job).or_default() += 1;
        }
    }
    assert_eq!(changed, BTreeMap::from(jobs.map(|job| (job, 2))));
}

#[tokio::test]
async fn a_failure_is_counted_once_the_ledger_has_accepted_it() {
    let world = world().await;
    let now = || {
        [
            ("permanent", "corrupt"),
            ("permanent", "ledger_refused"),
            ("transient", "ledger_refused"),
            ("lease_lost", "none"),
        ]
        .map(|(class, code)| counted(class, code))
    };
    let before = now();
    let since = || {
        let mut now = now();
        now.iter_mut().zip(before).for_each(|(now, before)| *now -= before);
        now
    };
    // A retry makes such a partition, with only the batch that had begun. This batch cannot be read.
    let id = accept(&world, &[]).await;
    world.in_ledger("UPDATE partitions SET intent = '{'").await;
    world
        .in_ledger(
            "CREATE TRIGGER refuse BEFORE UPDATE ON partitions WHEN NEW.state = 'failed'
             BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        .await;

    assert_eq!(world.run_due_jobs().await, 1);
    assert_eq!(world.seen(id).await.state, State::Running);
    assert_eq!(since(), [0, 0, 1, 0]);

    world
        .in_ledger("DROP TRIGGER refuse; UPDATE partitions SET due_at = 0")
        .await;
    let job = world.work(id).await;
    assert_eq!((job.state, job.error_code.as_deref()), (State::Failed, Some("corrupt")));
    assert_eq!(since(), [1, 0, 1, 0]);
}
