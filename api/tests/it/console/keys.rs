//! The pages of keys: secrets, persons, rotation and the end of a key.

use serde_json::json;

use super::browser::Browser;
use crate::app::{Answer, App};
use crate::audit::trail;

/// The list.
const KEYS: &str = "/console/keys";

/// The page of the key of these tests.
const PAGE: &str = "/console/keys/nightly";

/// Returns the secret that a page shows.
#[track_caller]
fn secret(page: &Answer) -> String {
    assert_eq!(page.status, 200, "{}", page.text);
    assert_eq!(page.headers["cache-control"], "no-store");
    let (_, rest) = page.text.split_once("id=\"secret\"").expect("a secret");
    let (_, rest) = rest.split_once("value=\"").expect("a value");
    let secret = rest.split('"').next().expect("an end").to_owned();
    assert!(secret.starts_with("lethe_"), "{secret}");
    secret
}

/// Makes a key with a form.
async fn create(root: &Browser<'_>, fields: &[(&str, &str)]) -> Answer {
    root.post(KEYS, KEYS, fields).await
}

/// Makes the key of these tests, and returns its secret.
async fn nightly(root: &Browser<'_>) -> String {
    secret(&create(root, &[("name", "nightly"), ("scopes", "jobs:read")]).await)
}

/// Returns the status of a request with a secret.
async fn status(app: &App, secret: &str) -> u16 {
    app.get(secret, "/v1/jobs").await.status.as_u16()
}

#[tokio::test]
async fn a_secret_is_on_one_page_only() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    assert!(root.get(KEYS).await.text.contains("Lethe has made no key yet"));
    let made = create(
        &root,
        &[
            ("name", "nightly"),
            ("scopes", "jobs:read"),
            ("scopes", "audit:read"),
            ("targets", "main"),
            ("expires_at", "90d"),
        ],
    )
    .await;
    let secret = secret(&made);
    assert_eq!(status(&app, &secret).await, 200);
    for page in [KEYS, PAGE] {
        let shown = root.get(page).await.text;
        assert!(!shown.contains(&secret), "{page}");
        assert!(
            shown.contains("audit:read, jobs:read") && shown.contains("in main"),
            "{page}: {shown}"
        );
    }
    let listed = app.get("root", "/v1/keys").await.body["keys"][0].clone();
    assert_eq!(listed["scopes"], json!(["audit:read", "jobs:read"]));
    assert_eq!((&listed["targets"], &listed["user"]), (&json!(["main"]), &json!(null)));
    assert!(
        listed["expires_at"].is_string() && listed["expired"] == false,
        "{listed}"
    );
    let events = trail(&app).await;
    let created = events.iter().find(|event| event.act == "key.create");
    assert_eq!(created.map(|event| event.object_id.as_str()), Some("nightly"));
}

#[tokio::test]
async fn a_wrong_form_makes_no_key_and_names_the_field() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    nightly(&root).await;
    for (fields, status, says) in [
        (&[("name", "Nightly"), ("scopes", "jobs:read")][..], 422, "name"),
        (&[("name", "a")], 422, "scopes"),
        (&[("name", "a"), ("scopes", "everything")], 422, "scopes"),
        (
            &[("name", "a"), ("scopes", "jobs:read"), ("targets", "elsewhere")],
            422,
            "targets",
        ),
        (
            &[("name", "a"), ("scopes", "jobs:read"), ("expires_at", "soon")],
            422,
            "expires_at",
        ),
        (&[("name", "nightly"), ("scopes", "admin")], 409, "another name"),
    ] {
        let answer = create(&root, fields).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        assert!(
            answer.text.contains("id=\"problem\"") && answer.text.contains(says),
            "{says}: {}",
            answer.text
        );
    }
    let listed = app.get("root", "/v1/keys").await;
    assert_eq!(listed.body["keys"].as_array().map(Vec::len), Some(1), "{}", listed.text);
    assert_eq!(listed.body["keys"][0]["scopes"], json!(["jobs:read"]));
}

#[tokio::test]
async fn the_preset_of_a_key_that_only_reads_is_a_link() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    let plain = root.get(KEYS).await.text;
    assert!(!plain.contains(" checked>") && plain.contains("/console/keys?preset=read-only#create"));
    let preset = root.get("/console/keys?preset=read-only").await.text;
    for scope in ["jobs:read", "audit:read", "receipts:read", "metrics:read"] {
        assert!(preset.contains(&format!("value=\"{scope}\" checked>")), "{preset}");
    }
    assert_eq!(preset.matches(" checked>").count(), 4, "{preset}");
}

