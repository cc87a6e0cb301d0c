//! Holds that are refused, each with the change to make.

use serde_json::{Value, json};

use super::{PATH, body, names, placed, put};
use crate::app::{App, MAIN};

/// Returns the hold of most tests with another selection.
fn on(field: &str, value: Value) -> Value {
    let mut body = json!({"ground": "other"});
    body[field] = value;
    body
}

/// Returns the hold of most tests with one more field.
fn with(field: &str, value: Value) -> Value {
    let mut body = body();
    body[field] = value;
    body
}

#[tokio::test]
async fn a_hold_says_what_it_keeps_and_everything_by_its_own_word() {
    let app = App::new().await;
    for (body, says) in [
        (json!({"ground": "other"}), "give one of"),
        (on("query", json!({"all": true})), "write `everything`: true"),
        (
            on("query", json!({"and": [{"all": true}, {"eq": {"user_id": "ana"}}]})),
            "write `everything`: true",
        ),
    ] {
        put(&app, &body).await.refused(422, "everything-unsaid", says);
    }
    for (body, says) in [
        (on("everything", json!(false)), "`everything`: write true"),
        (with("everything", json!(true)), "give only one of"),
        (with("ids", json!(["a"])), "give only one of"),
        (on("persons", json!([])), "`persons`: give at least one"),
        (on("persons", json!(["ana", ""])), "`persons[1]`"),
        (on("persons", Value::Null), "`persons`"),
        (on("workspaces", json!([])), "`workspaces`: give at least one"),
        (on("ids", json!([])), "`ids`: give at least one"),
        (on("ids", json!(["a", "\0"])), "`ids[1]`"),
        (on("persons", json!(vec!["x"; 1_001])), "`persons`: give at most 1000"),
        (on("ids", json!(vec!["x"; 10_001])), "`ids`: give at most 10000"),
        (on("query", json!({"eq": {"colour": "red"}})), "`query.eq.colour`"),
        (on("query", json!({"eq": {}})), "`query.eq`"),
        (on("persona", json!(["ana"])), "`persona`: unknown field"),
    ] {
        put(&app, &body).await.refused(422, "invalid", says);
    }
    assert_eq!(names(&app, "").await, Vec::<String>::new());
    placed(&app, &on("everything", json!(true))).await;
}

#[tokio::test]
async fn the_other_fields_are_checked_too() {
    let app = App::new().await;
    for (field, value, says) in [
        ("ground", json!("17(1)(a)"), "`ground`: write one of `17(3)(a)`"),
        (
            "until",
            json!("2020-01-31T12:00:00Z"),
            "`until`: write a time in the future",
        ),
        ("until", json!("tomorrow"), "`until`: write a time such as"),
        ("target", json!("elsewhere"), "`target`: no target has this name"),
        ("table", json!("elsewhere"), "`table`"),
        ("by", json!(""), "`by`: write something"),
        ("by", json!("x".repeat(201)), "`by`: write at most 200"),
        ("reference", json!("two\nlines"), "`reference`"),
    ] {
        put(&app, &with(field, value)).await.refused(422, "invalid", says);
    }
    let unnamed = app.send_json("root", "PUT", "/v1/holds/Case%2077", &body()).await;
    unnamed.refused(422, "invalid", "`name`");
    let read = app.get("root", "/v1/holds/Case%2077").await;
    read.refused(404, "not-found", "/v1/holds");
    app.get("root", PATH).await.refused(404, "not-found", "/v1/holds");
    let silent = json!({"persons": ["ana"]});
    put(&app, &silent).await.refused(422, "invalid", "`ground`");
}

#[tokio::test]
async fn ids_and_queries_need_one_table() {
    let notes = "[[target.table]]\nname = \"notes\"\ncolumns = { id = \"id\", user = \"user_id\" }\n";
    let app = App::with(&format!("{MAIN}{notes}")).await;
    let query = json!({"eq": {"user_id": "ana"}});
    for body in [on("ids", json!(["a"])), on("query", query.clone())] {
        put(&app, &body).await.refused(422, "invalid", "`table`: name one of");
        let mut named = body;
        named["table"] = json!("notes");
        let answer = put(&app, &named).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        assert_eq!(
            (&answer.body["target"], &answer.body["table"]),
            (&json!("main"), &json!("notes"))
        );
    }
    let stored = app.get("root", PATH).await.body;
    assert_eq!(stored["kind"], "query", "{stored:#}");
    assert!(stored["filter"].to_string().contains("user_id"), "{stored:#}");
}

#[tokio::test]
async fn a_large_selection_is_refused() {
    let app = App::new().await;
    let ids: Vec<String> = (0..2_000).map(|n| format!("{n:0>400}")).collect();
    put(&app, &on("ids", json!(ids)))
        .await
        .refused(413, "too-large", "write several holds");
}
