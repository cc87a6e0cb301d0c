//! Bad input: each request is refused with the field's place and without its value, and nothing is written.

use std::collections::BTreeSet;

use lethe_common::config::{Bounds, KeyHash};
use lethe_common::ledger::KeyRecord;
use serde_json::{Value, json};

use crate::app::{App, MAIN, key};

/// A value that must not come back in any answer.
const SECRET: &str = "s3cret";

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one list of everything that is refused")]
async fn bad_fields_are_named() {
    let app = App::with(&format!("api.max_id_length = 10\napi.max_ids_per_request = 3\n{MAIN}")).await;
    let with = |name: &str, value: Value| {
        let mut body = json!({"select": {"ids": [SECRET]}});
        body[name] = value;
        body
    };
    let long = format!("{SECRET}{}", "x".repeat(10));
    let invalid = [
        (json!({}), "`select`: write this field"),
        (json!({"select": {}}), "`select`: give `ids`, `subject` or `query`"),
        (json!({"select": null}), "`select`: write an object"),
        (json!([SECRET]), "`the body`: write an object"),
        (json!({"select": {"ids": []}}), "`select.ids`: give at least one id"),
        (json!({"select": {"ids": SECRET}}), "`select.ids`: write a list"),
        (json!({"select": {"ids": null}}), "`select.ids`: write a list"),
        (
            json!({"select": {"ids": [SECRET, 7]}}),
            "`select.ids[1]`: write a string",
        ),
        (json!({"select": {"ids": [""]}}), "`select.ids[0]`"),
        (
            json!({"select": {"ids": [SECRET, long]}}),
            "`select.ids[1]`: write at most 10 characters",
        ),
        (
            json!({"select": {"ids": ["s3cret\0"]}}),
            "`select.ids[0]`: leave the character U+0000 out",
        ),
        (
            json!({"select": {"ids": ["1", "2", "3", "4"]}}),
            "`select.ids`: give at most 3 ids",
        ),
        (
            json!({"select": {"ids": [SECRET], "subject": {"user_id": SECRET}}}),
            "`select`: give only one of `ids`, `subject` and `query`",
        ),
        (json!({"select": {"ids": [SECRET], "all": true}}), "`select.all`"),
        (
            json!({"select": {"subject": {}}}),
            "`select.subject`: give at least one",
        ),
        (
            json!({"select": {"subject": {"user_id": ""}}}),
            "`select.subject.user_id`",
        ),
        (
            json!({"select": {"subject": {"user_id": 7}}}),
            "`select.subject.user_id`: write a string",
        ),
        (
            json!({"select": {"subject": {"user_id": null}}}),
            "`select.subject.user_id`: write a string",
        ),
        (
            json!({"select": {"subject": {"user": SECRET}}}),
            "`select.subject.user`",
        ),
        (
            json!({"select": {"subject": {"user_id": SECRET}}, "owner": SECRET}),
            "`owner`: leave it out",
        ),
        (
            json!({"select": {"subject": {"user_id": SECRET}}, "kind": SECRET}),
            "`kind`: leave it out",
        ),
        (
            json!({"select": {"subject": {"aliases": [SECRET]}}}),
            "`select.subject.aliases`: give one of the names as `user_id`",
        ),
        (
            json!({"select": {"subject": {"user_id": SECRET, "aliases": []}}}),
            "`select.subject.aliases`: give 1 to 100 names",
        ),
        (
            json!({"select": {"subject": {"user_id": SECRET, "aliases": ["a", SECRET]}}}),
            "`select.subject.aliases[1]`: give each name once",
        ),
        (
            json!({"select": {"subject": {"user_id": SECRET, "aliases": [""]}}}),
            "`select.subject.aliases[0]`: write something",
        ),
        (with("expect", json!(SECRET)), "`expect`: write the digest of a dry run"),
        (with("kind", json!("")), "`kind`"),
        (with("colour", json!(SECRET)), "`colour`: unknown field"),
        (with("owner", json!("")), "`owner`"),
        (with("owner", json!(null)), "`owner`: write a string"),
        (
            with("owner", json!("s3cret\0")),
            "`owner`: leave the character U+0000 out",
        ),
        (with("workspace", json!(7)), "`workspace`: write a string"),
        (with("dry_run", json!(SECRET)), "`dry_run`: write true or false"),
        (with("dry_run", json!(null)), "`dry_run`: write true or false"),
        (with("limit", json!(0)), "`limit`: write a whole number of at least 1"),
        (
            with("deadline", json!(SECRET)),
            "`deadline`: write `regulation` and `received_at` in its place",
        ),
        (with("reason", json!(SECRET)), "`reason`: unknown field"),
        (with("limit", json!(-1)), "`limit`: write a whole number of at least 1"),
        (with("limit", json!(1.5)), "`limit`: write a whole number of at least 1"),
        (
            with("limit", json!(SECRET)),
            "`limit`: write a whole number of at least 1",
        ),
        (
            with("limit", json!(u64::MAX)),
            "`limit`: write a whole number of at least 1",
        ),
        (
            with("per_second", json!(0)),
            "`per_second`: write a number above 0, of at most 4294967295",
        ),
        (
            with("per_second", json!(1_u64 << 32)),
            "`per_second`: write a number above 0, of at most 4294967295",
        ),
        (with("not_before", json!(SECRET)), "`not_before`: write a time"),
        (with("not_before", json!("2001-01-01T00:00:00Z")), "`not_before`"),
        (
            with("target", json!(SECRET)),
            "`target`: no target has this name: name one of `main`",
        ),
        (
            with("table", json!(SECRET)),
            "`table`: target `main` has no table of this name: name one of `memories`",
        ),
    ];
    for (body, says) in invalid {
        let answer = app.create("root", &body).await;
        answer.refused(422, "invalid", says);
        assert!(!answer.text.contains(SECRET), "{}", answer.text);
    }
    for later in ["priority", "callback_url", "metadata"] {
        let answer = app.create("root", &with(later, json!(SECRET))).await;
        answer.refused(422, "not-supported", &format!("`{later}` is not supported yet"));
    }
    let two = json!({"select": {"ids": ["1", "2"]}, "limit": 1});
    app.create("root", &two)
        .await
        .refused(422, "limit-exceeded", "nothing was accepted");
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn what_is_not_json_is_refused_by_its_place() {
    let app = App::new().await;
    for body in [
        "",
        "{",
        "{\"select\": {\"ids\": [\"s3cret\",]}}",
        "{} {}",
        "\u{feff}{}",
        "s3cret",
    ] {
        let answer = app.create_raw("root", "application/json", &[], body).await;
        let code = if body == "{} {}" {
            (422, "invalid")
        } else {
            (400, "malformed")
        };
        answer.refused(code.0, code.1, "");
        assert!(!answer.text.contains(SECRET), "{}", answer.text);
    }
    app.create_raw("root", "application/json", &[], "{\"select\": {\"ids\": [\"a\"]}} x")
        .await
        .refused(400, "malformed", "line 1, column 28");
    app.create_raw(
        "root",
        "application/json",
        &[],
        "{\"select\": {\"ids\": [\"a\"]}, \"select\": {}}",
    )
    .await
    .refused(422, "invalid", "`select`: write this field once");
    app.create_raw(
        "root",
        "application/json",
        &[],
        &b"{\"select\": {\"ids\": [\"\xff\"]}}"[..],
    )
    .await
    .refused(400, "malformed", "line 1");
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn the_kind_of_a_body_has_to_be_said_and_known() {
    let app = App::new().await;
    let body = || json!({"select": {"ids": ["a"]}}).to_string();
    for kind in [
        "",
        "text/plain",
        "application/jsonx",
        "application/x-www-form-urlencoded",
    ] {
        app.create_raw("root", kind, &[], body())
            .await
            .refused(415, "media-type", "application/json");
    }
    let packed = [("content-encoding", "gzip")];
    app.create_raw("root", "application/json", &packed, body())
        .await
        .refused(415, "media-type", "encoding");
    app.create_raw("root", "Application/JSON;charset=utf-8", &[], body())
        .await
        .job();
}

#[tokio::test]
async fn what_would_be_ignored_is_refused() {
    let app = App::new().await;
    // A dry run that is ignored would erase.
    let path = "/v1/jobs?dry_run=true";
    let request = crate::app::request("root", "POST", path).header("content-type", "application/json");
    let body = json!({"select": {"ids": ["a"]}}).to_string();
    let answer = app.send(request.body(body.into()).expect("a request")).await;
    answer.refused(422, "invalid", "send no query with JSON");
    // A target in the wrong place would pause everything.
    app.post("root", "/v1/pause?target=main")
        .await
        .refused(422, "invalid", "send no query");
    let request = crate::app::request("root", "POST", "/v1/pause");
    let answer = app
        .send(request.body("{\"target\": \"main\"}".into()).expect("a request"))
        .await;
    answer.refused(422, "invalid", "send no body");
    assert!(!app.ledger.pauses().await.expect("the ledger answers").all);
    assert_eq!(app.count().await, 0);
}

/// Three targets: two tables (one without owners), only vectors, and rows whose vectors have no owner.
const MANY: &str = r#"
    [[target]]
    name = "rows"
    sql = { url = "sqlite://rows.sqlite" }
    [[target.table]]
    name = "owned"
    columns = { id = "id", user = "user_id" }
    [[target.table]]
    name = "free"
    columns = { id = "id" }
    [[target]]
    name = "points"
    vector = { url = "http://localhost:6334" }
    [[target.table]]
    name = "memories"
    collection = { name = "memories", point = "uuid", payload = { workspace = "w" } }
    [[target]]
    name = "both"
    sql = { url = "sqlite://both.sqlite" }
    vector = { url = "http://localhost:6334" }
    [[target.table]]
    name = "memories"
    columns = { id = "id", user = "user_id" }
    collection = { name = "memories", point = "uuid" }
"#;

#[tokio::test]
async fn a_place_has_to_be_named_where_there_are_several() {
    let app = App::with(MANY).await;
    let ids = json!({"ids": ["a"]});
    let answer = app.create("root", &json!({"select": ids})).await;
    answer.refused(422, "invalid", "`target`: name one of `rows`, `points`, `both`");
    let answer = app.create("root", &json!({"select": ids, "target": "rows"})).await;
    answer.refused(422, "invalid", "`table`: name one of `owned`, `free`");
    app.create("root", &json!({"select": ids, "target": "points"}))
        .await
        .job();
    let nowhere = App::with("").await;
    let answer = nowhere.create("root", &json!({"select": ids})).await;
    answer.refused(422, "invalid", "no memories are configured");
    let answer = nowhere
        .create("root", &json!({"select": {"subject": {"user_id": "a"}}}))
        .await;
    answer.refused(422, "invalid", "no memories are configured");
}

#[tokio::test]
async fn credentials_that_cover_no_target_are_told_so() {
    let app = App::with(MANY).await;
    // The configuration had the target of this key before.
    let record = KeyRecord {
        name: "former".to_owned(),
        sha256: KeyHash::of(&key("former")).to_string(),
        scopes: ["memories:delete:any", "subjects:erase", "jobs:read"]
            .map(str::to_owned)
            .to_vec(),
        bounds: Bounds {
            targets: Some(BTreeSet::from(["former".to_owned()])),
            ..Bounds::default()
        },
        expires_at: None,
    };
    app.ledger
        .add_key(&record, &crate::app::tester())
        .await
        .expect("the ledger answers");
    for select in [json!({"ids": ["a"]}), json!({"subject": {"user_id": "a"}})] {
        for body in [
            json!({"select": select}),
            json!({"select": select, "target": "rows", "table": "free"}),
        ] {
            let answer = app.create("former", &body).await;
            answer.refused(403, "forbidden", "your credentials cover no target");
        }
    }
    app.get("former", "/v1/jobs?target=rows")
        .await
        .refused(403, "forbidden", "your credentials cover no target");
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_condition_that_no_mapping_holds_is_refused_and_the_mapping_named() {
    let app = App::with(MANY).await;
    let by_ids = |target: &str, table: &str, field: &str| {
        let mut body = json!({"select": {"ids": ["a"]}, "target": target, "table": table});
        body[field] = json!("x");
        body
    };
    let by_subject = |target: &str, field: &str| json!({"select": {"subject": {field: "x"}}, "target": target});
    for (body, says) in [
        (
            by_ids("rows", "free", "owner"),
            "`owner`: table `free` of target `rows` does not map this field: map `columns.user`",
        ),
        (by_ids("rows", "owned", "workspace"), "map `columns.workspace`"),
        (
            by_ids("rows", "owned", "kind"),
            "`kind`: table `owned` of target `rows` does not map this field: map `columns.kind`",
        ),
        (by_ids("points", "memories", "owner"), "map `collection.payload.user`"),
        (
            by_subject("rows", "user_id"),
            "`select.subject.user_id`: table `free` of target `rows`",
        ),
        (by_subject("rows", "agent_id"), "map `columns.agent`"),
        (by_subject("points", "user_id"), "map `collection.payload.user`"),
        // A row's column does not find orphans.
        (by_subject("both", "user_id"), "map `collection.payload.user`"),
        (json!({"select": {"subject": {"run_id": "x"}}}), "map `columns.run`"),
    ] {
        app.create("root", &body).await.refused(422, "invalid", says);
    }
    app.create("root", &by_ids("rows", "owned", "owner")).await.job();
    app.create("root", &by_ids("points", "memories", "workspace"))
        .await
        .job();
    // The row decides the owner of the memory.
    app.create("root", &by_ids("both", "memories", "owner")).await.job();
    app.create("root", &by_subject("points", "workspace")).await.job();
    assert_eq!(app.count().await, 4);
}
