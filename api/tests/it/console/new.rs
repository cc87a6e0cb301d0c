//! New deletions: a selection is counted before it is erased, and only that selection is erased.

use axum::body::Body;
use axum::http::{Request, header};
use lethe_common::job::Outcome;
use lethe_common::ledger::{Delta, ItemOutcome, Kind, Record, RecordEnd, Work};
use lethe_common::selection::{Selection, Sighting};
use serde_json::{Value, json};

use super::browser::{Browser, HERE};
use super::matching::hidden;
use crate::accepting::claim;
use crate::app::{Answer, App};
use crate::audit::trail;

const NEW: &str = "/console/new";

/// A form by ids, without its key and its step.
const TWO: [(&str, &str); 2] = [("by", "ids"), ("ids", "m-1\r\nm-2")];

/// Sends the form with a key and a step.
async fn send(browser: &Browser<'_>, key: &str, step: &str, fields: &[(&str, &str)]) -> Answer {
    let of_the_step = [("key", key), ("step", step)];
    let fields: Vec<_> = fields.iter().copied().chain(of_the_step).collect();
    browser.post(NEW, NEW, &fields).await
}

/// Returns the key of a form.
async fn key(browser: &Browser<'_>) -> String {
    let page = browser.get(NEW).await;
    hidden(&page.text, "key").expect("a key").to_owned()
}

/// Does the previews that are due. Ids are all found; of a person or a query `others` memories are.
async fn preview(app: &App, others: usize) {
    for lease in claim(app).await {
        assert_eq!(lease.kind, Kind::Preview, "nothing else was asked for");
        let ids: Vec<String> = match &lease.work {
            Work::Ids(ids) => ids.to_vec(),
            _ => (0..others).map(|n| format!("m-{n}")).collect(),
        };
        let mut delta = Delta::default();
        let mut found = Selection::default();
        for id in &ids {
            let (row, vectors) = (true, true);
            found.add(&lease.route, Sighting { id, row, vectors });
            delta.items.push(ItemOutcome {
                id: id.clone(),
                store: lease.stores[0],
                outcome: Some(Outcome::Left),
                code: None,
            });
        }
        found.add_workspace("team-a".to_owned(), ids.len() as u64);
        delta.found = Some(found);
        for store in &lease.stores {
            delta.count(*store, Outcome::Left, ids.len() as u64);
        }
        if !matches!(lease.work, Work::Ids(_)) {
            delta.selected = i64::try_from(ids.len()).expect("a few");
        }
        let record = Record {
            lease: &lease,
            delta,
            progress: None,
            remaining: 0,
            end: Some(RecordEnd::Done),
        };
        app.ledger.record(&[record]).await.expect("the ledger answers");
    }
}

/// Returns the job to whose page an answer leads.
async fn made(app: &App, answer: &Answer) -> Value {
    assert_eq!(answer.status, 303, "{}", answer.text);
    let page = answer.headers[header::LOCATION].to_str().expect("a path");
    let id = page.strip_prefix("/console/jobs/").expect("the page of a job");
    app.get("root", &format!("/v1/jobs/{id}")).await.body
}

