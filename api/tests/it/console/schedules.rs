//! Schedules: their pages, and the form that writes one after a preview.

use serde_json::{Value, json};

use super::browser::Browser;
use crate::app::{Answer, App, MAIN};
use crate::audit::trail;
use crate::schedules::{fired, miss, refuse};

/// The form that writes a schedule, and the two steps of it.
const FORM: &str = "/console/write-schedule";
const PREVIEW: &str = "/console/write-schedule/preview";
const SAVE: &str = "/console/write-schedule/save";

/// The page of the schedule of these tests.
const PAGE: &str = "/console/schedules/nightly";

/// The route of the same schedule.
const ROUTE: &str = "/v1/schedules/nightly";

const JOB: &str = r#"{"select": {"subject": {"user_id": "ana@example.org"}}}"#;

const FIELDS: [(&str, &str); 5] = [
    ("name", "nightly"),
    ("cron", "0 3 * * *"),
    ("time_zone", "Europe/Berlin"),
    ("windows", "sat sun 22:00-06:00\r\n12:00-13:00"),
    ("job", JOB),
];

/// Returns a service whose previews do not wait for a worker.
async fn app() -> App {
    App::with(&format!("api.max_wait = \"1ms\"\n{MAIN}")).await
}

fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    let others = FIELDS.into_iter().filter(|(field, _)| *field != name);
    others.chain([(name, value)]).collect()
}

/// Writes the schedule with a route of the API.
async fn put(app: &App, cron: &str) {
    let job: Value = serde_json::from_str(JOB).expect("JSON");
    let body = json!({"cron": cron, "time_zone": "UTC", "job": job});
    let answer = app.send_json("root", "PUT", ROUTE, &body).await;
    assert!(answer.status.is_success(), "{}", answer.text);
}

/// Returns the revision that the preview on a page would replace.
fn replaces(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("name=\"replaces\" value=\"").expect("a preview");
    rest.split('"').next().expect("a value").to_owned()
}

async fn save(browser: &Browser<'_>, replaces: &str) -> Answer {
    let fields: Vec<_> = FIELDS.into_iter().chain([("replaces", replaces)]).collect();
    browser.post(FORM, SAVE, &fields).await
}

#[tokio::test]
async fn a_schedule_is_stored_as_it_was_previewed() {
    let app = app().await;
    let root = Browser::signed_in(&app, "root").await;
    let page = root.post(FORM, PREVIEW, &FIELDS).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for said in [
        "Erases all memories of one person",
        "Next runs:",
        "still being counted",
        "class=\"run\"",
    ] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    // A preview stores nothing, and its dry run is no run of a schedule.
    assert_eq!(app.get("root", "/v1/schedules").await.body["schedules"], json!([]));
    let jobs = app.get("root", "/v1/jobs").await.body["jobs"].clone();
    assert_eq!(jobs.as_array().map(Vec::len), Some(1), "{jobs}");
    assert_eq!(
        (&jobs[0]["dry_run"], &jobs[0]["schedule"]),
        (&json!(true), &json!(null))
    );
    let id = jobs[0]["id"].as_str().expect("an id");
    assert!(page.text.contains(&format!("/console/jobs/{id}")), "{}", page.text);

    let saved = save(&root, &replaces(&page)).await;
    assert_eq!(
        (saved.status.as_u16(), &saved.headers["location"]),
        (303, &PAGE.parse().unwrap()),
        "{}",
        saved.text
    );
    let stored = app.get("root", ROUTE).await.body;
    let windows = json!([{"days": ["sat", "sun"], "from": "22:00", "to": "06:00"}, {"from": "12:00", "to": "13:00"}]);
    assert_eq!(
        (
            &stored["windows"],
            &stored["job"]["select"]["subject"]["user_id"],
            &stored["paused"]
        ),
        (&windows, &json!("ana@example.org"), &json!(false))
    );
    assert_eq!(app.count().await, 1, "saving submits no job");
}

