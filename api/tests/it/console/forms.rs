//! Acts by forms: their tokens, their origins, and the rights that they need.

use jiff::SignedDuration;
use lethe_common::clock::Clock;
use lethe_common::error_code::ErrorCode;
use serde_json::{Value, json};

use super::browser::{Browser, HERE, form_of};
use super::overview::fail;
use crate::app::App;
use crate::audit::{failed, trail};

#[tokio::test]
async fn a_form_without_the_token_of_its_session_does_nothing() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let (page, cancel) = (format!("/console/jobs/{id}"), format!("/console/jobs/{id}/cancel"));
    let browser = Browser::signed_in(&app, "eraser").await;
    let others = Browser::signed_in(&app, "root").await.token(&page).await;
    let own = browser.token(&page).await;
    let here = [("origin", HERE)];
    let there = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    for (headers, form) in [
        (&here[..], String::new()),
        (&here, form_of(&[("csrf", "")])),
        (&here, form_of(&[("csrf", &others)])),
        (&there, form_of(&[("csrf", &own)])),
    ] {
        let answer = browser.send("POST", &cancel, headers, &form).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
        assert!(answer.text.contains("id=\"problem\""), "{}", answer.text);
    }
    let stranger = Browser::new(&app);
    let answer = stranger.send("POST", &cancel, &here, &form_of(&[("csrf", &own)])).await;
    assert_eq!(answer.status, 303);
    assert_eq!(app.get("root", &format!("/v1/jobs/{id}")).await.body["state"], "queued");

    let answer = browser.post(&page, &cancel, &[]).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["location"]),
        (303, &page.parse().unwrap())
    );
    assert_eq!(
        app.get("root", &format!("/v1/jobs/{id}")).await.body["state"],
        "cancelled"
    );
    let event = trail(&app).await.remove(0);
    assert_eq!((event.act.as_str(), event.actor.as_str()), ("job.cancel", "eraser"));
}

#[tokio::test]
async fn the_pace_of_a_job_is_set_and_lifted() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let (page, form) = (format!("/console/jobs/{id}"), format!("/console/jobs/{id}/pace"));
    let browser = Browser::signed_in(&app, "eraser").await;
    for (written, expected, step) in [("7.5", json!(7.5), 3), ("", Value::Null, 19)] {
        let answer = browser.post(&page, &form, &[("per_second", written)]).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        assert_eq!(
            app.get("root", &format!("/v1/jobs/{id}")).await.body["per_second"],
            expected
        );
        let slider = format!("type=\"range\" min=\"0\" max=\"19\" value=\"{step}\" data-sets=\"per_second\"");
        let shown = browser.get(&page).await.text;
        assert!(shown.contains(&slider), "{slider}: {shown}");
    }
    let wrong = browser.post(&page, &form, &[("per_second", "fast")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("per_second"), "{}", wrong.text);
}

#[tokio::test]
async fn a_deadline_is_shown_and_extended() {
    let app = App::new().await;
    let id = app
        .create("privacy", &json!({"select": {"subject": {"user_id": "ana"}}}))
        .await
        .job();
    let (page, form) = (format!("/console/jobs/{id}"), format!("/console/jobs/{id}/extend"));
    let reader = Browser::signed_in(&app, "reader").await;
    let shown = reader.get(&page).await.text;
    assert!(shown.contains("Due under gdpr until <time"), "{shown}");
    assert!(shown.contains("there is time") && !shown.contains(&form), "{shown}");
    let browser = Browser::signed_in(&app, "privacy").await;
    assert!(browser.get(&page).await.text.contains(&form));
    let wrong = browser
        .post(&page, &form, &[("reason", "complexity"), ("until", "later")])
        .await;
    assert_eq!(wrong.status, 422, "{}", wrong.text);
    let done = browser
        .post(&page, &form, &[("reason", "complexity"), ("until", "")])
        .await;
    assert_eq!(done.status, 303, "{}", done.text);
    let shown = browser.get(&page).await.text;
    assert!(shown.contains("Extended from <time"), "{shown}");
    assert!(!shown.contains(&form), "a deadline is extended once: {shown}");
    let event = trail(&app).await.remove(0);
    assert_eq!((event.act.as_str(), event.actor.as_str()), ("job.extend", "privacy"));
}