#[tokio::test]
async fn a_selection_is_counted_and_then_exactly_it_is_erased_once() {
    let app = App::new().await;
    let browser = Browser::signed_in(&app, "eraser").await;
    let key = key(&browser).await;
    let more = [("per_second", "7"), ("not_before", "2099-01-31T12:00:00Z")];
    let too_late: Vec<_> = TWO.into_iter().chain(more).collect();
    assert_eq!(send(&browser, &key, "preview", &too_late).await.status, 422);
    assert_eq!(app.count().await, 0);

    let fields: Vec<_> = TWO
        .into_iter()
        .chain([("per_second", "7"), ("reference", "DSR-1")])
        .collect();
    // A form that asks for the erasure at once is only counted.
    let none = "0".repeat(32);
    let erasing: Vec<_> = fields.iter().copied().chain([("expect", none.as_str())]).collect();
    let page = send(&browser, &key, "erase", &erasing).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(!page.text.contains("value=\"erase\""), "{}", page.text);
    assert!(page.text.contains("/events?seen="), "it moves: {}", page.text);
    preview(&app, 0).await;

    let page = send(&browser, &key, "preview", &fields).await;
    for said in [
        "Erase 2 memories",
        "main/memories",
        "team-a: 2",
        "SQL database of main: 2",
    ] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    assert_eq!(app.count().await, 1, "the same form is the same dry run");
    let dry = &app.get("root", "/v1/jobs").await.body["jobs"][0];
    assert_eq!((&dry["dry_run"], &dry["per_second"]), (&json!(true), &Value::Null));

    let digest = hidden(&page.text, "expect").expect("a digest");
    let erasing: Vec<_> = fields.iter().copied().chain([("expect", digest)]).collect();
    let first = made(&app, &send(&browser, &key, "erase", &erasing).await).await;
    let again = made(&app, &send(&browser, &key, "erase", &erasing).await).await;
    assert_eq!(first["id"], again["id"], "a form that is sent twice makes one job");
    assert_eq!(app.count().await, 2);
    for (name, value) in [
        ("dry_run", json!(false)),
        ("expect", json!(digest)),
        ("limit", json!(2)),
        ("selected", json!(2)),
        ("per_second", json!(7)),
        ("reference", json!("DSR-1")),
    ] {
        assert_eq!(first[name], value, "{name}");
    }
}

#[tokio::test]
async fn another_selection_or_request_is_refused() {
    let app = App::new().await;
    let browser = Browser::signed_in(&app, "eraser").await;
    let key = key(&browser).await;
    send(&browser, &key, "preview", &TWO).await;
    preview(&app, 0).await;
    let none = "f".repeat(32);
    let other: Vec<_> = TWO.into_iter().chain([("expect", none.as_str())]).collect();
    let page = send(&browser, &key, "erase", &other).await;
    assert_eq!(page.status, 409, "{}", page.text);
    let digest = hidden(&page.text, "expect").expect("the digest of the selection");
    // The digest is right, and the request was changed after its preview.
    let changed = [("by", "ids"), ("ids", "m-1\nm-3"), ("expect", digest)];
    let page = send(&browser, &key, "erase", &changed).await;
    assert_eq!(page.status, 422, "{}", page.text);
    assert!(page.text.contains("was changed after it was sent"), "{}", page.text);
    assert!(page.text.contains("m-3</textarea>"), "it is kept: {}", page.text);
    assert_ne!(hidden(&page.text, "key"), Some(key.as_str()), "it may be sent anew");
    assert_eq!(app.count().await, 1);
}

#[tokio::test]
async fn a_large_selection_is_confirmed_by_its_number() {
    let app = App::new().await;
    let browser = Browser::signed_in(&app, "privacy").await;
    let key = key(&browser).await;
    let person = [
        ("by", "person"),
        ("user_id", "ana"),
        ("aliases", ""),
        ("place", "main/memories"),
    ];
    send(&browser, &key, "preview", &person).await;
    preview(&app, 101).await;
    let page = send(&browser, &key, "preview", &person).await;
    let digest = hidden(&page.text, "expect").expect("a digest");
    for typed in ["", "100", "1010", "yes"] {
        let fields: Vec<_> = person
            .into_iter()
            .chain([("expect", digest), ("count", typed)])
            .collect();
        let page = send(&browser, &key, "erase", &fields).await;
        assert_eq!(page.status, 422, "{typed}: {}", page.text);
        assert!(page.text.contains("id=\"count-wrong\""), "{typed}: {}", page.text);
    }
    assert_eq!(app.count().await, 1);
    let fields: Vec<_> = person
        .into_iter()
        .chain([("expect", digest), ("count", "101")])
        .collect();
    let job = made(&app, &send(&browser, &key, "erase", &fields).await).await;
    assert_eq!(
        (&job["kind"], &job["limit"], &job["expect"]),
        (&json!("subject"), &json!(101), &json!(digest))
    );
}

