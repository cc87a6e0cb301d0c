//! Acts on all jobs of a list.

use super::browser::Browser;
use crate::app::App;

const LIST: &str = "/console/jobs?state=queued";
const CANCEL: &str = "/console/jobs/cancel?state=queued";

async fn queued(app: &App) -> usize {
    let list = app.get("root", "/v1/jobs?state=queued&limit=200").await;
    list.body["jobs"].as_array().expect("a list").len()
}

/// Returns the value of a hidden field of a page; `None` without one.
pub(super) fn hidden<'p>(page: &'p str, name: &str) -> Option<&'p str> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    rest.split('"').next()
}

#[tokio::test]
async fn a_filtered_list_leads_to_acts_on_all_of_it() {
    let app = App::new().await;
    app.accepted("eraser").await;
    let root = Browser::signed_in(&app, "root").await;
    let list = root.get(LIST).await.text;
    assert!(list.contains("href=\"/console/jobs/cancel?state=queued\""), "{list}");
    assert!(
        !list.contains("/console/jobs/retry"),
        "no queued job can be retried: {list}"
    );
    for (who, path) in [("root", "/console/jobs"), ("reader", LIST)] {
        let page = Browser::signed_in(&app, who).await.get(path).await.text;
        assert!(!page.contains("/console/jobs/cancel"), "{who} {path}: {page}");
    }
    let reader = Browser::signed_in(&app, "reader").await;
    assert_eq!(reader.get(CANCEL).await.status, 403);
    assert_eq!(root.get("/console/jobs/cancel").await.status, 422);
}

#[tokio::test]
async fn the_number_is_typed_and_the_steps_add_up() {
    let app = App::new().await;
    for _ in 0..101 {
        app.accepted("eraser").await;
    }
    let root = Browser::signed_in(&app, "root").await;
    let page = root.get(CANCEL).await.text;
    assert!(page.contains("101 jobs"), "{page}");
    assert_eq!(queued(&app).await, 101, "the page only counts");
    for typed in ["", "100"] {
        let fields = [("expect", "101"), ("number", typed)];
        let answer = root.post(CANCEL, CANCEL, &fields).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
    }
    // Another one comes after the count.
    let later = app.accepted("eraser").await;
    let fields = [("expect", "101"), ("number", "101")];
    let answer = root.post(CANCEL, CANCEL, &fields).await;
    assert_eq!(answer.status, 409, "{}", answer.text);
    assert!(answer.text.contains("102 jobs match now"), "{}", answer.text);
    assert_eq!(queued(&app).await, 102);
    app.post("root", &format!("/v1/jobs/{later}/cancel")).await;

    let mut page = root.post(CANCEL, CANCEL, &fields).await.text;
    let mut steps = 1;
    while let Some(after) = hidden(&page, "after").map(str::to_owned) {
        let kept = ["expect", "done", "refused", "unchanged"].map(|name| {
            let value = hidden(&page, name).expect("a hidden field");
            (name, value.to_owned())
        });
        let mut fields: Vec<_> = kept.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.push(("after", &after));
        page = root.post(CANCEL, CANCEL, &fields).await.text;
        steps += 1;
    }
    assert_eq!(steps, 3);
    assert!(
        page.contains("101 jobs: 101 done, 0 refused, 0 unchanged, 0 left"),
        "{page}"
    );
    assert_eq!(queued(&app).await, 0);
}

#[tokio::test]
async fn a_pace_is_set_for_all_jobs_of_a_list() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let browser = Browser::signed_in(&app, "eraser").await;
    let pace = "/console/jobs/pace?state=queued";
    let fields = [("expect", "1"), ("per_second", "7.5")];
    let answer = browser.post(pace, pace, &fields).await;
    assert!(answer.text.contains("1 job: 1 done"), "{}", answer.text);
    let job = app.get("root", &format!("/v1/jobs/{id}")).await;
    assert_eq!(job.body["per_second"], 7.5);
}