#[tokio::test]
async fn an_overdue_job_needs_attention() {
    let app = App::new().await;
    let old = Clock::system().now() - SignedDuration::from_hours(60 * 24);
    let body = json!({"select": {"subject": {"user_id": "ana"}}, "received_at": old});
    let id = app.create("privacy", &body).await.job();
    let browser = Browser::signed_in(&app, "root").await;
    let overview = browser.get("/").await.text;
    assert!(overview.contains("Overdue: 1 job."), "{overview}");
    assert!(overview.contains("/console/jobs?overdue=true"), "{overview}");
    let list = browser.get("/console/jobs?overdue=true").await.text;
    assert!(list.contains(&id.to_string()) && list.contains(": overdue"), "{list}");
    let page = browser.get(&format!("/console/jobs/{id}")).await.text;
    assert!(page.contains("<p id=\"due\" data-live class=\"bad\">"), "{page}");
}

#[tokio::test]
async fn a_failed_job_is_tried_again() {
    let app = App::new().await;
    let id = failed(&app).await;
    let page = format!("/console/jobs/{id}");
    let browser = Browser::signed_in(&app, "eraser").await;
    assert!(browser.get(&page).await.text.contains(&format!("{page}/retry")));
    let answer = browser.post(&page, &format!("{page}/retry"), &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(app.get("root", &format!("/v1/jobs/{id}")).await.body["state"], "queued");
}

#[tokio::test]
async fn a_job_whose_row_cannot_be_read_is_not_offered_another_attempt() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    fail(&app, ErrorCode::Corrupt).await;
    let job = app.get("eraser", &format!("/v1/jobs/{id}")).await;
    assert_eq!(
        (&job.body["state"], &job.body["error_code"]),
        (&json!("failed"), &json!("corrupt")),
        "{}",
        job.text
    );
    let page = format!("/console/jobs/{id}");
    let browser = Browser::signed_in(&app, "eraser").await;
    let shown = browser.get(&page).await.text;
    assert!(!shown.contains(&format!("{page}/retry")), "{shown}");
    let remedy = "Retrying cannot help: submit the deletion again (the page of the job has its request).";
    for path in [&*page, "/"] {
        let shown = browser.get(path).await.text;
        assert!(shown.contains(remedy), "{path}: {shown}");
    }
    // The API still allows it.
    let answer = app.post("eraser", &format!("/v1/jobs/{id}/retry")).await;
    assert_eq!(answer.body["state"], "queued", "{}", answer.text);
}

#[tokio::test]
async fn a_caller_that_only_reads_is_offered_no_act_and_may_do_none() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let page = format!("/console/jobs/{id}");
    let reader = Browser::signed_in(&app, "reader").await;
    let shown = reader.get(&page).await;
    assert_eq!(shown.status, 200);
    assert!(!shown.text.contains("type=\"range\""), "{}", shown.text);
    for act in ["cancel", "pace", "retry", "selection"] {
        let path = format!("{page}/{act}");
        assert!(!shown.text.contains(&path), "{act}: {}", shown.text);
        let answer = reader.post(&page, &path, &[]).await;
        assert_eq!(answer.status, 403, "{act}: {}", answer.text);
        assert!(answer.text.contains("jobs:admin"), "{act}: {}", answer.text);
    }
    assert_eq!(app.get("root", &format!("/v1/jobs/{id}")).await.body["state"], "queued");
}

#[tokio::test]
async fn a_form_has_no_more_fields_than_a_page() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let page = format!("/console/jobs/{id}");
    let browser = Browser::signed_in(&app, "eraser").await;
    let token = form_of(&[("csrf", &browser.token(&page).await)]);
    let cancel = format!("{page}/cancel");
    // Each field takes some dozen bytes of memory beside its two.
    let many = format!("{token}{}", "&a".repeat(5_000));
    let answer = browser.send("POST", &cancel, &[("origin", HERE)], &many).await;
    assert_eq!(answer.status, 413, "{}", answer.text);
    assert_eq!(app.get("root", &format!("/v1/jobs/{id}")).await.body["state"], "queued");
    let some = format!("{token}{}", "&a".repeat(1_000));
    let answer = browser.send("POST", &cancel, &[("origin", HERE)], &some).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
}
