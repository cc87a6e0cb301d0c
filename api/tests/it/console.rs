//! The console: sessions, pages, forms, and the headers that restrict pages.

mod audit;
mod browser;
mod events;
mod forms;
mod holds;
mod keys;
mod matching;
mod new;
mod origins;
mod overview;
mod personal;
mod receipts;
mod schedules;
mod sessions;
mod targets;
mod workers;

use lethe_common::job::JobId;
use serde_json::json;

use crate::app::{App, MAIN};
use crate::audit::failed;
use crate::log::sequenced;
use browser::{Browser, HERE};

/// Returns the pages of a service with a waiting and a failed job, and the ids of these. The receipt of the failed job is
/// signed.
async fn pages(app: &App) -> (Vec<String>, JobId, JobId) {
    let failed = failed(app).await;
    sequenced(app).await;
    let receipt = format!("/console/receipts/{}", receipts::of_job(app, failed).await);
    let waiting = app.create("eraser", &json!({"select": {"ids": ["x"]}})).await.job();
    let key = json!({"name": "nightly", "scopes": ["jobs:read"]});
    assert_eq!(app.send_json("root", "POST", "/v1/keys", &key).await.status, 201);
    let schedule = json!({"cron": "0 3 * * *", "time_zone": "UTC", "job": {"select": {"ids": ["x"]}}});
    let put = app.send_json("root", "PUT", "/v1/schedules/nightly", &schedule).await;
    assert_eq!(put.status, 201, "{}", put.text);
    let hold = json!({"workspaces": ["w"], "ground": "other"});
    let put = app.send_json("root", "PUT", "/v1/holds/case-77", &hold).await;
    assert_eq!(put.status, 201, "{}", put.text);
    let jobs = [waiting, failed].map(|id| format!("/console/jobs/{id}"));
    let receipts = [format!("{receipt}/certificate"), receipt];
    let others = [
        "/",
        "/console/jobs",
        "/console/jobs?state=failed",
        "/console/jobs/retry?state=failed",
        "/console/jobs/pace?state=queued",
        "/console/new",
        "/console/new?by=person",
        "/console/new?by=query",
        "/console/schedules",
        "/console/schedules/nightly",
        "/console/write-schedule",
        "/console/holds",
        "/console/holds/case-77",
        "/console/targets",
        "/console/workers",
        "/console/keys",
        "/console/keys/nightly",
        "/console/audit",
        "/console/receipts",
        "/console/log",
    ];
    let others = others.map(str::to_owned);
    let all = others.into_iter().chain(jobs).chain(receipts);
    (all.collect(), waiting, failed)
}

#[tokio::test]
async fn every_page_is_whole_and_restricted_to_its_own_files() {
    let app = App::new().await;
    let (mut all, ..) = pages(&app).await;
    // The pages of problems, too.
    all.extend(
        [
            "/console/jobs/no-such-job",
            "/console/nothing",
            "/console/jobs?state=gone",
        ]
        .map(str::to_owned),
    );
    let root = Browser::signed_in(&app, "root").await;
    let stranger = Browser::new(&app);
    let signing_in = (&stranger, "/console/sign-in".to_owned());
    let mut seen = Vec::new();
    for (browser, path) in all.into_iter().map(|path| (&root, path)).chain([signing_in]) {
        let page = browser.get(&path).await;
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8", "{path}");
        let policies: Vec<_> = page.headers.get_all("content-security-policy").iter().collect();
        assert_eq!(policies.len(), 1, "{path}: {policies:?}");
        let policy = policies[0].to_str().expect("text");
        let nonce = policy.split_once("'nonce-").and_then(|(_, rest)| rest.split_once('\''));
        let (nonce, _) = nonce.expect("a nonce");
        assert!(
            nonce.len() >= 32 && !seen.contains(&nonce.to_owned()),
            "{path}: {nonce}"
        );
        seen.push(nonce.to_owned());
        for part in [
            "default-src 'none'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types lethe",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.headers["cache-control"], "no-store", "{path}");
        assert_eq!(page.headers["x-content-type-options"], "nosniff", "{path}");
        let text = &page.text;
        assert!(
            text.starts_with("<!DOCTYPE html>") && text.trim_end().ends_with("</html>"),
            "{path}"
        );
        assert_eq!(text.matches("<h1>").count(), 1, "{path}");
        assert!(
            text.contains("<html lang=\"en\">") && text.contains("<main id=\"main\""),
            "{path}"
        );
        assert!(text.contains(&format!("nonce=\"{nonce}\" defer>")), "{path}");
        // A certificate carries its receipt in a block of data, which no browser runs.
        let blocks = usize::from(path.ends_with("/certificate"));
        let data = "<script type=\"application/json\" id=\"receipt-file\">";
        assert_eq!(text.matches(data).count(), blocks, "{path}");
        assert_eq!(text.matches("<script").count(), 1 + blocks, "{path}");
        for inline in [
            " style=",
            "<style",
            " onclick=",
            " onload=",
            "javascript:",
            "http://",
            "https://",
        ] {
            assert!(!text.contains(inline), "{path}: {inline}");
        }
    }
}

