//! Workers pick up work after a ring (a doorbell notification), and also without one.

use lethe_tests::cut::Cut;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::redis::Redis;
use lethe_tests::service::{Servers, Site, Worker};
use lethe_tests::tap::{DELETE, Side};
use lethe_tests::{on_layouts, wait};
use serde_json::json;

on_layouts!(sqlite_local = SQLITE: an_idle_worker_is_woken_by_every_step_of_a_job);
on_layouts!(sqlite_redis = SQLITE_REDIS: an_idle_worker_is_woken_by_every_step_of_a_job);
on_layouts!(postgres_local = POSTGRES: an_idle_worker_is_woken_by_every_step_of_a_job);
on_layouts!(postgres_redis = POSTGRES_REDIS: an_idle_worker_is_woken_by_every_step_of_a_job);

/// Waits until a worker has asked for work. It is then idle, and its next look follows a ring or an hour.
async fn idle(worker: &Worker) {
    wait::until_true("the worker is idle", || async {
        let samples = worker.client.metrics().await;
        let at = |name: &str| samples.get(name).copied().unwrap_or(0.0);
        at("lethe_worker_last_claim_timestamp_seconds") > 0.0
            && at("lethe_dependency_up{dependency=\"doorbell\"}") > 0.0
    })
    .await;
}

async fn an_idle_worker_is_woken_by_every_step_of_a_job(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("worker.poll", "1h").set("worker.batch", 20));
    let (alice, bob) = (memories::of("alice", 300), memories::of("bob", 100));
    site.add(&[alice, bob.clone()].concat()).await;
    let service = site.start().await;
    for worker in &service.workers {
        idle(worker).await;
    }

    // Planning, many partitions, read-back: each is picked up without the poll.
    service
        .client
        .succeeds(&json!({"select": {"subject": {"user_id": "alice"}}}))
        .await;
    service
        .client
        .succeeds(&json!({"select": {"ids": ids(&bob[..50])}}))
        .await;
    service
        .client
        .succeeds(&json!({"select": {"ids": ids(&bob[50..51])}}))
        .await;

    site.holds(&bob[51..]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_other_processes_find_work_by_looking() {
    let site = Site::new(Layout::POSTGRES).await;
    let all = memories::of("alice", 300);
    site.add(&all).await;
    let service = site.api().await;
    let _workers = [site.worker().await, site.worker().await];

    service
        .client
        .succeeds(&json!({"select": {"subject": {"user_id": "alice"}}}))
        .await;

    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_be_flushed_killed_and_restarted_while_jobs_run() {
    let mut redis = Redis::start().await;
    let cut = Cut::before(&redis.address());
    let servers = Servers {
        redis: Some(cut.instead_of(&redis.url())),
        ..Servers::default()
    };
    let mut site = Site::on(Layout::POSTGRES_REDIS, servers).await;
    site.configure(|config| config.set("worker.batch", 10));
    let all = memories::of("alice", 1_000);
    site.add(&all).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 5, Side::Before);
    let first = service.client.submit_ids(&ids(&all[..400])).await;
    deletion.caught().await;

    redis.command("FLUSHALL").await.unwrap();
    redis.kill();
    let while_down = service.client.submit_ids(&ids(&all[400..800])).await;
    deletion.release();
    assert_eq!(service.client.ended(&first).await["state"], "succeeded");
    assert_eq!(service.client.ended(&while_down).await["state"], "succeeded");

    redis.restart().await;
    cut.set_upstream(&redis.address());
    for worker in &service.workers {
        idle(worker).await;
    }
    service
        .client
        .succeeds(&json!({"select": {"ids": ids(&all[800..])}}))
        .await;
    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_does_not_answer_keeps_nobody_waiting() {
    let redis = Redis::start().await;
    let cut = Cut::before(&redis.address());
    let servers = Servers {
        redis: Some(cut.instead_of(&redis.url())),
        ..Servers::default()
    };
    let site = Site::on(Layout::POSTGRES_REDIS, servers).await;
    let all = memories::of("alice", 100);
    site.add(&all).await;
    let service = site.start().await;
    for worker in &service.workers {
        idle(worker).await;
    }
    cut.stall();

    for some in all.chunks(20) {
        service.client.succeeds(&json!({"select": {"ids": ids(some)}})).await;
    }

    site.holds(&[]).await;
}
