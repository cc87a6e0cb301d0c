//! Queries that compare a column with a value that it cannot hold: a negation would match every row.

use lethe_tests::by_query::{job, of_user};
use lethe_tests::layout::Layout;
use lethe_tests::memories;
use lethe_tests::service::{Service, Site};
use lethe_tests::wait;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

// With the line's end, since the payload's fields have the same names.
const COLUMNS: &str = "agent = \"agent_id\" }\n";
const TIMED: &str = "agent = \"agent_id\", created_at = \"created_at\" }\n";

/// Makes a site whose times are numbers.
async fn site(layout: Layout) -> Site {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.replace(COLUMNS, TIMED));
    site
}

/// Returns a query for ana's memories before a date, although times are numbers.
fn all_but_the_young() -> Value {
    json!({"and": [of_user("ana"), {"not": {"range": {"created_at": {"gte": "2025-01-01"}}}}]})
}

/// Waits until a worker has reported the column types.
async fn reported(service: &Service) {
    wait::until_true("a worker has looked at the stores", || async {
        let targets = service.client.get("/v1/targets").await.body;
        targets["targets"][0]["stores"]["sql"]["up"].as_u64() > Some(0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_refuses_them_before_it_touches_anything() {
    let site = site(Layout::POSTGRES_REDIS).await;
    let all = memories::of("ana", 20);
    site.add(&all).await;
    let service = site.api().await;
    // No worker has reported the column types to the API.
    let asked = job(all_but_the_young());
    let id = service.client.submit(&asked).await;
    let mut dry = asked.clone();
    dry["dry_run"] = true.into();
    let preview = service.client.submit(&dry).await;

    let _worker = site.worker().await;
    for id in [id, preview] {
        let job = service.client.ended(&id).await;
        assert_eq!(
            (&job["state"], &job["error_code"]),
            (&json!("failed"), &json!("mistyped")),
            "{job:#}"
        );
    }
    site.holds(&all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_refused_as_soon_as_a_worker_has_said_what_columns_hold() {
    let site = site(Layout::SQLITE).await;
    let all = memories::of("ana", 20);
    site.add(&all).await;
    let service = site.start().await;
    reported(&service).await;
    let said = "column `created_at` holds numbers";

    let request = |method, path: &str, body: &Value| service.client.request(method, path).json(body);
    let refused = async |method, path: &str, body: &Value| service.client.send(request(method, path, body)).await;
    let asked = job(all_but_the_young());
    let answer = refused(Method::POST, "/v1/jobs", &asked).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    let names = |place: &str, text: &str| text.contains(&format!("`{place}`"));
    assert!(names("select.query", &answer.text), "{}", answer.text);
    assert!(
        answer.body["detail"].as_str().unwrap().contains(said),
        "{}",
        answer.text
    );

    let schedule = json!({"cron": "0 3 * * *", "time_zone": "UTC", "job": asked});
    let answer = refused(Method::PUT, "/v1/schedules/nightly", &schedule).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    assert!(names("job.select.query", &answer.text), "{}", answer.text);

    let young = json!({"range": {"created_time": {"gte": "2025-01-01"}}});
    let query = json!({"query": {"bool": {"filter": [{"term": {"owner_id": "ana"}}], "must_not": [young]}}});
    let answer = refused(Method::POST, "/main/_delete_by_query", &query).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    let reason = answer.body["error"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("field [created_time] holds numbers"), "{reason}");
    site.holds(&all).await;

    // A query may name the unit of a number that is a time.
    let older = json!({"and": [of_user("ana"), {"range": {"created_at": {"lt": {"ago": "1d", "as": "seconds"}}}}]});
    let done = service.client.succeeds(&job(older)).await;
    assert_eq!(done["selected"], 20, "{done:#}");
}
