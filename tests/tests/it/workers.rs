//! Workers that die, sleep or work side by side: nothing is lost or counted twice.

use lethe_tests::client::{counts, total};
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::postgres::until_locked_out;
use lethe_tests::service::Site;
use lethe_tests::tap::{DELETE, Side};
use lethe_tests::wait;
use serde_json::{Value, json};

/// Makes a site for a job of `n` memories, with `n / batch` partitions.
async fn site(n: usize, batch: u32) -> (Site, Vec<lethe_tests::memories::Memory>) {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.short_leases().set("worker.batch", batch));
    let (alice, bob) = (memories::of("alice", n), memories::of("bob", 50));
    site.add(&[alice.clone(), bob.clone()].concat()).await;
    (site, alice)
}

fn everything_once(job: &Value, n: usize) {
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let expected = json!({"erased": n});
    assert_eq!(counts(job), json!({"sql": expected, "vector": expected}));
    assert_eq!((&job["selected"], &job["remaining"]), (&json!(n), &json!(0)));
}

async fn only_bob_is_left(site: &Site) {
    let left = site.memories.left().await;
    assert_eq!(memories::by_owner(&left).into_iter().collect::<Vec<_>>(), [("bob", 50)]);
    assert_eq!(site.vectors.left().await, left);
}