#[tokio::test]
async fn the_person_of_a_key_is_shown_after_a_form_asked() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    let made = create(
        &root,
        &[
            ("name", "nightly"),
            ("scopes", "memories:delete"),
            ("user", "ana@example.org"),
            ("workspaces", "w-of-ana\r\nw-of-ben\r\n"),
        ],
    )
    .await;
    secret(&made);
    let listed = app.get("root", "/v1/keys").await.body["keys"][0].clone();
    assert_eq!(
        (&listed["user"], &listed["workspaces"]),
        (&json!("ana@example.org"), &json!(["w-of-ana", "w-of-ben"]))
    );
    let hidden = [made.text, root.get(KEYS).await.text, root.get(PAGE).await.text];
    for page in &hidden {
        assert!(!page.contains("ana@") && !page.contains("w-of-"), "{page}");
        assert!(page.contains("one person, 2 workspaces"), "{page}");
    }
    let before = trail(&app).await.len();
    let shown = root.post(PAGE, &format!("{PAGE}/bounds"), &[]).await;
    assert!(
        shown.text.contains("ana@example.org") && shown.text.contains("w-of-ben"),
        "{}",
        shown.text
    );
    let events = trail(&app).await;
    assert_eq!((events.len(), events[0].act.as_str()), (before + 1, "key.list"));
    assert_eq!(events[0].object_id, "nightly");
    assert!(!root.get(PAGE).await.text.contains("ana@"));
}

#[tokio::test]
async fn a_rotated_key_has_two_secrets_until_one_is_ended() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    let first = nightly(&root).await;
    let rotate = format!("{PAGE}/rotate");
    assert!(!root.get(PAGE).await.text.contains("name=\"ends\""));
    let second = secret(&root.post(PAGE, &rotate, &[("overlap", "24h")]).await);
    assert_ne!(first, second);
    assert_eq!((status(&app, &first).await, status(&app, &second).await), (200, 200));
    let page = root.get(PAGE).await.text;
    assert!(
        page.contains("name=\"ends\"") && page.contains("older secret ends"),
        "{page}"
    );
    assert!(!page.contains(&second), "{page}");
    assert!(root.get(KEYS).await.text.contains("two secrets"));
    let asked = [("overlap", "1h"), ("ends", "older")];
    let third = secret(&root.post(PAGE, &rotate, &asked).await);
    let statuses = [&first, &second, &third].map(|secret| status(&app, secret));
    assert_eq!(futures::future::join_all(statuses).await, [401, 200, 200]);
    let wrong = root.post(PAGE, &rotate, &[("overlap", "long")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("overlap"), "{}", wrong.text);
}

#[tokio::test]
async fn a_key_is_revoked_only_under_its_typed_name() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    let secret = nightly(&root).await;
    let revoke = format!("{PAGE}/revoke");
    for typed in ["", "night", "Nightly"] {
        let answer = root.post(PAGE, &revoke, &[("confirm", typed)]).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert!(answer.text.contains("confirm"), "{}", answer.text);
    }
    assert_eq!(status(&app, &secret).await, 200);
    let answer = root.post(PAGE, &revoke, &[("confirm", "nightly")]).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["location"]),
        (303, &KEYS.parse().unwrap())
    );
    assert_eq!(status(&app, &secret).await, 401);
    assert_eq!(root.get(PAGE).await.status, 404);
}

#[tokio::test]
async fn the_page_of_a_key_names_the_schedules_that_its_end_refuses() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    let secret = secret(&create(&root, &[("name", "nightly"), ("scopes", "memories:delete:any")]).await);
    assert!(root.get(PAGE).await.text.contains("No schedule runs with it."));
    let schedule = json!({"cron": "0 3 * * *", "time_zone": "UTC", "job": {"select": {"ids": ["a"]}}});
    let put = app.send_json(&secret, "PUT", "/v1/schedules/purge", &schedule).await;
    assert_eq!(put.status, 201, "{}", put.text);
    let page = root.get(PAGE).await.text;
    let link = "<a href=\"/console/schedules/purge\">purge</a>";
    assert!(
        page.contains("are refused from then on") && page.contains(link),
        "{page}"
    );
}

#[tokio::test]
async fn keys_are_for_administrators_without_bounds() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    nightly(&root).await;
    let body = json!({"name": "bound", "scopes": ["admin"], "targets": ["main"]});
    let bound = app.send_json("root", "POST", "/v1/keys", &body).await.body["key"].clone();
    for who in ["reader", bound.as_str().expect("a key")] {
        let other = Browser::signed_in(&app, who).await;
        for page in [KEYS, PAGE] {
            let answer = other.get(page).await;
            assert_eq!(answer.status, 403, "{page}");
            assert!(!answer.text.contains("nightly"), "{page}: {}", answer.text);
        }
        for (path, act) in [
            (KEYS.to_owned(), "key.create"),
            (format!("{PAGE}/rotate"), "key.rotate"),
            (format!("{PAGE}/revoke"), "key.revoke"),
            (format!("{PAGE}/bounds"), "key.list"),
        ] {
            let fields = [("name", "more"), ("scopes", "admin"), ("confirm", "nightly")];
            let answer = other.post("/console/jobs", &path, &fields).await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.text);
            let event = trail(&app).await.remove(0);
            assert_eq!((event.act.as_str(), event.effect.as_str()), (act, "refused"), "{path}");
        }
    }
    let listed = app.get("root", "/v1/keys").await;
    assert_eq!(listed.body["keys"].as_array().map(Vec::len), Some(2), "{}", listed.text);
}
