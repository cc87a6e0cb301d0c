//! Acts on all jobs that match a filter.

use lethe_common::job::JobId;
use lethe_common::ledger::Effect;
use serde_json::{Value, json};

use crate::app::{Answer, App};
use crate::audit::{failed, trail};
use crate::callers::{self, TARGETS, job_of};

/// Submits jobs that wait, the oldest first.
async fn waiting(app: &App, who: &str, n: usize) -> Vec<JobId> {
    let mut ids = Vec::new();
    for _ in 0..n {
        ids.push(app.accepted(who).await);
    }
    ids
}

async fn state(app: &App, id: JobId) -> Value {
    app.get("root", &format!("/v1/jobs/{id}")).await.body["state"].take()
}

/// Asserts that an act answered with these numbers: done, refused, unchanged, left.
#[track_caller]
fn numbers(answer: &Answer, expected: [u64; 4]) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let all = ["done", "refused", "unchanged", "left"].map(|name| answer.body[name].as_u64().expect("a number"));
    assert_eq!(all, expected, "{}", answer.text);
    assert_eq!(
        answer.body["next"].is_null(),
        expected[3] == 0 || expected[..3] == [0; 3]
    );
}

fn next(answer: &Answer) -> &str {
    answer.body["next"].as_str().expect("a cursor")
}

#[tokio::test]
async fn an_act_takes_the_counted_jobs_page_by_page_and_no_later_one() {
    let app = App::new().await;
    let ids = waiting(&app, "eraser", 5).await;
    let counted = app.post("eraser", "/v1/jobs/cancel?target=main&dry_run=true").await;
    numbers(&counted, [0, 0, 0, 5]);
    assert_eq!(state(&app, ids[0]).await, "queued");

    let first = app.post("eraser", "/v1/jobs/cancel?target=main&expect=5&limit=2").await;
    numbers(&first, [2, 0, 0, 3]);
    let later = app.accepted("eraser").await;
    let path = format!("/v1/jobs/cancel?target=main&limit=2&after={}", next(&first));
    let second = app.post("eraser", &path).await;
    numbers(&second, [2, 0, 0, 1]);
    let path = format!("/v1/jobs/cancel?target=main&limit=2&after={}", next(&second));
    numbers(&app.post("eraser", &path).await, [1, 0, 0, 0]);
    for id in ids {
        assert_eq!(state(&app, id).await, "cancelled");
    }
    assert_eq!(state(&app, later).await, "queued", "it came after the act began");
    let mut cancelled = trail(&app).await;
    cancelled.retain(|event| event.act == "job.cancel" && event.effect == Effect::Done);
    assert_eq!(cancelled.len(), 5, "each job has its event");
}

#[tokio::test]
async fn another_number_than_expected_changes_nothing() {
    let app = App::new().await;
    let ids = waiting(&app, "eraser", 2).await;
    for (query, status, code, says) in [
        ("target=main&expect=3", 409, "selection-changed", "2 jobs match now"),
        ("target=main", 422, "invalid", "`expect`"),
        ("target=main&expect=two", 422, "invalid", "a number of jobs"),
        ("expect=2", 422, "invalid", "`all`"),
        ("all=false&expect=2", 422, "invalid", "`all`"),
        ("dry_run=true", 422, "invalid", "`all`"),
        ("state=failed&expect=0", 422, "invalid", "jobs that go on"),
        ("state=cancelling&expect=0", 422, "invalid", "jobs that go on"),
        ("target=main&after=x", 422, "invalid", "`next`"),
        ("target=elsewhere&expect=2", 422, "invalid", "`target`"),
        ("nothing=x&expect=2", 422, "invalid", "unknown field"),
    ] {
        let answer = app.post("eraser", &format!("/v1/jobs/cancel?{query}")).await;
        answer.refused(status, code, says);
    }
    let body = json!({"target": "main"});
    let answer = app.send_json("eraser", "POST", "/v1/jobs/cancel?all=true&expect=2", &body);
    answer.await.refused(422, "invalid", "send no body");
    for id in &ids {
        assert_eq!(state(&app, *id).await, "queued");
    }
    numbers(
        &app.post("eraser", "/v1/jobs/cancel?all=true&expect=2").await,
        [2, 0, 0, 0],
    );
}

