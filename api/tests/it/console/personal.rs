//! Personal data is on no page until somebody asks for it, and asking leaves an audit event.

use serde_json::json;

use super::browser::Browser;
use crate::app::App;
use crate::audit::{failed, trail};

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