#[tokio::test]
async fn what_is_wrong_is_beside_its_input_and_what_was_entered_is_kept() {
    let app = App::new().await;
    let browser = Browser::signed_in(&app, "root").await;
    for (by, name, value, input) in [
        ("ids", "reference", "kept", "ids"),
        ("ids", "per_second", "fast", "per_second"),
        ("ids", "not_before", "soon", "not_before"),
        ("ids", "labels", "kept", "labels"),
        ("ids", "place", "main/nowhere", "place"),
        ("person", "reference", "kept", "user_id"),
        ("person", "aliases", "kept", "aliases"),
        ("query", "reference", "kept", "query"),
        ("query", "query", "{kept", "query"),
        ("query", "query", "{\"eq\": {\"shoe_size\": 7}}", "query"),
        ("query", "value", "kept", "query"),
    ] {
        let ids = if input == "ids" { "" } else { "m-1" };
        let whole = [
            ("ids", ids),
            ("field", ""),
            ("operator", "eq"),
            ("type", "text"),
            ("by", by),
            (name, value),
        ];
        let page = send(&browser, "", "preview", &whole).await;
        assert!(page.status.is_client_error(), "{name}: {}", page.text);
        let beside = format!("id=\"{input}-wrong\"");
        assert!(page.text.contains(&beside), "{name} {input}: {}", page.text);
        assert_eq!(page.text.matches("-wrong\" class").count(), 1, "{name}: {}", page.text);
        let kept = value.trim_matches(|c: char| !c.is_alphanumeric());
        let kept = kept.split('"').next().expect("a part");
        assert!(page.text.contains(kept), "{name}: {}", page.text);
    }
    // The route's own rights, and its own words.
    let owner = Browser::signed_in(&app, "owner").await;
    let page = send(&owner, "", "preview", &TWO).await;
    assert_eq!(page.status, 403, "{}", page.text);
    assert!(page.text.contains("id=\"owner-wrong\""), "{}", page.text);
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn only_a_caller_that_may_erase_sees_the_form_and_only_its_session_sends_it() {
    let app = App::new().await;
    let reader = Browser::signed_in(&app, "reader").await;
    let page = reader.get(NEW).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("memories:delete") && !page.text.contains("name=\"step\""),
        "{}",
        page.text
    );
    assert_eq!(send(&reader, "", "preview", &TWO).await.status, 403);
    let event = trail(&app).await.remove(0);
    assert_eq!((event.act.as_str(), event.actor.as_str()), ("job.create", "reader"));
    let eraser = Browser::signed_in(&app, "eraser").await;
    let form = "by=ids&ids=m-1&step=preview";
    let answer = eraser.send("POST", NEW, &[("origin", HERE)], form).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    let stranger = Browser::new(&app);
    let answer = stranger.send("POST", NEW, &[("origin", HERE)], form).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn conditions_become_json_and_json_that_was_changed_counts() {
    let app = App::new().await;
    let browser = Browser::signed_in(&app, "eraser").await;
    let page = browser.get(&format!("{NEW}?by=query")).await.text;
    for field in ["id", "user_id", "workspace"] {
        assert!(page.contains(&format!("<option value=\"{field}\">")), "{field}: {page}");
    }
    let rows = [
        ("by", "query"),
        ("field", "workspace"),
        ("operator", "eq"),
        ("type", "text"),
        ("value", "w"),
    ];
    let page = send(&browser, "", "add", &rows).await.text;
    assert!(page.contains("Condition 2") && !page.contains("Condition 3"), "{page}");
    let json = "&#34;eq&#34;: {\n    &#34;workspace&#34;: &#34;w&#34;";
    assert_eq!(page.matches(json).count(), 3, "the JSON, and both as they were: {page}");
    // The JSON is changed after that.
    let was = "{\n  \"eq\": {\n    \"workspace\": \"w\"\n  }\n}";
    let edited = [
        ("query", "{\"all\": true}"),
        ("query_was", was),
        ("conditions_were", was),
    ];
    let fields: Vec<_> = rows.into_iter().chain(edited).collect();
    let page = send(&browser, "", "preview", &fields).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("&#34;all&#34;: true"), "{}", page.text);
    preview(&app, 3).await;
    let job = &app.get("root", "/v1/jobs").await.body["jobs"][0];
    assert_eq!((&job["kind"], &job["selected"]), (&json!("query"), &json!(3)));
}

