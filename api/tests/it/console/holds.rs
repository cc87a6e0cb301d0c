//! Legal holds: their pages, the persons that they hide, their release, and the page of a job that they keep from its end.

use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{After, Delta, Effect, HoldCount, ItemOutcome, Lease, Record, RecordEnd};
use lethe_common::receipt::HoldGround;
use serde_json::{Value, json};

use super::browser::Browser;
use super::receipts;
use crate::accepting::claim;
use crate::app::{Answer, App};
use crate::audit::trail;
use crate::log::sequenced;

/// The list, with the form.
const HOLDS: &str = "/console/holds";

/// The page of the hold of these tests.
const PAGE: &str = "/console/holds/case-77";

/// The route of the same hold.
const ROUTE: &str = "/v1/holds/case-77";

const FIELDS: [(&str, &str); 5] = [
    ("name", "case-77"),
    ("place", "main"),
    ("persons", "ana@example.org\r\nben@example.org"),
    ("ground", "17(3)(e)"),
    ("by", "Ms Lee of Legal"),
];

/// Places a hold with the form: the hold of these tests, with some other fields.
async fn place(browser: &Browser<'_>, others: &[(&str, &str)]) -> Answer {
    let same = FIELDS
        .iter()
        .filter(|(name, _)| !others.iter().any(|(other, _)| other == name));
    let fields: Vec<_> = same.chain(others).copied().collect();
    browser.post(HOLDS, HOLDS, &fields).await
}

/// Returns the persons of the stored hold.
async fn persons(app: &App) -> Value {
    app.get("root", ROUTE).await.body["persons"].clone()
}

/// Records the end of a lease.
async fn record(app: &App, lease: &Lease, delta: Delta) -> After {
    let record = Record {
        lease,
        delta,
        progress: None,
        remaining: 0,
        end: Some(RecordEnd::Done),
    };
    app.ledger
        .record(&[record])
        .await
        .expect("the ledger answers")
        .remove(0)
}

/// Makes a job that only the hold of these tests keeps from its end.
async fn held(app: &App) -> JobId {
    let id = app.create("eraser", &json!({"select": {"ids": ["a"]}})).await.job();
    let hold = app.ledger.hold("case-77").await.expect("the ledger answers");
    let mut delta = Delta::default();
    for store in [StoreKind::Sql, StoreKind::Vector] {
        delta.count(store, Outcome::Held, 1);
        delta.items.push(ItemOutcome {
            id: "a".to_owned(),
            store,
            outcome: Some(Outcome::Held),
            code: None,
        });
    }
    delta.holds.push(HoldCount {
        hold: "case-77".to_owned(),
        revision: hold.expect("it is stored").revision,
        ground: HoldGround::Claims,
        n: 1,
    });
    let lease = claim(app).await.remove(0);
    let After::ReadBack { lease, .. } = record(app, &lease, delta).await else {
        panic!("the job is not read back")
    };
    record(app, &lease, Delta::default()).await;
    let job = app.get("root", &format!("/v1/jobs/{id}")).await;
    assert_eq!(job.body["state"], "held", "{}", job.text);
    id
}

#[tokio::test]
async fn a_hold_is_placed_with_a_form_and_names_nobody_before_somebody_asks() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    assert!(root.get(HOLDS).await.text.contains("No hold is in force here"));
    let placed = place(&root, &[("until", "90d"), ("reference", "CASE-77")]).await;
    assert_eq!(placed.status, 200, "{}", placed.text);
    for said in [
        PAGE,
        "is in force.",
        "No batch is under way",
        "the memories of persons",
        "17(3)(e): legal claims",
        "CASE-77",
    ] {
        assert!(placed.text.contains(said), "{said}: {}", placed.text);
    }
    let stored = app.get("root", ROUTE).await.body;
    assert_eq!(
        (
            &stored["persons"],
            &stored["target"],
            &stored["by"],
            stored["until"].is_string()
        ),
        (
            &json!(["ana@example.org", "ben@example.org"]),
            &json!("main"),
            &json!("Ms Lee of Legal"),
            true
        ),
        "{stored}"
    );

    let page = root.get(PAGE).await.text;
    for text in [&placed.text, &root.get(HOLDS).await.text, &page] {
        for personal in ["ana@", "ben@", "Ms Lee"] {
            assert!(!text.contains(personal), "{personal}: {text}");
        }
    }
    assert!(page.contains("Show the persons"), "{page}");
    let shown = root.post(PAGE, &format!("{PAGE}/selection"), &[]).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    for personal in ["ana@example.org", "ben@example.org", "Ms Lee of Legal"] {
        assert!(shown.text.contains(personal), "{personal}: {}", shown.text);
    }
    assert!(
        !root.get(PAGE).await.text.contains("ana@"),
        "the page does not remember it"
    );
}

#[tokio::test]
async fn a_click_that_shows_persons_leaves_an_event() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    assert_eq!(place(&root, &[]).await.status, 200);
    for page in [HOLDS, PAGE] {
        root.get(page).await;
    }
    let reads = async || {
        let events = trail(&app).await.into_iter();
        let read = events.filter(|event| event.act.as_str() == "hold.read");
        read.map(|event| event.object_id).collect::<Vec<_>>()
    };
    assert!(reads().await.is_empty(), "no page has shown a person");
    root.post(PAGE, &format!("{PAGE}/selection"), &[]).await;
    assert_eq!(reads().await, ["case-77"]);
}

