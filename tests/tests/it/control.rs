//! The control of jobs: cancel, retry, pause and delayed start.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::{Site, TARGET};
use lethe_tests::tap::{DELETE, Side};
use lethe_tests::{on_both_databases, wait};
use reqwest::StatusCode;
use serde_json::json;

on_both_databases!(
    a_running_job_that_is_cancelled_stops_and_says_what_is_left,
    a_cancelled_job_can_be_tried_again,
    a_person_that_is_tried_again_was_erased_by_all_attempts,
    a_vector_that_was_kept_is_erased_by_the_next_attempt_and_its_row_by_the_first,
    a_queued_job_that_is_cancelled_touches_nothing,
    paused_work_is_accepted_and_waits,
    a_job_for_later_waits,
    a_caller_can_wait_for_the_end,
);

async fn a_running_job_that_is_cancelled_stops_and_says_what_is_left(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("worker.batch", 10).set("worker.slots", 1));
    let all = memories::of("alice", 500);
    site.add(&all).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 3, Side::Before);
    let id = service.client.submit_ids(&ids(&all)).await;
    deletion.caught().await;
    let answer = service.client.post(&format!("/v1/jobs/{id}/cancel")).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(answer.body["state"], "cancelling");
    deletion.release();
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "cancelled");
    let counts = counts(&job);
    let (erased, left) = (
        counts["sql"]["erased"].as_u64().unwrap(),
        counts["sql"]["left"].as_u64().unwrap(),
    );
    assert_eq!(counts["sql"], counts["vector"]);
    assert_eq!(erased + left, 500);
    // Running batches were finished: whole batches, in both stores, and at most one per slot.
    assert_eq!(erased % 10, 0);
    assert!((40..=80).contains(&erased), "{erased}");
    assert_eq!(site.memories.count().await, left);
    assert_eq!(site.memories.left().await, site.vectors.left().await);
    let again = service.client.post(&format!("/v1/jobs/{id}/cancel")).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text);
}

async fn a_cancelled_job_can_be_tried_again(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("worker.batch", 10).set("worker.slots", 1));
    let all = memories::of("alice", 200);
    site.add(&all).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 2, Side::Before);
    let id = service.client.submit_ids(&ids(&all)).await;
    deletion.caught().await;
    service.client.post(&format!("/v1/jobs/{id}/cancel")).await;
    deletion.release();
    assert_eq!(service.client.ended(&id).await["state"], "cancelled");
    let left = site.memories.count().await;
    assert!(0 < left && left < 200, "{left}");

    let answer = service.client.post(&format!("/v1/jobs/{id}/retry")).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let job = service.client.ended(&id).await;

    assert_eq!(
        (&job["state"], &job["attempt"]),
        (&json!("succeeded"), &json!(2)),
        "{job:#}"
    );
    site.holds(&[]).await;
    // A job's counts cover all of its attempts.
    let expected = json!({"erased": 200});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    assert_eq!((&job["selected"], &job["progress"]), (&json!(200), &json!(1.0)));
    let attempts = job["attempts"].as_array().unwrap();
    let erased = |attempt: &serde_json::Value| counts(attempt)["sql"]["erased"].as_u64().unwrap();
    assert_eq!(attempts.iter().map(erased).collect::<Vec<_>>(), [200 - left, left]);
    assert_eq!(attempts[0]["state"], "cancelled");
}

async fn a_person_that_is_tried_again_was_erased_by_all_attempts(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("worker.batch", 10).set("worker.slots", 1));
    let all = memories::of("alice", 200);
    site.add(&all).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 2, Side::Before);
    let subject = json!({"select": {"subject": {"user_id": "alice"}}});
    let id = service.client.submit(&subject).await;
    deletion.caught().await;
    service.client.post(&format!("/v1/jobs/{id}/cancel")).await;
    deletion.release();
    assert_eq!(service.client.ended(&id).await["state"], "cancelled");
    let left = site.memories.count().await;
    assert!(0 < left && left < 200, "{left}");

    service.client.post(&format!("/v1/jobs/{id}/retry")).await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "succeeded", "{job:#}");
    let expected = json!({"erased": 200});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    assert_eq!(job["selected"], 200);
    site.holds(&[]).await;
}

async fn a_vector_that_was_kept_is_erased_by_the_next_attempt_and_its_row_by_the_first(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("retry.rounds", 1));
    let all = memories::of("alice", 20);
    site.add(&all).await;
    let service = site.start().await;
    site.tap.swallow(true);
    let id = service.client.submit_ids(&ids(&all)).await;
    let job = service.client.ended(&id).await;
    assert_eq!(
        counts(&job),
        json!({"sql": {"erased": 20}, "vector": {"failed": 20}}),
        "{job:#}"
    );
    site.tap.swallow(false);
    service.client.post(&format!("/v1/jobs/{id}/retry")).await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "succeeded", "{job:#}");
    let expected = json!({"erased": 20});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    site.holds(&[]).await;
}

