//! The page of the audit trail, and its files.

use axum::body::Body;
use serde_json::Value;

use super::browser::Browser;
use crate::app::{App, request};
use crate::audit::trail;

const AUDIT: &str = "/console/audit";

/// Returns the path of a file that a page links.
#[track_caller]
fn file(page: &str, name: &str) -> String {
    let mut links = page.split('"').filter(|text| text.starts_with(name));
    links.next().expect("a link").replace("&#38;", "&")
}

/// Returns an app whose trail has three pauses of an operator, one of a reader that was refused, and a resume of root.
async fn paused() -> App {
    let app = App::new().await;
    for _ in 0..3 {
        app.post("operator", "/v1/pause").await;
    }
    app.post("reader", "/v1/pause").await;
    app.post("root", "/v1/resume").await;
    app
}

/// Returns the acts of the events on a page, with their effects and actors.
fn rows(page: &str) -> Vec<String> {
    let body = page.split_once("<tbody>").map_or("", |(_, rest)| rest);
    let rows = body.split("<tr>").skip(1);
    let cell = |row: &str, at: usize| {
        let cell = row.split("<td>").nth(at).unwrap_or_default();
        cell.split('<').next().unwrap_or_default().to_owned()
    };
    rows.map(|row| [1, 2, 3].map(|at| cell(row, at)).join(" ")).collect()
}

#[tokio::test]
async fn the_filters_are_in_the_address() {
    let app = paused().await;
    let root = Browser::signed_in(&app, "root").await;
    for (query, expected) in [
        (
            "?act=pause&actor=operator&effect=&since=&until=",
            vec![
                "pause unchanged operator",
                "pause unchanged operator",
                "pause done operator",
            ],
        ),
        ("?effect=refused", vec!["pause refused reader"]),
        ("?act=pause&effect=done", vec!["pause done operator"]),
        ("?act=pause&since=2100-01-01T00:00:00Z", vec![]),
    ] {
        let page = root.get(&format!("{AUDIT}{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert_eq!(rows(&page.text), expected, "{query}: {}", page.text);
    }
    let filtered = root.get("/console/audit?act=pause&effect=done").await.text;
    assert!(filtered.contains("<option selected>pause</option>"), "{filtered}");
    assert!(filtered.contains("<option selected>done</option>"), "{filtered}");
    for (query, says) in [
        ("?effect=gone", "write one of done, unchanged, refused"),
        ("?act=gone", "write one of"),
        ("?since=yesterday", "2030"),
        ("?colour=red", "colour"),
    ] {
        let wrong = root.get(&format!("{AUDIT}{query}")).await;
        assert_eq!(wrong.status, 422, "{query}: {}", wrong.text);
        assert!(
            wrong.text.contains("id=\"problem\"") && wrong.text.contains(says),
            "{query}: {}",
            wrong.text
        );
    }
}

#[tokio::test]
async fn a_list_goes_on_and_its_files_are_those_of_the_route() {
    let app = paused().await;
    let root = Browser::signed_in(&app, "root").await;
    let page = root.get("/console/audit?act=pause&limit=2").await.text;
    assert_eq!(rows(&page).len(), 2, "{page}");
    let older = root
        .get(&file(&page, "/console/audit?act=pause&#38;limit=2&#38;after="))
        .await
        .text;
    assert_eq!(rows(&older).len(), 2, "{older}");
    assert!(older.contains(">Newest<") && !older.contains(">Older<"), "{older}");

    for (name, kind) in [("csv", "text/csv"), ("ndjson", "application/x-ndjson")] {
        let link = file(&page, &format!("/console/audit.{name}?"));
        assert!(link.contains("act=pause") && link.contains("limit=1000"), "{link}");
        let saved = root.get(&link).await;
        let asked = request("root", "GET", "/v1/audit?act=pause").header("accept", kind);
        let answered = app.send(asked.body(Body::empty()).expect("a request")).await;
        assert_eq!(saved.status, 200, "{}", saved.text);
        assert_eq!(saved.text, answered.text, "{name}");
        assert_eq!(saved.headers["content-type"], answered.headers["content-type"]);
        assert_eq!(saved.headers["cache-control"], "no-store");
        let disposition = saved.headers["content-disposition"].to_str().expect("text");
        assert_eq!(disposition, format!("attachment; filename=\"audit.{name}\""));
    }
    let rest = file(&older, "/console/audit.ndjson?");
    let lines = root.get(&rest).await.text;
    assert_eq!(lines.lines().count(), 2, "a file begins with its page: {lines}");
    let event: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    assert_eq!(event["act"], "pause");
}

#[tokio::test]
async fn reading_the_trail_leaves_an_event_and_a_refused_look_too() {
    for path in [AUDIT, "/console/audit.csv", "/console/audit.ndjson"] {
        let app = App::new().await;
        let root = Browser::signed_in(&app, "root").await;
        let page = root.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        let events = trail(&app).await;
        assert_eq!(events.len(), 1, "{path}: {events:?}");
        assert_eq!(
            (events[0].act.as_str(), events[0].actor.as_str()),
            ("audit.read", "root")
        );

        let reader = Browser::signed_in(&app, "reader").await;
        let refused = reader.get(path).await;
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.text.contains("audit:read"), "{path}: {}", refused.text);
        let event = trail(&app).await.remove(0);
        assert_eq!(
            (event.act.as_str(), event.actor.as_str(), event.effect.as_str()),
            ("audit.read", "reader", "refused"),
            "{path}"
        );
        // Without a session nothing is read.
        assert_eq!(Browser::new(&app).get(path).await.status, 303, "{path}");
    }
}