#[tokio::test]
async fn a_wrong_field_is_named_and_the_others_are_kept() {
    let app = app().await;
    let root = Browser::signed_in(&app, "root").await;
    for (name, value, says) in [
        ("name", "No Name", "<code>name</code>"),
        ("cron", "often", "<code>cron</code>"),
        ("time_zone", "Nowhere/Else", "<code>time_zone</code>"),
        ("windows", "sat", "<code>windows[0]</code>"),
        (
            "windows",
            "12:00-13:00\nsat 25:00-26:00",
            "<code>windows[1].from</code>",
        ),
        ("job", "", "<code>job</code>"),
        ("job", "{", "<code>job</code>"),
        ("job", "[]", "<code>job"),
        (
            "job",
            r#"{"select": {"nothing": 1}}"#,
            "<code>job.select.nothing</code>",
        ),
        (
            "job",
            r#"{"select": {"ids": ["a"]}, "dry_run": false, "dry_run": true}"#,
            "<code>job.dry_run</code>",
        ),
    ] {
        let page = root.post(FORM, PREVIEW, &with(name, value)).await;
        assert!(page.status.is_client_error(), "{value}: {}", page.status);
        for said in ["id=\"problem\"", says, "id=\"cron\""] {
            assert!(page.text.contains(said), "{value}: {said}: {}", page.text);
        }
        assert!(
            !page.text.contains(SAVE),
            "{value}: what has no preview cannot be saved"
        );
        let kept = if name == "cron" { "Europe/Berlin" } else { "0 3 * * *" };
        assert!(
            page.text.contains(&format!("value=\"{kept}\"")),
            "{value}: {}",
            page.text
        );
    }
    assert_eq!(app.count().await, 0);
    assert_eq!(app.get("root", "/v1/schedules").await.body["schedules"], json!([]));
}

#[tokio::test]
async fn only_the_schedule_that_the_preview_named_is_replaced() {
    let app = app().await;
    let root = Browser::signed_in(&app, "root").await;
    let cron = async || app.get("root", ROUTE).await.body["cron"].clone();
    let unseen = replaces(&root.post(FORM, PREVIEW, &FIELDS).await);
    put(&app, "0 4 * * *").await;
    assert_eq!(save(&root, &unseen).await.status, 409, "another request took the name");

    let page = root.post(FORM, PREVIEW, &FIELDS).await;
    let says = "It replaces the schedule nightly, which root wrote.";
    assert!(page.text.contains(says), "{}", page.text);
    let seen = replaces(&page);
    put(&app, "0 5 * * *").await;
    let answer = save(&root, &seen).await;
    assert_eq!((answer.status.as_u16(), cron().await), (409, json!("0 5 * * *")));
    assert!(answer.text.contains("preview yours again"), "{}", answer.text);

    let seen = replaces(&root.post(FORM, PREVIEW, &FIELDS).await);
    assert_eq!(
        (save(&root, &seen).await.status.as_u16(), cron().await),
        (303, json!("0 3 * * *"))
    );
}

#[tokio::test]
async fn the_name_of_another_callers_schedule_is_taken() {
    let app = app().await;
    put(&app, "0 4 * * *").await;
    let privacy = Browser::signed_in(&app, "privacy").await;
    let page = privacy.post(FORM, PREVIEW, &FIELDS).await;
    assert_eq!(page.status, 409, "{}", page.text);
    assert!(!page.text.contains(SAVE), "{}", page.text);
    assert_eq!(app.count().await, 0, "nothing is counted");
}

#[tokio::test]
async fn a_schedule_is_paused_previewed_and_deleted_by_its_typed_name() {
    let app = app().await;
    put(&app, "0 4 * * *").await;
    let root = Browser::signed_in(&app, "root").await;
    for (act, paused) in [("pause", true), ("resume", false)] {
        let answer = root.post(PAGE, &format!("{PAGE}/{act}"), &[]).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.headers["location"]),
            (303, &PAGE.parse().unwrap()),
            "{}",
            answer.text
        );
        assert_eq!(app.get("root", ROUTE).await.body["paused"], paused);
        assert_eq!(root.get(PAGE).await.text.contains("makes no jobs. A job"), paused);
    }
    let answer = root.post(PAGE, &format!("{PAGE}/preview"), &[]).await;
    let job = app.get("root", "/v1/jobs").await.body["jobs"][0].clone();
    let id = job["id"].as_str().expect("an id");
    assert_eq!(answer.headers["location"], format!("/console/jobs/{id}"));
    assert_eq!((&job["dry_run"], &job["schedule"]), (&json!(true), &json!("nightly")));

    let remove = format!("{PAGE}/remove");
    for typed in ["", "night", "Nightly"] {
        let answer = root.post(PAGE, &remove, &[("name", typed)]).await;
        assert_eq!(answer.status, 422, "{typed}: {}", answer.text);
    }
    assert_eq!(app.get("root", ROUTE).await.status, 200);
    let answer = root.post(PAGE, &remove, &[("name", "nightly")]).await;
    assert_eq!(answer.headers["location"], "/console/schedules");
    assert_eq!(app.get("root", ROUTE).await.status, 404);
    assert_eq!(root.get(PAGE).await.status, 404);
}