#[tokio::test]
async fn jobs_that_the_caller_does_not_control_are_refused_one_by_one() {
    let app = App::new().await;
    let own = waiting(&app, "eraser", 1).await;
    let others = waiting(&app, "other", 2).await;
    let answer = app.post("eraser", "/v1/jobs/cancel?target=main&expect=3").await;
    numbers(&answer, [1, 2, 0, 0]);
    assert_eq!(state(&app, own[0]).await, "cancelled");
    for id in &others {
        assert_eq!(state(&app, *id).await, "queued");
    }
    let refused = trail(&app)
        .await
        .into_iter()
        .find(|event| event.effect == Effect::Refused);
    let refused = refused.expect("an event");
    assert_eq!((refused.act.as_str(), refused.actor.as_str()), ("job.cancel", "eraser"));

    // A caller that sees its own jobs only counts no others.
    let counted = app.post("owner", "/v1/jobs/cancel?target=main&dry_run=true").await;
    numbers(&counted, [0, 0, 0, 0]);
    // A caller that may change nothing is not told how many there are.
    for path in ["/v1/jobs/cancel", "/v1/jobs/retry"] {
        let answer = app.post("reader", &format!("{path}?target=main&dry_run=true")).await;
        answer.refused(403, "forbidden", "`jobs:admin`");
    }
    let pace = json!({"per_second": 7});
    let answer = app
        .send_json("reader", "PATCH", "/v1/jobs?target=main&expect=2", &pace)
        .await;
    answer.refused(403, "forbidden", "`jobs:admin`");
    numbers(
        &app.post("operator", "/v1/jobs/cancel?target=main&expect=2").await,
        [2, 0, 0, 0],
    );
}

#[tokio::test]
async fn a_job_that_ends_during_an_act_is_counted_as_unchanged() {
    let app = App::new().await;
    let ids = waiting(&app, "eraser", 3).await;
    let first = app.post("eraser", "/v1/jobs/cancel?target=main&expect=3&limit=1").await;
    numbers(&first, [1, 0, 0, 2]);
    app.post("eraser", &format!("/v1/jobs/{}/cancel", ids[0])).await;
    let path = format!("/v1/jobs/cancel?target=main&after={}", next(&first));
    numbers(&app.post("eraser", &path).await, [1, 0, 1, 0]);
}

#[tokio::test]
async fn failed_jobs_are_retried_and_cancelled_ones_only_by_their_state() {
    let app = App::new().await;
    let failed = failed(&app).await;
    let cancelled = waiting(&app, "eraser", 1).await[0];
    app.post("eraser", &format!("/v1/jobs/{cancelled}/cancel")).await;
    let answer = app.post("eraser", "/v1/jobs/retry?target=main&expect=1").await;
    numbers(&answer, [1, 0, 0, 0]);
    assert_eq!(state(&app, failed).await, "queued");
    assert_eq!(state(&app, cancelled).await, "cancelled", "somebody stopped it");
    let answer = app.post("eraser", "/v1/jobs/retry?state=cancelled&expect=1").await;
    numbers(&answer, [1, 0, 0, 0]);
    assert_eq!(state(&app, cancelled).await, "queued");
    app.post("eraser", "/v1/jobs/retry?state=queued&expect=2")
        .await
        .refused(422, "invalid", "cannot be retried");
}

#[tokio::test]
async fn the_pace_of_matching_jobs_is_set_and_lifted() {
    let app = App::new().await;
    let ids = waiting(&app, "eraser", 2).await;
    for pace in [json!(7), Value::Null] {
        let body = json!({"per_second": pace});
        let answer = app.send_json("eraser", "PATCH", "/v1/jobs?state=queued&expect=2", &body);
        numbers(&answer.await, [2, 0, 0, 0]);
        for id in &ids {
            let job = app.get("root", &format!("/v1/jobs/{id}")).await;
            assert_eq!(job.body["per_second"], pace);
        }
    }
    let nothing = json!({});
    let answer = app.send_json("eraser", "PATCH", "/v1/jobs?state=queued&expect=2", &nothing);
    answer.await.refused(422, "invalid", "per_second");
}

#[tokio::test]
async fn every_caller_takes_the_jobs_that_it_sees_and_controls() {
    let (app, callers) = callers::start("").await;
    for caller in callers {
        for target in TARGETS {
            let ids = [
                job_of(&app, Some(&caller), target).await,
                job_of(&app, None, target).await,
            ];
            let status = if caller.unknown {
                401
            } else if !caller.has("jobs:admin") && !caller.erases() {
                403
            } else if !caller.reaches(target) {
                422
            } else {
                200
            };
            let path = |end: &str| format!("/v1/jobs/cancel?target={target}&{end}");
            let counted = app.post(&caller.sends, &path("dry_run=true")).await;
            assert_eq!(counted.status, status, "{}: {}", caller.name, counted.text);
            if status == 200 {
                let others = u64::from(caller.sees_others(target));
                numbers(&counted, [0, 0, 0, 1 + others]);
                let acted = app.post(&caller.sends, &path(&format!("expect={}", 1 + others))).await;
                let refused = if caller.has("jobs:admin") { 0 } else { others };
                numbers(&acted, [1 + others - refused, refused, 0, 0]);
            }
            for id in ids {
                app.post("root", &format!("/v1/jobs/{id}/cancel")).await;
            }
        }
    }
}
