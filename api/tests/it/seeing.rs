//! Lists and acts of a caller that sees some jobs between others.

use std::collections::BTreeSet;

use lethe_common::job::JobId;
use serde_json::json;

use crate::app::App;
use crate::callers::TWO;

/// Makes a key that reads the jobs of all callers about one target, with these scopes.
async fn bound(app: &App, scopes: &[&str]) -> String {
    let body = json!({"name": "bound", "scopes": scopes, "targets": ["main"]});
    let made = app.send_json("root", "POST", "/v1/keys", &body).await;
    made.body["key"].as_str().expect("a key").to_owned()
}

/// Submits a job about one target, then `n` newer ones about both targets.
async fn submit(app: &App, n: usize) -> (JobId, BTreeSet<String>) {
    let one = json!({"target": "main", "select": {"ids": ["a"]}});
    let seen = app.create("root", &one).await.job();
    let mut hidden = BTreeSet::new();
    for _ in 0..n {
        let both = json!({"select": {"subject": {"user_id": "b"}}});
        hidden.insert(app.create("root", &both).await.job().to_string());
    }
    (seen, hidden)
}

#[tokio::test]
async fn a_cursor_names_no_job_that_the_caller_does_not_see() {
    let app = App::with(TWO).await;
    let key = bound(&app, &["jobs:read"]).await;
    let (seen, hidden) = submit(&app, 40).await;
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = app.get(&key, &format!("/v1/jobs?limit=1{after}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let jobs = page.body["jobs"].as_array().expect("a list");
        found.extend(jobs.iter().map(|job| job["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page.body["next"].as_str() else { break };
        assert!(!hidden.contains(next), "{next}");
        after = format!("&after={next}");
    }
    assert_eq!(found, [seen.to_string()]);
}

#[tokio::test]
async fn an_act_goes_past_jobs_that_the_caller_does_not_see() {
    let app = App::with(TWO).await;
    let key = bound(&app, &["jobs:read", "jobs:admin"]).await;
    let (seen, hidden) = submit(&app, 6).await;
    let mut path = "/v1/jobs/cancel?state=queued&expect=1&limit=4".to_owned();
    let mut done = 0;
    loop {
        let acted = app.post(&key, &path).await;
        assert_eq!(acted.status, 200, "{}", acted.text);
        done += acted.body["done"].as_u64().expect("a number");
        let Some(next) = acted.body["next"].as_str() else { break };
        assert!(hidden.iter().all(|id| !next.contains(id)), "{next}");
        path = format!("/v1/jobs/cancel?state=queued&limit=4&after={next}");
    }
    assert_eq!(done, 1);
    assert_eq!(
        app.get("root", &format!("/v1/jobs/{seen}")).await.body["state"],
        "cancelled"
    );
}
