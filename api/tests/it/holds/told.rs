//! The warnings of jobs that a hold concerns. They are only told: workers decide at each batch.

use serde_json::{Value, json};

use super::{body, placed, put, release};
use crate::app::{Answer, App};

/// Returns the codes of a job's warnings, with their tables.
#[track_caller]
fn warnings(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 202, "{}", answer.text);
    let warnings = answer.body["warnings"].as_array().expect("a list");
    let text = |warning: &Value, field: &str| warning[field].as_str().expect("a text").to_owned();
    warnings
        .iter()
        .map(|warning| (text(warning, "code"), text(warning, "table")))
        .collect()
}

fn none() -> Vec<(String, String)> {
    Vec::new()
}

fn held() -> Vec<(String, String)> {
    vec![("held".to_owned(), "memories".to_owned())]
}

#[tokio::test]
async fn a_job_is_warned_of_holds_that_may_keep_its_memories() {
    let app = App::new().await;
    let ids = json!({"select": {"ids": ["a"]}});
    assert_eq!(warnings(&app.create("root", &ids).await), none());
    placed(&app, &body()).await;
    let by_ids = |owner: &str| json!({"select": {"ids": ["a"]}, "owner": owner});
    let subject = |user: &str| json!({"select": {"subject": {"user_id": user}}});
    let query = json!({"select": {"query": {"eq": {"workspace": "w"}}}});
    for (asked, expected) in [
        (ids.clone(), held()),
        (by_ids("ana"), held()),
        (by_ids("ben"), none()),
        (subject("ana"), held()),
        (subject("ben"), none()),
        (query, held()),
    ] {
        let answer = app.create("root", &asked).await;
        assert_eq!(warnings(&answer), expected, "{asked}");
        let path = format!("/v1/jobs/{}", answer.job());
        assert_eq!(app.get("root", &path).await.body["warnings"], answer.body["warnings"]);
    }
    let uploaded = app.upload("?owner=ana", &[], "\"a\"\n").await;
    assert_eq!(warnings(&uploaded), held());

    // This process hears of its own changes at once.
    let answer = put(&app, &json!({"ids": ["b"], "ground": "other"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(warnings(&app.create("root", &ids).await), none());
    let other = json!({"select": {"ids": ["a", "b"]}});
    assert_eq!(warnings(&app.create("root", &other).await), held());
    assert_eq!(release(&app).await, 204);
    assert_eq!(warnings(&app.create("root", &other).await), none());
}
