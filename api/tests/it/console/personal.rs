//! Personal data is on no page until somebody asks for it, and asking leaves an audit event.

use serde_json::{Value, json};

use super::browser::Browser;
use crate::app::App;
use crate::audit::{failed, trail};
use crate::callers::TWO;

#[tokio::test]
async fn a_page_names_nobody_before_somebody_asks() {
    let app = App::new().await;
    let person = json!({"select": {"subject": {"user_id": "ana@example.org"}}});
    let about = app.create("privacy", &person).await.job();
    let owned = json!({"select": {"ids": ["id-of-ben"]}, "owner": "ben@example.org", "workspace": "w-of-ben"});
    let ids = app.create("eraser", &owned).await.job();
    let root = Browser::signed_in(&app, "root").await;
    let jobs = [about, ids].map(|id| format!("/console/jobs/{id}"));
    for page in ["/", "/console/jobs", &jobs[0], &jobs[1]] {
        let text = root.get(page).await.text;
        for personal in ["ana@", "ben@", "id-of-ben", "w-of-ben"] {
            assert!(!text.contains(personal), "{page}: {personal}");
        }
    }
    let before = trail(&app).await.len();
    let shown = root.post(&jobs[0], &format!("{}/selection", jobs[0]), &[]).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert!(shown.text.contains("ana@example.org"), "{}", shown.text);
    let events = trail(&app).await;
    assert_eq!(events.len(), before + 1);
    let (event, object) = (&events[0], about.to_string());
    assert_eq!((event.act.as_str(), event.actor.as_str()), ("job.items", "root"));
    assert_eq!(event.object_id, object);
    // The page does not remember it.
    assert!(!root.get(&jobs[0]).await.text.contains("ana@"));
    let shown = root.post(&jobs[1], &format!("{}/selection", jobs[1]), &[]).await;
    assert!(
        shown.text.contains("ben@example.org") && shown.text.contains("w-of-ben"),
        "{}",
        shown.text
    );
}