async fn a_worker_is_killed(n: usize, batch: u32, side: Side) {
    let (lethe, alice) = site(n, batch).await;
    let service = lethe.api().await;
    let mut first = lethe.worker().await;
    // Seven batches passed: at least three of them are done, those without another slot in them.
    let mut deletion = lethe.tap.hold(DELETE, 7, side);
    let id = service.client.submit_ids(&ids(&alice)).await;
    deletion.caught().await;
    first.process.kill();
    let erased = alice.len() as u64 + 50 - lethe.memories.count().await;
    assert!(0 < erased && erased < n as u64, "killed in the middle: {erased}");
    deletion.release();

    let second = lethe.worker().await;
    let job = service.client.ended(&id).await;

    everything_once(&job, n);
    only_bob_is_left(&lethe).await;
    let rescued = total(&second.client, "lethe_retries_total", "class=\"rescue\"").await;
    assert!(rescued >= 1.0, "{rescued}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_of_20000_memories_is_replaced() {
    Box::pin(a_worker_is_killed(20_000, 1_000, Side::Before)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_after_vectors_went_and_before_rows_did_is_replaced() {
    Box::pin(a_worker_is_killed(3_000, 100, Side::After)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_while_rows_are_locked_is_replaced() {
    let (mut lethe, alice) = site(1_000, 100).await;
    // The second worker has to wait until the first one's statements end.
    lethe.configure(|config| config.set("worker.slots", 2));
    let service = lethe.api().await;
    let mut first = lethe.worker().await;
    let mut deletion = lethe.tap.hold(DELETE, 3, Side::After);
    let id = service.client.submit_ids(&ids(&alice)).await;
    deletion.caught().await;
    let lock = lethe.memories.lock().await;
    deletion.release();
    until_locked_out(&lethe.memories).await;
    first.process.kill();
    lock.commit("SELECT 1").await;

    let _second = lethe.worker().await;
    let job = service.client.ended(&id).await;

    everything_once(&job, 1_000);
    only_bob_is_left(&lethe).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_kills_one_after_another_still_end_in_exact_counts() {
    let (lethe, alice) = site(3_000, 50).await;
    let service = lethe.api().await;
    let id = service
        .client
        .submit(&json!({"select": {"subject": {"user_id": "alice"}}}))
        .await;
    for round in 0..4 {
        let side = if round % 2 == 0 { Side::Before } else { Side::After };
        let mut deletion = lethe.tap.hold(DELETE, 4 + round, side);
        let mut worker = lethe.worker().await;
        deletion.caught().await;
        worker.process.kill();
        deletion.release();
    }
    let _last = lethe.worker().await;
    let job = service.client.ended(&id).await;

    everything_once(&job, alice.len());
    only_bob_is_left(&lethe).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_paused_beyond_its_lease_touches_nothing_when_it_wakes() {
    let (mut lethe, alice) = site(1_000, 100).await;
    lethe.configure(|config| config.set("worker.slots", 1));
    let service = lethe.api().await;
    let sleeper = lethe.worker().await;
    let mut deletion = lethe.tap.hold(DELETE, 3, Side::Before);
    let id = service.client.submit_ids(&ids(&alice)).await;
    deletion.caught().await;
    sleeper.process.pause();

    let mut other = lethe.worker().await;
    let job = service.client.ended(&id).await;
    everything_once(&job, 1_000);
    only_bob_is_left(&lethe).await;

    // Its call lands late, and it finds that another worker has its partition.
    deletion.release();
    sleeper.process.resume();
    wait::until_true("it has let go of it", || async {
        total(&sleeper.client, "lethe_partitions_in_progress", "").await < 0.5
    })
    .await;
    only_bob_is_left(&lethe).await;
    let again = service.client.job(&id).await;
    assert_eq!(counts(&again), counts(&job));
    // The worker then works again.
    other.process.kill();
    let more = memories::of("carol", 10);
    lethe.add(&more).await;
    service
        .client
        .succeeds(&json!({"select": {"subject": {"user_id": "carol"}}}))
        .await;
    only_bob_is_left(&lethe).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_a_job_and_count_nothing_twice() {
    let (lethe, alice) = site(6_000, 100).await;
    let service = lethe.api().await;
    let workers = [lethe.worker().await, lethe.worker().await];
    let everybody = json!({"select": {"subject": {"user_id": "alice"}}});
    // Several jobs select the same memories at once: each memory is erased by one job.
    let mut jobs = Vec::new();
    for half in alice.chunks(3_000) {
        jobs.push(service.client.submit_ids(&ids(half)).await);
    }
    jobs.push(service.client.submit(&everybody).await);
    let mut erased = (0, 0);
    for id in &jobs {
        let job = service.client.ended(id).await;
        assert_eq!(job["state"], "succeeded", "{job:#}");
        let counts = counts(&job);
        let selected = job["selected"].as_u64().unwrap();
        for store in ["sql", "vector"] {
            let sum: u64 = counts[store]
                .as_object()
                .unwrap()
                .iter()
                .filter(|(word, _)| *word != "residue")
                .map(|(_, n)| n.as_u64().unwrap())
                .sum();
            assert_eq!(sum, selected, "{job:#}");
        }
        erased.0 += counts["sql"]["erased"].as_u64().unwrap_or(0);
        erased.1 += counts["vector"]["erased"].as_u64().unwrap_or(0);
    }

    assert_eq!(erased.0, 6_000, "each row is erased by one job");
    // Two jobs that delete the same vector at the same time both hear that it was deleted.
    assert!(erased.1 >= 6_000, "{erased:?}");
    only_bob_is_left(&lethe).await;
    for worker in &workers {
        let attempts = total(&worker.client, "lethe_partition_attempts_total", "kind=\"erase\"").await;
        assert!(attempts > 0.0, "both have worked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_joins_a_running_job_takes_its_parts() {
    let mut lethe = Site::new(Layout::POSTGRES_REDIS).await;
    lethe.configure(|config| config.set("worker.batch", 50).set("worker.slots", 1));
    let alice = memories::of("alice", 1_000);
    lethe.add(&[alice.clone(), memories::of("bob", 50)].concat()).await;
    let service = lethe.api().await;
    let first = lethe.worker().await;
    let mut deletion = lethe.tap.hold(DELETE, 2, Side::Before);
    let id = service.client.submit_ids(&ids(&alice)).await;
    deletion.caught().await;
    let before = lethe.memories.count().await;
    assert!(before > 800, "the job has only begun: {before}");

    // The first worker is held, so all further deletions are the second one's.
    let second = lethe.worker().await;
    wait::until_true("the second worker erases", || async {
        lethe.memories.count().await <= before - 500
    })
    .await;
    deletion.release();
    let job = service.client.ended(&id).await;

    everything_once(&job, 1_000);
    only_bob_is_left(&lethe).await;
    for worker in [&first, &second] {
        let deletions = total(
            &worker.client,
            "lethe_store_call_duration_seconds_count",
            "call=\"delete\"",
        )
        .await;
        assert!(deletions > 0.0, "both have erased");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_killed_after_it_accepted_has_accepted() {
    let (lethe, alice) = site(500, 100).await;
    let mut service = lethe.api().await;
    let id = service.client.submit_ids(&ids(&alice)).await;
    service.process.kill();

    let _worker = lethe.worker().await;
    let service = lethe.api().await;
    let job = service.client.ended(&id).await;

    everything_once(&job, 500);
    only_bob_is_left(&lethe).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_deletion_does_not_wait_for_a_purge() {
    let (mut site, alice) = site(1_000, 50).await;
    site.configure(|config| config.set("worker.slots", 2));
    let bob: Vec<_> = site
        .memories
        .left()
        .await
        .into_iter()
        .filter(|memory| memory.user == "bob")
        .collect();
    let mut service = site.api().await;
    service.workers.push(site.worker().await);
    // Any slot with a partition of the purge waits for the lock.
    let lock = site.memories.lock_rows("user_id = 'alice'").await;
    let purge = service.client.submit_ids(&ids(&alice)).await;
    until_locked_out(&site.memories).await;

    for memory in &bob[..20] {
        service.client.succeeds(&json!({"select": {"ids": [memory.id]}})).await;
    }

    assert!(service.client.job(&purge).await["ended_at"].is_null());
    assert_eq!(site.memories.count().await, 1_030);
    lock.commit("SELECT 1").await;
    assert_eq!(service.client.ended(&purge).await["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_busy_asks_seldom_when_nothing_is_due() {
    let (mut site, alice) = site(1_000, 50).await;
    // A large job leaves one slot for small jobs.
    site.configure(|config| config.set("worker.slots", 2));
    let ledger = sqlx::PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    // Needs shared_preload_libraries = pg_stat_statements.
    let counting = sqlx::query("CREATE EXTENSION pg_stat_statements");
    counting.execute(&ledger).await.unwrap();
    let service = site.api().await;
    let _worker = site.worker().await;
    let id = service.client.submit_ids(&ids(&alice)).await;
    everything_once(&service.client.ended(&id).await, 1_000);

    // From one report of the worker to the next.
    let report = async || {
        let seen = "SELECT last_seen_at FROM workers";
        let before: i64 = sqlx::query_scalar(seen).fetch_one(&ledger).await.unwrap();
        wait::until_true("the worker reports", || async {
            let seen: i64 = sqlx::query_scalar(seen).fetch_one(&ledger).await.unwrap();
            seen > before
        })
        .await;
    };
    let looks = async || -> i64 {
        let count =
            "SELECT COALESCE(SUM(calls), 0)::bigint FROM pg_stat_statements WHERE query LIKE '-- ledger::ahead%'
            AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())";
        sqlx::query_scalar(count).fetch_one(&ledger).await.unwrap()
    };
    report().await;
    let before = looks().await;
    report().await;
    // The configuration allows ten looks a second.
    let asked = looks().await - before;
    assert!((1..1_000).contains(&asked), "{asked} looks");
}