async fn a_queued_job_that_is_cancelled_touches_nothing(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 10);
    site.add(&all).await;
    let service = site.start().await;
    assert!(service.client.post("/v1/pause").await.status.is_success());
    let id = service.client.submit_ids(&ids(&all)).await;
    service.client.post(&format!("/v1/jobs/{id}/cancel")).await;
    assert!(service.client.post("/v1/resume").await.status.is_success());
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "cancelled");
    assert_eq!(counts(&job), json!({"sql": {"left": 10}, "vector": {"left": 10}}));
    site.holds(&all).await;
}

async fn paused_work_is_accepted_and_waits(layout: Layout) {
    for scope in ["", &format!("/targets/{TARGET}")] {
        let mut site = Site::new(layout).await;
        site.configure(|config| config.set("worker.batch", 10).set("worker.slots", 1));
        let all = memories::of("alice", 300);
        site.add(&all).await;
        let service = site.start().await;
        // One job is in the middle, another has not begun.
        let mut deletion = site.tap.hold(DELETE, 2, Side::Before);
        let running = service.client.submit_ids(&ids(&all[..290])).await;
        deletion.caught().await;
        let paused = service.client.post(&format!("/v1{scope}/pause")).await;
        assert!(paused.status.is_success(), "{}", paused.text);
        let waiting = service.client.submit_ids(&ids(&all[290..])).await;
        deletion.release();

        // Running batches are finished, and none begins: the count stays the same while the workers claim several
        // times.
        let rounds = async || -> f64 {
            let mut pages = vec![service.client.metrics().await];
            for worker in &service.workers {
                pages.push(worker.client.metrics().await);
            }
            let claims = pages
                .iter()
                .flatten()
                .filter(|(name, _)| name.starts_with("lethe_worker_last_claim_timestamp_seconds"));
            claims.map(|(_, at)| *at).fold(f64::INFINITY, f64::min)
        };
        wait::until_true("no partition is held", || async {
            service.client.job(&running).await["next_attempt_at"].is_string()
        })
        .await;
        let before = (rounds().await, site.memories.count().await);
        wait::until_true("every worker has looked again", || async { rounds().await > before.0 }).await;
        assert_eq!(site.memories.count().await, before.1);
        assert!(before.1 > 200, "{}", before.1);
        assert_eq!(service.client.job(&waiting).await["state"], "queued");

        assert!(
            service
                .client
                .post(&format!("/v1{scope}/resume"))
                .await
                .status
                .is_success()
        );
        for id in [running, waiting] {
            assert_eq!(service.client.ended(&id).await["state"], "succeeded");
        }
        site.holds(&[]).await;
    }
}

async fn a_job_for_later_waits(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 3);
    site.add(&all).await;
    let service = site.start().await;
    let hour = 3_600;
    let at = |seconds: i64| -> String {
        let number = format!("SELECT CAST(strftime('%s', 'now') AS BIGINT) + {seconds}");
        // Each database has its own function for the time.
        match layout.sql {
            lethe_tests::layout::Sql::Sqlite => number,
            lethe_tests::layout::Sql::Mysql => format!("SELECT CAST(unix_timestamp() AS SIGNED) + {seconds}"),
            lethe_tests::layout::Sql::Postgres => {
                format!("SELECT CAST(extract(epoch FROM now()) AS BIGINT) + {seconds}")
            }
        }
    };
    let later = site.memories.number(&at(hour)).await;
    let soon = site.memories.number(&at(2)).await;

    let far = json!({"select": {"ids": ids(&all[..1])}, "not_before": rfc3339(later)});
    let far = service.client.submit(&far).await;
    let near = json!({"select": {"ids": ids(&all[1..2])}, "not_before": rfc3339(soon)});
    let near = service.client.succeeds(&near).await;

    let time = |name: &str| -> jiff::Timestamp { near[name].as_str().unwrap().parse().unwrap() };
    assert!(time("started_at") >= time("not_before"), "{near:#}");
    assert_eq!(service.client.job(&far).await["state"], "queued");
    site.holds(&[all[0].clone(), all[2].clone()]).await;
    service.client.post(&format!("/v1/jobs/{far}/cancel")).await;
    assert_eq!(service.client.ended(&far).await["state"], "cancelled");
}

/// Returns seconds since 1970 in the API's form of times.
fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

async fn a_caller_can_wait_for_the_end(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 10);
    site.add(&all).await;
    let service = site.start().await;

    let request = service
        .client
        .request(reqwest::Method::POST, "/v1/jobs")
        .header("prefer", "wait=60");
    let answer = service
        .client
        .send(request.json(&json!({"select": {"ids": ids(&all)}})))
        .await;

    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.body["state"], "succeeded");
    site.holds(&[]).await;
}