#[tokio::test]
async fn the_ids_of_a_job_are_in_its_request_after_a_form_asked() {
    let app = App::new().await;
    let body = json!({"select": {"ids": ["-rf", "o'neil"]}});
    let page = format!("/console/jobs/{}", app.create("eraser", &body).await.job());
    let root = Browser::signed_in(&app, "root").await;
    let hidden = root.get(&page).await.text;
    assert!(!hidden.contains("neil") && !hidden.contains("-rf"), "{hidden}");
    assert!(hidden.contains("Show the ids, the owner and the workspace"), "{hidden}");
    assert!(hidden.contains("Put your own values"), "{hidden}");
    let before = trail(&app).await.len();
    let shown = root.post(&page, &format!("{page}/selection"), &[]).await.text;
    for said in [
        "&#34;-rf&#34;",
        "-- &#39;-rf&#39; &#39;o&#39;\\&#39;&#39;neil&#39;",
        "application/json",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(!shown.contains("Put your own values"), "{shown}");
    let events = trail(&app).await;
    assert_eq!((events.len(), events[0].act.as_str()), (before + 1, "job.items"));
    let again = root.get(&page).await.text;
    assert!(!again.contains("neil"), "the page does not remember it");
}

#[tokio::test]
async fn the_request_of_a_job_is_no_broader_than_the_job() {
    let app = App::with(TWO).await;
    let root = Browser::signed_in(&app, "root").await;
    let request = async |body: Value| {
        let page = format!("/console/jobs/{}", app.create("root", &body).await.job());
        let hidden = root.get(&page).await.text;
        assert!(hidden.contains("conditions that are not shown"), "{hidden}");
        root.post(&page, &format!("{page}/selection"), &[]).await.text
    };
    for (field, option) in [("user_id", "user"), ("agent_id", "agent")] {
        let shown = request(json!({"select": {"subject": {(field): "-x", "workspace": "w"}}})).await;
        assert!(shown.contains("--workspace=&#39;w&#39;"), "{shown}");
        let (option, json) = (
            format!("--{option}=&#39;-x&#39;"),
            format!("&#34;{field}&#34;: &#34;-x&#34;"),
        );
        assert!(shown.contains(&option) && shown.contains(&json), "{shown}");
        assert!(!shown.contains("conditions that are not shown"), "{shown}");
    }
    let workspace = request(json!({"select": {"subject": {"workspace": "w"}}})).await;
    assert!(
        !workspace.contains("lethe submit") && workspace.contains("curl"),
        "{workspace}"
    );
    let plain = request(json!({"select": {"subject": {"user_id": "x"}}, "regulation": "none"})).await;
    assert!(
        plain.contains("--regulation=&#39;none&#39;") && plain.contains("&#34;regulation&#34;: &#34;none&#34;"),
        "{plain}"
    );
    let owned =
        json!({"select": {"ids": ["a"]}, "target": "main", "owner": "-x", "kind": "note", "reference": "a … b"});
    let shown = request(owned).await;
    assert!(
        shown.contains("--owner=&#39;-x&#39;") && shown.contains("--kind=&#39;note&#39;"),
        "{shown}"
    );
    assert!(
        !shown.contains("conditions that are not shown"),
        "a mark hides nothing: {shown}"
    );
    let queried = request(json!({"select": {"query": {"all": true}}, "target": "main", "owner": "x"})).await;
    assert!(queried.contains("conditions that are not shown"), "{queried}");
}

#[tokio::test]
async fn too_many_ids_for_a_command_are_sent_from_a_file() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    let shown = async |n: usize| {
        let ids: Vec<String> = (0..n).map(|n| format!("memory-{n}")).collect();
        let body = json!({"select": {"ids": ids}, "dry_run": true, "labels": {"team": "a b"}});
        let page = format!("/console/jobs/{}", app.create("eraser", &body).await.job());
        root.post(&page, &format!("{page}/selection"), &[]).await.text
    };
    let all = shown(100).await;
    assert!(all.contains("memory-99") && !all.contains("ids.ndjson"), "{all}");
    let many = shown(101).await;
    assert!(!many.contains("memory-"), "{many}");
    for said in [
        "write them to <code>ids.ndjson</code>",
        "application/x-ndjson",
        "<code>lethe submit",
        "--ids-file=&#39;ids.ndjson&#39;",
    ] {
        assert!(many.contains(said), "{said}: {many}");
    }
    assert!(!many.contains("Put your own values"), "{many}");
    // The command makes the same job.
    let (_, rest) = many.split_once("$LETHE_URL/v1/jobs").expect("a command");
    let query = rest.split("&#34;").next().expect("a query").replace("&#38;", "&");
    let id = app.upload(&query, &[], "\"memory-0\"\n").await.job();
    let job = app.get("root", &format!("/v1/jobs/{id}")).await.body;
    assert_eq!(
        (&job["dry_run"], &job["labels"]["team"]),
        (&json!(true), &json!("a b")),
        "{query}"
    );
}

#[tokio::test]
async fn memories_are_shown_by_id_after_a_form_asked() {
    let app = App::new().await;
    let page = format!("/console/jobs/{}", failed(&app).await);
    let root = Browser::signed_in(&app, "root").await;
    let hidden = root.get(&page).await;
    assert!(
        hidden.text.contains("value=\"failed\"") && !hidden.text.contains("<code>a</code>"),
        "{}",
        hidden.text
    );
    let before = trail(&app).await.len();
    let shown = root
        .post(&page, &format!("{page}/items"), &[("outcome", "failed")])
        .await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert!(shown.text.contains("<code>a</code>"), "{}", shown.text);
    let events = trail(&app).await;
    assert_eq!((events.len(), events[0].act.as_str()), (before + 1, "job.items"));
    let wrong = root
        .post(&page, &format!("{page}/items"), &[("outcome", "erased")])
        .await;
    assert_eq!(wrong.status, 422);
}

#[tokio::test]
async fn a_value_of_a_request_is_never_markup() {
    let app = App::new().await;
    let name = "<script>alert(1)</script>'\"&";
    let person = json!({"select": {"subject": {"user_id": name}}});
    let page = format!("/console/jobs/{}", app.create("privacy", &person).await.job());
    let root = Browser::signed_in(&app, "root").await;
    let shown = root.post(&page, &format!("{page}/selection"), &[]).await;
    assert!(shown.text.contains("&#60;script&#62;alert(1)"), "{}", shown.text);
    assert!(!shown.text.contains("<script>alert"), "{}", shown.text);
    let list = root.get("/console/jobs?schedule=%22%3E%3Cscript%3E").await;
    assert!(!list.text.contains("\"><script>"), "{}", list.text);
}