#[tokio::test]
async fn the_files_of_a_page_may_be_kept_for_ever_and_need_no_session() {
    let app = App::new().await;
    let page = Browser::new(&app).get("/console/sign-in").await;
    let files: Vec<&str> = page
        .text
        .split('"')
        .filter(|text| text.starts_with("/console/assets/"))
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let asset = app.get("", file).await;
        assert_eq!((asset.status.as_u16(), asset.text.is_empty()), (200, false), "{file}");
        let kept = asset.headers["cache-control"].to_str().expect("text");
        assert!(kept.contains("immutable"), "{file}: {kept}");
    }
    assert_eq!(app.get("", "/console/assets/console.0.css").await.status, 404);
}

#[tokio::test]
async fn the_overview_names_what_needs_somebody() {
    let app = App::new().await;
    let (_, _, failed) = pages(&app).await;
    let page = Browser::signed_in(&app, "root").await.get("/").await;
    assert_eq!(page.status, 200, "{}", page.text);
    for said in [
        &*format!("/console/jobs/{failed}"),
        "No worker has reported in the last seconds",
    ] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    // It is the cause of the other condition.
    assert!(
        !page.text.contains("No worker serves memories of main"),
        "{}",
        page.text
    );
    // A caller that may read only its own jobs learns nothing about the service.
    let own = Browser::signed_in(&app, "owner").await.get("/").await;
    assert_eq!(own.status, 200);
    assert!(
        own.text.contains("jobs:read") && !own.text.contains("No worker"),
        "{}",
        own.text
    );
    assert!(!own.text.contains(&failed.to_string()));
}

#[tokio::test]
async fn the_list_of_jobs_is_filtered_and_goes_on() {
    let app = App::new().await;
    let (_, waiting, failed) = pages(&app).await;
    let root = Browser::signed_in(&app, "root").await;
    let page = root.get("/console/jobs?state=failed&target=&schedule=").await;
    assert!(page.text.contains(&failed.to_string()), "{}", page.text);
    assert!(!page.text.contains(&waiting.to_string()), "{}", page.text);
    let first = root.get("/console/jobs?limit=1").await;
    assert!(first.text.contains(&waiting.to_string()), "{}", first.text);
    let next = first
        .text
        .split('"')
        .find(|text| text.contains("after="))
        .expect("a next page");
    let next = root.get(&next.replace("&#38;", "&")).await;
    assert!(next.text.contains(&failed.to_string()), "{}", next.text);
    let wrong = root.get("/console/jobs?state=gone").await;
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.text.contains("id=\"problem\"") && wrong.text.contains("write one of"),
        "{}",
        wrong.text
    );
}

#[tokio::test]
async fn what_an_ended_job_left_is_not_done() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    assert_eq!(app.post("operator", &format!("/v1/jobs/{id}/cancel")).await.status, 202);
    let page = Browser::signed_in(&app, "root").await;
    let page = page.get(&format!("/console/jobs/{id}")).await;
    for said in ["cancelled", "0 of 2 memories", "max=\"2\" value=\"0\"", "2 left"] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
}

#[tokio::test]
async fn without_the_console_there_are_no_pages() {
    let app = App::with(&format!("[console]\nenabled = false\n{MAIN}")).await;
    for path in ["/console", "/console/sign-in", "/console/jobs"] {
        assert_eq!(Browser::new(&app).get(path).await.status, 404, "{path}");
    }
    let sent = Browser::new(&app)
        .send(
            "POST",
            "/console/sign-in",
            &[("origin", HERE)],
            "credentials=key-of-root",
        )
        .await;
    assert_eq!(sent.status, 404);
    assert!(!sent.headers.contains_key("set-cookie"));
}
