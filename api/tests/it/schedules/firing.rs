//! The jobs that schedules make at their times, and their principals.

use axum::body::Body;
use jiff::{Timestamp, ToSpan};
use lethe_common::clock::Clock;
use lethe_common::ledger::Lease;
use serde_json::{Value, json};

use super::{PATH, app, body, claimed, closed, fired, miss, put, stored, with};
use crate::accepting::claim;
use crate::app::{App, MAIN, request};
use crate::callers::job_of;
use crate::tokens::{SECRET, claims, issuer, signed};

#[tokio::test]
async fn a_schedule_that_is_due_makes_one_job_however_much_it_missed() {
    let app = app().await;
    assert_eq!(put(&app, "eraser", &body()).await.status, 201);
    assert_eq!(fired(&app).await, 0);
    miss(&app).await;
    assert_eq!((fired(&app).await, fired(&app).await), (1, 0));

    let lease = claimed(&app).await;
    let jobs = app.get("eraser", "/v1/jobs?schedule=nightly").await.body["jobs"].clone();
    let job = &jobs[0];
    assert_eq!(jobs.as_array().expect("a list").len(), 1);
    assert_eq!(
        (&job["id"], &job["schedule"], &job["principal"], &job["waits_for"]),
        (
            &json!(lease.job.id.to_string()),
            &json!("nightly"),
            &json!("eraser"),
            &json!(null)
        )
    );
    assert_eq!(
        app.get("eraser", "/v1/jobs?schedule=other").await.body["jobs"],
        json!([])
    );
    let schedule = app.get("eraser", PATH).await.body;
    assert_eq!(
        (&schedule["last_job"], &schedule["last_outcome"]),
        (&job["id"], &json!("fired"))
    );
    let next: Timestamp = schedule["next_run_at"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    let now = Clock::system().now();
    assert!(next > now && next <= now + 24.hours(), "{next}");
    let page = app.get("root", "/metrics").await.text;
    assert!(
        page.contains("lethe_schedule_runs_total{outcome=\"fired\"} 1"),
        "{page}"
    );

    // The last job has not ended: the next time is skipped, and counted.
    miss(&app).await;
    assert_eq!(fired(&app).await, 1);
    assert!(claim(&app).await.is_empty());
    let schedule = app.get("eraser", PATH).await.body;
    assert_eq!(
        (&schedule["last_outcome"], &schedule["skipped"]),
        (&json!("skipped"), &json!(1))
    );
}

#[tokio::test]
async fn a_time_ago_is_counted_from_the_acceptance_of_each_job() {
    let app = app().await;
    let bound = |lease: &Lease| {
        let filter = json!(**lease.job.query.as_ref().expect("a query"));
        filter["range"]["bounds"]["lt"].clone()
    };
    let moment = |bound: Value| -> Timestamp { bound.as_str().expect("a text").parse().expect("a time") };
    let near = |at: Timestamp, days: i64| {
        let ago = Clock::system().now() - (days * 24).hours();
        assert!((at.as_second() - ago.as_second()).abs() < 60, "{at}");
    };
    let select = json!({"query": {"range": {"created_at": {"lt": {"ago": "90d"}}}}});
    app.create("root", &json!({"select": select})).await.job();
    near(moment(bound(&claimed(&app).await)), 90);
    let select = json!({"query": {"range": {"created_at": {"lt": {"ago": "2w", "as": "seconds"}}}}});
    app.create("root", &json!({"select": select})).await.job();
    let seconds = bound(&claimed(&app).await).as_i64().expect("a number");
    near(Timestamp::from_second(seconds).expect("a time"), 14);

    // The schedule keeps the bound as it was written.
    let written = put(&app, "root", &body()).await.body;
    assert_eq!(
        written["job"],
        json!({"dry_run": false, "select": body()["job"]["select"]})
    );
    miss(&app).await;
    assert_eq!(fired(&app).await, 1);
    near(moment(bound(&claimed(&app).await)), 90);

    let mixed = json!({"query": {"range": {"created_at": {"lt": {"ago": "90d"}, "gt": 1}}}});
    app.create("root", &json!({"select": mixed})).await.refused(
        422,
        "invalid",
        "write bounds that are all numbers, or all texts",
    );
    let equal = json!({"query": {"eq": {"created_at": {"ago": "90d"}}}});
    app.create("root", &json!({"select": equal}))
        .await
        .refused(422, "invalid", "`select.query.eq.created_at`");
}

#[tokio::test]
async fn the_same_request_with_a_time_ago_is_the_same_job() {
    let app = app().await;
    let body = json!({"select": {"query": {"range": {"created_at": {"lt": {"ago": "1s"}}}}}});
    let key = [("idempotency-key", "k")];
    let job = app.create_with("root", &body, &key).await.job();
    assert_eq!(app.create_with("root", &body, &key).await.job(), job);
    let other = json!({"select": {"query": {"range": {"created_at": {"lt": {"ago": "2s"}}}}}});
    app.create_with("root", &other, &key)
        .await
        .refused(422, "key-reused", "");
}

#[tokio::test]
async fn what_a_paused_schedule_misses_is_caught_up_once() {
    let app = app().await;
    put(&app, "root", &with("paused", json!(true))).await;
    miss(&app).await;
    assert_eq!((fired(&app).await, app.count().await), (0, 0));
    let resumed = app.post("root", &format!("{PATH}/resume")).await.body;
    let next: Timestamp = resumed["next_run_at"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    assert!(next < Clock::system().now(), "what it missed is there to be seen");
    assert_eq!((fired(&app).await, fired(&app).await, app.count().await), (1, 0, 1));
}

#[tokio::test]
async fn a_schedule_whose_key_opens_it_no_longer_is_refused_at_its_time() {
    let app = app().await;
    let made = json!({"name": "temp", "scopes": ["memories:delete:any"]});
    let made = app.send_json("root", "POST", "/v1/keys", &made).await;
    let key = made.body["key"].as_str().expect("a key").to_owned();
    assert_eq!(put(&app, &key, &body()).await.status, 201);
    let revoke = request("root", "DELETE", "/v1/keys/temp").body(Body::empty());
    let revoked = app.send(revoke.expect("a request")).await;
    let refused = json!({"refused_schedules": ["nightly"], "more": false});
    assert_eq!((revoked.status.as_u16(), revoked.body), (200, refused));
    miss(&app).await;
    assert_eq!((fired(&app).await, fired(&app).await, app.count().await), (1, 0, 0));
    let schedule = app.get("root", PATH).await.body;
    assert_eq!(
        (&schedule["last_outcome"], &schedule["refused"]),
        (&json!("refused"), &json!(1))
    );
    assert!(
        schedule["last_problem"]
            .as_str()
            .expect("a text")
            .contains("its principal are gone")
    );

    // A new key of the same name with fewer rights has no more rights here.
    let less = json!({"name": "temp", "scopes": ["memories:delete"]});
    assert_eq!(app.send_json("root", "POST", "/v1/keys", &less).await.status, 201);
    miss(&app).await;
    assert_eq!((fired(&app).await, app.count().await), (1, 0));
    let schedule = app.get("root", PATH).await.body;
    assert!(
        schedule["last_problem"]
            .as_str()
            .expect("a text")
            .contains("name the owner")
    );
    let page = app.get("root", "/metrics").await.text;
    assert!(
        page.contains("lethe_schedule_runs_total{outcome=\"refused\"} 2"),
        "{page}"
    );
}

#[tokio::test]
async fn a_schedule_whose_rights_cannot_be_read_is_refused_at_its_time() {
    let app = app().await;
    assert_eq!(put(&app, "root", &body()).await.status, 201);
    let row = stored(&app).await;
    let mut record = row.schedule.clone();
    // They do not say whether the writer was bound to a person, whom its key may not be bound to any more.
    "{}".clone_into(&mut record.rights);
    let replaced = app
        .ledger
        .replace_schedule(&record, &row.revision, &crate::app::tester())
        .await;
    assert!(replaced.expect("the ledger answers"));
    miss(&app).await;
    assert_eq!((fired(&app).await, app.count().await), (1, 0));
    let schedule = app.get("root", PATH).await.body;
    assert_eq!(schedule["last_outcome"], "refused", "{schedule}");
}

#[tokio::test]
async fn a_schedule_that_a_token_wrote_reaches_no_further_than_the_token_did() {
    let issuer = issuer("allow_scopes = [\"memories:delete\"]");
    let app = App::in_env(&format!("{MAIN}\n{issuer}"), &[("JWT_SECRET", SECRET)]).await;
    let token = signed(&claims(&json!({})));
    let mut asked = body();
    asked["job"] = json!({"select": {"subject": {"user_id": "ana"}}});
    let answer = put(&app, &token, &asked).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    miss(&app).await;
    assert_eq!(fired(&app).await, 1);
    let lease = claimed(&app).await;
    let subject = lease.job.subject.as_ref().expect("a subject");
    assert_eq!(subject.user_id.as_deref(), Some("ana"));
    // An issuer that is no longer configured gives no rights.
    let mut record = stored(&app).await.schedule;
    record.principal = record.principal.replacen("jwt:", "jwt:former-", 1);
    (record.name, record.next_run_at) = ("former".to_owned(), 1_000);
    assert!(
        app.ledger
            .add_schedule(&record, &crate::app::tester())
            .await
            .expect("the ledger answers")
    );
    assert_eq!((fired(&app).await, app.count().await), (1, 1));
    let refused = app.get("root", "/v1/schedules/former").await.body;
    assert_eq!(refused["last_outcome"], "refused", "{refused}");
    asked["job"] = json!({"select": {"subject": {"user_id": "ben"}}});
    put(&app, &token, &asked)
        .await
        .refused(403, "forbidden", "name yourself");
}

#[tokio::test]
async fn a_time_stays_due_while_too_many_jobs_are_unfinished() {
    let app = App::with(&format!("api.max_queue = 1\n{MAIN}")).await;
    let mut asked = body();
    asked["job"] = json!({"select": {"ids": ["a"]}});
    assert_eq!(put(&app, "root", &asked).await.status, 201);
    let job = job_of(&app, None, "main").await;
    miss(&app).await;
    assert_eq!(fired(&app).await, 0);
    assert_eq!(stored(&app).await.last_outcome, None);
    app.ledger
        .cancel(job, &crate::app::tester())
        .await
        .expect("the ledger answers");
    // The count is cached for a second.
    let start = std::time::Instant::now();
    while fired(&app).await == 0 {
        assert!(start.elapsed().as_secs() < 30, "it stays due");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn schedules_that_cannot_fire_here_do_not_keep_others_from_firing() {
    let app = app().await;
    assert_eq!(put(&app, "root", &body()).await.status, 201);
    miss(&app).await;
    let mut record = stored(&app).await.schedule;
    // Another process has time zones that this one lacks.
    "Nowhere/Else".clone_into(&mut record.time_zone);
    record.next_run_at = 1_000;
    for n in 0..120 {
        record.name = format!("elsewhere-{n}");
        let added = app.ledger.add_schedule(&record, &crate::app::tester()).await;
        assert!(added.expect("the ledger answers"));
    }
    assert_eq!((fired(&app).await, app.count().await), (1, 1));
    assert_eq!(stored(&app).await.last_outcome.as_deref(), Some("fired"));
    // The others stay due.
    assert_eq!(fired(&app).await, 0);
    let row = app.ledger.schedule("elsewhere-0").await.expect("the ledger answers");
    assert_eq!(row.expect("a schedule").next_run_at, Some(1_000));
}

#[tokio::test]
async fn a_time_stays_due_while_its_caller_has_too_many_unfinished_jobs() {
    let app = App::with(&format!("api.max_unfinished_jobs_per_caller = 1\n{MAIN}")).await;
    let mut asked = body();
    asked["job"] = json!({"select": {"ids": ["a"]}});
    assert_eq!(put(&app, "root", &asked).await.status, 201);
    let job = app.accepted("root").await;
    miss(&app).await;
    assert_eq!(fired(&app).await, 0);
    assert_eq!(stored(&app).await.last_outcome, None);
    app.ledger
        .cancel(job, &crate::app::tester())
        .await
        .expect("the ledger answers");
    // The count is cached for a second.
    let start = std::time::Instant::now();
    while fired(&app).await == 0 {
        assert!(start.elapsed().as_secs() < 30, "it stays due");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_preview_counts_now_and_is_no_run() {
    let app = app().await;
    put(&app, "root", &with("windows", closed())).await;
    let answer = app.post("root", &format!("{PATH}/preview")).await;
    let id = answer.job();
    assert_eq!(
        (
            &answer.body["dry_run"],
            &answer.body["schedule"],
            &answer.body["waits_for"]
        ),
        (&json!(true), &json!("nightly"), &json!(null))
    );
    let lease = claimed(&app).await;
    assert_eq!((lease.job.id, lease.kind.as_str()), (id, "preview"));
    let schedule = app.get("root", PATH).await.body;
    assert_eq!(
        (&schedule["last_job"], &schedule["last_run_at"]),
        (&json!(null), &json!(null))
    );
    // The preview has not ended, and does not delay a run.
    miss(&app).await;
    assert_eq!(fired(&app).await, 1);
    assert_eq!(app.get("root", PATH).await.body["last_outcome"], "fired");

    // A preview runs with the rights of its caller, who has to be allowed to erase.
    app.post("operator", &format!("{PATH}/preview"))
        .await
        .refused(403, "forbidden", "memories:delete");
    let theirs = app.post("eraser", &format!("{PATH}/preview")).await;
    assert_eq!(theirs.body["principal"], "eraser");
    let with_body = app
        .send_json("root", "POST", &format!("{PATH}/preview"), &json!({}))
        .await;
    with_body.refused(422, "invalid", "send no body");
}

#[tokio::test]
async fn a_job_waits_for_the_window_of_its_schedule() {
    let app = app().await;
    let mut waiting = with("windows", closed());
    waiting["time_zone"] = json!("UTC");
    put(&app, "root", &waiting).await;
    miss(&app).await;
    assert_eq!(fired(&app).await, 1);
    assert!(claim(&app).await.is_empty());
    let job = app.get("root", "/v1/jobs?schedule=nightly").await.body["jobs"][0].clone();
    assert_eq!(
        (&job["state"], &job["waits_for"]["reason"]),
        (&json!("queued"), &json!("window"))
    );
    assert_eq!(
        job["waits_for"]["until"], job["next_attempt_at"],
        "the window opens then"
    );
    let next: Timestamp = job["next_attempt_at"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    let ahead = next.as_second() - Clock::system().now().as_second();
    assert!((10 * 3_600..=12 * 3_600).contains(&ahead), "{ahead}");

    assert_eq!(put(&app, "root", &body()).await.status, 200);
    assert_eq!(
        claimed(&app).await.job.id.to_string(),
        job["id"].as_str().expect("an id")
    );
    let id = job["id"].as_str().expect("an id");
    assert_eq!(
        app.get("root", &format!("/v1/jobs/{id}")).await.body["waits_for"],
        json!(null)
    );
}

#[tokio::test]
async fn a_schedule_of_a_key_made_anew_for_somebody_else_erases_nothing() {
    let app = app().await;
    let made = async |user: &str| {
        let gone = request("root", "DELETE", "/v1/keys/turned").body(Body::empty());
        app.send(gone.expect("a request")).await;
        let asked = json!({"name": "turned", "scopes": ["memories:delete"], "user": user});
        let answer = app.send_json("root", "POST", "/v1/keys", &asked).await;
        answer.body["key"].as_str().expect("a key").to_owned()
    };
    let key = made("alice").await;
    // The owner is the person that the key is bound to.
    let answer = put(&app, &key, &with("job", json!({"select": {"ids": ["a"]}}))).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let key = made("bob").await;
    assert_eq!(app.get(&key, PATH).await.status, 404);
    miss(&app).await;
    fired(&app).await;
    assert_eq!(stored(&app).await.last_outcome.as_deref(), Some("refused"));
    assert!(claim(&app).await.is_empty());
}
