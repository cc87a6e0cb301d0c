//! The numbers add up after any kill: accepted is ended plus unfinished, and each selected memory has an outcome or
//! remains.

use std::collections::BTreeMap;

use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::{Service, Site};
use lethe_tests::tap::{DELETE, Side};
use serde_json::json;

on_both_databases!(the_numbers_add_up_after_everything_was_killed);

type Samples = BTreeMap<String, f64>;

fn sum(samples: &Samples, name: &str, labels: &[&str]) -> f64 {
    let of_metric = |series: &str| series.split('{').next() == Some(name);
    let mut found = samples
        .iter()
        .filter(|(series, _)| of_metric(series) && labels.iter().all(|label| series.contains(label)))
        .peekable();
    assert!(found.peek().is_some(), "there is no {name} {labels:?}");
    found.map(|(_, value)| value).sum()
}

fn accepted(samples: &Samples) -> f64 {
    sum(samples, "lethe_jobs_accepted_total", &[])
}

fn unfinished(samples: &Samples) -> f64 {
    sum(samples, "lethe_jobs", &[]) - sum(samples, "lethe_jobs", &["state=\"receiving\""])
}

fn holds(samples: &Samples) {
    let ended = sum(samples, "lethe_jobs_ended_total", &[]);
    same(accepted(samples), ended + unfinished(samples), "jobs", samples);
    let remaining = sum(samples, "lethe_memories_remaining", &[]);
    for store in ["store=\"sql\"", "store=\"vector\""] {
        let selected = sum(samples, "lethe_memories_selected_total", &[store]);
        let outcomes = sum(samples, "lethe_memories_total", &[store]);
        same(selected, outcomes + remaining, store, samples);
    }
}

fn same(left: f64, right: f64, what: &str, samples: &Samples) {
    // Whole numbers far below 2^53.
    assert!(
        (left - right).abs() < 0.5,
        "{what}: {left} is not {right} in {samples:#?}"
    );
}

fn kill_everything(service: &mut Service) {
    for worker in &mut service.workers {
        worker.process.kill();
    }
    service.process.kill();
}

async fn the_numbers_add_up_after_everything_was_killed(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.short_leases().set("worker.batch", 10).set("retry.rounds", 1));
    let all = memories::of("alice", 600);
    site.add(&all).await;
    let mut service = site.start().await;
    let client = &service.client;

    // Successes, one of them with absent ids, and a preview, which counts apart.
    client.succeeds(&json!({"select": {"ids": ids(&all[..20])}})).await;
    client.succeeds(&json!({"select": {"ids": ids(&all[10..40])}})).await;
    client
        .succeeds(&json!({"select": {"ids": ids(&all[40..90])}, "dry_run": true}))
        .await;
    // Failures: a job above the limit, and a job with a lying store, which is retried.
    let over = client
        .submit(&json!({"select": {"subject": {"user_id": "alice"}}, "limit": 1}))
        .await;
    assert_eq!(client.ended(&over).await["state"], "failed");
    // A job whose selection differs from `expect`. Its memories count as left.
    let dry = json!({"select": {"ids": ids(&all[..200])}, "dry_run": true});
    let digest = client.succeeds(&dry).await["preview"]["digest"].clone();
    let changed = client
        .submit(&json!({"select": {"ids": ids(&all[100..200])}, "expect": digest}))
        .await;
    assert_eq!(client.ended(&changed).await["error_code"], "selection_changed");
    site.tap.swallow(true);
    let kept = client.submit_ids(&ids(&all[40..60])).await;
    assert_eq!(client.ended(&kept).await["state"], "failed");
    site.tap.swallow(false);
    client.post(&format!("/v1/jobs/{kept}/retry")).await;
    assert_eq!(client.ended(&kept).await["state"], "succeeded");
    // A cancellation in the middle.
    let mut deletion = site.tap.hold(DELETE, 3, Side::Before);
    let cancelled = client.submit_ids(&ids(&all[60..300])).await;
    deletion.caught().await;
    client.post(&format!("/v1/jobs/{cancelled}/cancel")).await;
    deletion.release();
    assert_eq!(client.ended(&cancelled).await["state"], "cancelled");
    holds(&client.metrics().await);
    let before = client.metrics().await;

    // All processes are killed in the middle of a job.
    let mut deletion = site.tap.hold(DELETE, 7, Side::After);
    let interrupted = client.submit_ids(&ids(&all[300..])).await;
    deletion.caught().await;
    kill_everything(&mut service);
    deletion.release();

    if layout == Layout::POSTGRES_REDIS {
        // While the job is still unfinished.
        let api = site.api().await;
        let samples = api.client.metrics().await;
        same(unfinished(&samples), 1.0, "unfinished", &samples);
        holds(&samples);
    }
    let service = site.start().await;
    assert_eq!(service.client.ended(&interrupted).await["state"], "succeeded");
    let samples = service.client.metrics().await;
    holds(&samples);
    same(unfinished(&samples), 0.0, "unfinished", &samples);
    same(accepted(&samples), accepted(&before) + 1.0, "accepted", &samples);
    same(
        sum(&samples, "lethe_memories_remaining", &[]),
        0.0,
        "remaining",
        &samples,
    );
    let erased = |samples: &Samples, store: &str| sum(samples, "lethe_memories_total", &[store, "outcome=\"erased\""]);
    for store in ["store=\"sql\"", "store=\"vector\""] {
        same(erased(&samples, store), erased(&before, store) + 300.0, store, &samples);
    }
}