#[tokio::test]
async fn a_file_of_ids_needs_no_script() {
    let app = App::new().await;
    let browser = Browser::signed_in(&app, "eraser").await;
    let token = browser.token(NEW).await;
    let part =
        |name: &str, value: &str| format!("--b\r\ncontent-disposition: form-data; name={name}\r\n\r\n{value}\r\n");
    let form = [
        part("\"csrf\"", &token),
        part("\"ids\"", "m-1"),
        part("\"file\"; filename=\"ids.txt\"", "m-2\nm-3\n"),
        "--b--\r\n".to_owned(),
    ];
    let sent = async |parts: &[String]| {
        let request = Request::post(NEW)
            .header(header::HOST, "127.0.0.1:7878")
            .header(header::ACCEPT, "text/html")
            .header(header::ORIGIN, HERE)
            .header(header::COOKIE, &browser.cookie)
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
        app.send(request.body(Body::from(parts.concat())).expect("a request"))
            .await
    };
    let without_token = sent(&form[1..]).await;
    assert_eq!(without_token.status, 403, "{}", without_token.text);
    let page = sent(&form[..]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let job = &app.get("root", "/v1/jobs").await.body["jobs"][0];
    assert_eq!((&job["dry_run"], &job["selected"]), (&json!(true), &json!(3)));
}

#[tokio::test]
async fn memories_are_listed_after_a_form_asked_and_the_live_part_has_no_request() {
    let app = App::new().await;
    let browser = Browser::signed_in(&app, "eraser").await;
    let key = key(&browser).await;
    let page = send(&browser, &key, "preview", &TWO).await;
    let (_, live) = page.text.split_once("data-read=\"").expect("a path");
    let live = live.split('"').next().expect("a path").to_owned();
    preview(&app, 0).await;
    let before = trail(&app).await.len();
    // The page that holds the request reads its live part. Any other page does not hold it, and offers no erasure.
    for is_part in [true, false] {
        let headers: &[(&str, &str)] = if is_part { &[("lethe-part", "true")] } else { &[] };
        let page = browser.send("GET", &live, headers, "").await;
        assert_eq!(page.status, 200, "{}", page.text);
        for (said, expected) in [
            ("Erase 2 memories", is_part),
            ("value=\"erase\"", is_part),
            ("data-read=", is_part),
            ("Begin again", !is_part),
            ("m-1", false),
        ] {
            assert_eq!(page.text.contains(said), expected, "{said}: {}", page.text);
        }
    }
    let page = send(&browser, &key, "preview", &TWO).await;
    assert!(!page.text.contains("<code>m-1</code>"), "{}", page.text);
    assert_eq!(trail(&app).await.len(), before);
    let page = send(&browser, &key, "show", &TWO).await;
    assert!(page.text.contains("<code>m-1</code>"), "{}", page.text);
    let events = trail(&app).await;
    assert_eq!((events.len(), events[0].act.as_str()), (before + 1, "job.items"));
    // A caller that sees all jobs sees the numbers, and no workspace.
    let (own, root) = (browser.get(&live).await, Browser::signed_in(&app, "root").await);
    let others = root.get(&live).await;
    assert!(own.text.contains("team-a: 2"), "{}", own.text);
    assert!(
        others.text.contains("1 workspace") && !others.text.contains("team-a"),
        "{}",
        others.text
    );
    // Another caller's dry run does not exist.
    let owner = Browser::signed_in(&app, "owner").await;
    assert_eq!(owner.get(&live).await.status, 404);
}