#[tokio::test]
async fn the_form_never_replaces_a_hold_in_force() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    assert_eq!(place(&root, &[]).await.status, 200);
    let first = persons(&app).await;
    let taken = place(&root, &[("persons", "carl@example.org")]).await;
    assert_eq!(taken.status, 409, "{}", taken.text);
    assert!(!taken.text.contains("carl@"), "{}", taken.text);
    assert_eq!(persons(&app).await, first);

    // The name of a released hold is free.
    root.post(PAGE, &format!("{PAGE}/release"), &[("confirm", "case-77")])
        .await;
    let again = place(&root, &[("persons", "carl@example.org")]).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(persons(&app).await, json!(["carl@example.org"]));
}

#[tokio::test]
async fn a_hold_needs_exactly_one_selection_and_a_ground() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    for wrong in [
        &[("persons", "")][..],
        &[("ids", "a")],
        &[("everything", "yes")],
        &[("ground", "")],
        &[("ground", "because")],
        &[("until", "yesterday")],
        &[("name", "Case 77")],
        &[("place", "elsewhere")],
        &[("persons", ""), ("query", "{")],
        &[("persons", ""), ("query", "{\"all\": true}")],
    ] {
        let answer = place(&root, wrong).await;
        assert!(answer.status.is_client_error(), "{wrong:?}: {}", answer.text);
        assert!(answer.text.contains("id=\"problem\""), "{wrong:?}: {}", answer.text);
    }
    assert_eq!(app.get("root", "/v1/holds").await.body["holds"], json!([]));
    let everything = place(&root, &[("persons", ""), ("everything", "yes")]).await;
    assert_eq!(everything.status, 200, "{}", everything.text);
    assert!(everything.text.contains("all memories"), "{}", everything.text);
    assert!(!root.get(PAGE).await.text.contains("Show the persons"));
}

#[tokio::test]
async fn a_hold_is_released_by_its_typed_name() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    assert_eq!(place(&root, &[]).await.status, 200);
    let release = format!("{PAGE}/release");
    for typed in ["", "case-7", "Case-77"] {
        let answer = root.post(PAGE, &release, &[("confirm", typed)]).await;
        assert_eq!(answer.status, 422, "{typed}: {}", answer.text);
    }
    assert_eq!(app.get("root", ROUTE).await.body["released_at"], Value::Null);
    let answer = root.post(PAGE, &release, &[("confirm", "case-77")]).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["location"]),
        (303, &PAGE.parse().unwrap()),
        "{}",
        answer.text
    );
    assert!(app.get("root", ROUTE).await.body["released_at"].is_string());
    let page = root.get(PAGE).await.text;
    for (said, is_said) in [
        ("It kept the memories of persons", true),
        ("It is released", true),
        ("Show the persons", false),
        ("Release this hold", false),
    ] {
        assert_eq!(page.contains(said), is_said, "{said}: {page}");
    }
    assert!(
        !root.get(HOLDS).await.text.contains(PAGE),
        "only holds in force are listed"
    );
    assert!(root.get("/console/holds?all=true").await.text.contains(PAGE));
    assert_eq!(root.get("/console/holds/case-78").await.status, 404);
}

#[tokio::test]
async fn a_caller_without_the_scope_sees_no_hold_and_changes_none() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    assert_eq!(place(&root, &[]).await.status, 200);
    let reader = Browser::signed_in(&app, "reader").await;
    assert!(!reader.get("/").await.text.contains("href=\"/console/holds\""));
    assert!(root.get("/").await.text.contains("href=\"/console/holds\""));
    for path in [HOLDS, PAGE] {
        let page = reader.get(path).await;
        assert_eq!(page.status, 403, "{path}: {}", page.text);
    }
    for (path, fields) in [
        (HOLDS.to_owned(), &FIELDS[..]),
        (format!("{PAGE}/selection"), &[]),
        (format!("{PAGE}/release"), &[("confirm", "case-77")]),
    ] {
        let answer = reader.post("/", &path, fields).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text);
        assert!(!answer.text.contains("ana@"), "{path}: {}", answer.text);
    }
    let mut refused = trail(&app).await;
    refused.retain(|event| event.effect == Effect::Refused);
    let left: Vec<_> = refused
        .iter()
        .map(|event| (event.act.as_str(), event.object_id.as_str()))
        .collect();
    let expected = [("hold.release", "case-77"), ("hold.read", "case-77"), ("hold.put", "*")];
    assert_eq!(left, expected, "each attempt has an event");
    assert_eq!(app.get("root", ROUTE).await.body["released_at"], Value::Null);
}

#[tokio::test]
async fn the_page_of_a_held_job_names_the_holds_and_its_receipt() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    assert_eq!(
        place(&root, &[("persons", ""), ("ids", "a"), ("place", "main/memories")])
            .await
            .status,
        200
    );
    let id = held(&app).await;
    let path = format!("/console/jobs/{id}");
    let page = root.get(&path).await.text;
    let receipts = format!("/console/receipts?job={id}");
    for said in [
        "<span class=\"state held\">held</span>",
        "<a href=\"/console/holds/case-77\">case-77</a>: 1 memory",
        "17(3)(e): legal claims",
        "It goes on by itself after the release",
        "<a href=\"/console/holds\">Look at the holds</a>",
        &*receipts,
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    // A caller that may not read holds learns the same as from the receipt.
    let reader = Browser::signed_in(&app, "reader").await.get(&path).await.text;
    assert!(
        reader.contains("case-77: 1 memory") && !reader.contains("href=\"/console/holds"),
        "{reader}"
    );
    let list = root.get("/console/jobs?state=held").await.text;
    assert!(list.contains(&path), "{list}");

    sequenced(&app).await;
    let receipt = receipts::of_job(&app, id).await;
    let page = root.get(&format!("/console/receipts/{receipt}")).await.text;
    for said in ["Legal holds keep the rest", "1 memory by case-77, ground 17(3)(e)"] {
        assert!(page.contains(said), "{said}: {page}");
    }
}