#[tokio::test]
async fn the_last_outcome_leads_to_its_job() {
    let app = app().await;
    put(&app, "0 4 * * *").await;
    let root = Browser::signed_in(&app, "root").await;
    let list = "/console/schedules";
    assert!(root.get(list).await.text.contains("none yet"));
    miss(&app).await;
    assert_eq!(fired(&app).await, 1);
    let job = app.get("root", ROUTE).await.body["last_job"].clone();
    let job = format!("/console/jobs/{}", job.as_str().expect("an id"));
    for page in [list, PAGE] {
        let page = root.get(page).await;
        assert!(
            page.text.contains("made a job") && page.text.contains(&job),
            "{}",
            page.text
        );
    }
    miss(&app).await;
    assert_eq!(fired(&app).await, 1);
    let page = root.get(list).await;
    for said in ["the job before had not ended", "1 run skipped", &job] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
}

#[tokio::test]
async fn a_refusal_is_not_current_after_a_change() {
    let app = app().await;
    put(&app, "0 4 * * *").await;
    refuse(&app, "nightly", "its key has expired").await;
    let root = Browser::signed_in(&app, "root").await;
    let current = "<span class=\"state failed\">refused: its key has expired</span>";
    let old = "refused at a due time before the last change: its key has expired";
    for page in ["/console/schedules", PAGE] {
        let page = root.get(page).await.text;
        assert!(page.contains(current) && !page.contains(old), "{page}");
    }
    put(&app, "0 5 * * *").await;
    for page in ["/console/schedules", PAGE] {
        let page = root.get(page).await.text;
        assert!(page.contains(old) && !page.contains("state failed"), "{page}");
    }
    // The next run is one after the change.
    refuse(&app, "nightly", "its key has expired").await;
    let page = root.get(PAGE).await.text;
    assert!(page.contains(current) && !page.contains(old), "{page}");
}

#[tokio::test]
async fn the_job_of_a_schedule_is_shown_only_after_a_form_asked() {
    let app = app().await;
    put(&app, "0 4 * * *").await;
    let root = Browser::signed_in(&app, "root").await;
    for page in ["/console/schedules", PAGE, FORM] {
        let page = root.get(page).await;
        assert!(page.status == 200 && !page.text.contains("ana@"), "{}", page.text);
    }
    let before = trail(&app).await.len();
    for act in ["job", "change"] {
        let page = root.post(PAGE, &format!("{PAGE}/{act}"), &[]).await;
        assert!(page.text.contains("ana@example.org"), "{act}: {}", page.text);
    }
    // Equal reads of a minute leave one event.
    let events = trail(&app).await;
    assert_eq!(events.len(), before + 1);
    assert_eq!(
        (events[0].act.as_str(), events[0].object_id.as_str()),
        ("schedule.read", "nightly")
    );
    assert!(!root.get(PAGE).await.text.contains("ana@"));
}

#[tokio::test]
async fn a_caller_that_only_reads_is_offered_no_act_and_may_do_none() {
    let app = app().await;
    put(&app, "0 4 * * *").await;
    let reader = Browser::signed_in(&app, "reader").await;
    let page = reader.get(PAGE).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(!reader.get("/console/schedules").await.text.contains(FORM));
    for act in ["pause", "resume", "remove", "preview", "change"] {
        let path = format!("{PAGE}/{act}");
        assert!(!page.text.contains(&path), "{act}: {}", page.text);
        let answer = reader.post(PAGE, &path, &[("name", "nightly")]).await;
        assert_eq!(answer.status, 403, "{act}: {}", answer.text);
    }
    for path in [PREVIEW, SAVE] {
        let answer = reader.post(PAGE, path, &FIELDS).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text);
    }
    assert_eq!(reader.get(FORM).await.status, 403);
    assert_eq!(app.get("root", ROUTE).await.body["cron"], "0 4 * * *");
    // A refused act leaves its event.
    let acts: Vec<_> = trail(&app).await.into_iter().map(|event| event.act).collect();
    for act in ["schedule.pause", "schedule.delete", "job.create", "schedule.read"] {
        assert!(acts.iter().any(|left| left == act), "{act}: {acts:?}");
    }
    // A caller that sees its own schedules only.
    let owner = Browser::signed_in(&app, "owner").await;
    assert_eq!(owner.get(PAGE).await.status, 404);
    assert!(!owner.get("/console/schedules").await.text.contains("nightly"));
}
