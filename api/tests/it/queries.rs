//! Deletions by query: the filters that `POST /v1/jobs` makes, and its refusals.

use lethe_common::filter::{CLAUSES, NESTING, TERMS};
use lethe_common::ledger::Work;
use serde_json::{Value, json};

use crate::accepting::claim;
use crate::app::App;

/// A value that must not come back in any answer.
const SECRET: &str = "s3cret";

const TABLE: &str = r#"
    api.max_body = "4 MiB"
    [[target]]
    name = "main"
    sql = { url = "sqlite://memories.sqlite" }
    vector = { url = "http://localhost:6334" }
    [[target.table]]
    name = "memories"
    columns = { id = "memory_id", user = "owner", workspace = "space", kind = "kind", created_at = "made" }
    fields = { size = "size", topics = "meta.topics", "kind" = "meta.kind" }
    collection = { name = "memories", point = "uuid", payload = { id = "id", user = "user_id" } }
    [[target.table]]
    name = "others"
    columns = { id = "id", user = "user_id" }
"#;

fn nested(n: usize) -> Value {
    (1..n).fold(json!({"eq": {"size": 1}}), |inner, _| json!({"not": inner}))
}

fn job(query: &Value) -> Value {
    json!({"table": "memories", "select": {"query": query}})
}

#[tokio::test]
async fn queries_become_filters() {
    let app = App::with(TABLE).await;
    let one_of = |path: &[&str], values: Value| json!({"one_of": {"path": path, "values": values}});
    let text = |path: &[&str], has: &str| json!({"text": {"path": path, "has": has, "text": "x"}});
    for (query, filter) in [
        (json!({"all": true}), json!("all")),
        (json!({"eq": {"user_id": "ana"}}), one_of(&["owner"], json!(["ana"]))),
        (json!({"eq": {"id": 7}}), one_of(&["memory_id"], json!([7]))),
        (json!({"eq": {"workspace": "w"}}), one_of(&["space"], json!(["w"]))),
        // Names in `fields` come before the standard names.
        (json!({"eq": {"kind": "x"}}), one_of(&["meta", "kind"], json!(["x"]))),
        (
            json!({"in": {"size": [1, 2.5, true, "x"]}}),
            one_of(&["size"], json!([1, 2.5, true, "x"])),
        ),
        (
            json!({"eq": {"topics.sea.deep": "x"}}),
            one_of(&["meta", "topics", "sea", "deep"], json!(["x"])),
        ),
        (
            json!({"range": {"created_at": {"gt": 1, "gte": 2, "lt": 3.5, "lte": 4}}}),
            json!({"range": {"path": ["made"], "bounds": {"gt": 1, "gte": 2, "lt": 3.5, "lte": 4}}}),
        ),
        (json!({"exists": "topics"}), json!({"exists": ["meta", "topics"]})),
        (json!({"prefix": {"user_id": "x"}}), text(&["owner"], "prefix")),
        (json!({"contains": {"topics": "x"}}), text(&["meta", "topics"], "part")),
        (
            json!({"and": [{"eq": {"size": 1}}, {"not": {"or": [{"exists": "size"}, {"all": true}]}}]}),
            json!({"and": [
                one_of(&["size"], json!([1])),
                {"not": {"or": {"any": [{"exists": ["size"]}, "all"], "at_least": 1}}},
            ]}),
        ),
    ] {
        let answer = app.create("eraser", &job(&query)).await;
        answer.job();
        assert_eq!(
            (&answer.body["kind"], &answer.body["selected"]),
            (&json!("query"), &json!(0))
        );
        let leases = claim(&app).await;
        assert_eq!(leases.len(), 1, "{query}");
        assert!(matches!(leases[0].work, Work::Query));
        assert_eq!(json!(leases[0].job.query), filter, "{query}");
    }
}

#[tokio::test]
async fn a_query_goes_with_every_other_field() {
    let app = App::with(TABLE).await;
    let asked = json!({
        "select": {"query": {"all": true}},
        "target": "main", "table": "memories", "owner": "ana", "workspace": "w", "kind": "note",
        "dry_run": true, "limit": 5, "per_second": 7,
    });
    let key = [("idempotency-key", "k"), ("prefer", "wait=0")];
    let answer = app.create_with("owner", &asked, &key).await;
    let id = answer.job();
    for (field, value) in [("dry_run", json!(true)), ("limit", json!(5)), ("per_second", json!(7))] {
        assert_eq!(answer.body[field], value, "{field}");
    }
    let facts = &claim(&app).await[0].job;
    assert_eq!(
        (
            facts.owner.as_deref(),
            facts.workspace.as_deref(),
            facts.memory_kind.as_deref()
        ),
        (Some("ana"), Some("w"), Some("note"))
    );
    // The same request in another form.
    let again = r#"{"kind": "note", "per_second": 7, "limit": 5, "dry_run": true, "workspace": "w", "owner": "ana",
        "table": "memories", "target": "main", "select" : {"query":{"all":true}}}"#;
    let again = app.create_raw("owner", "application/json", &key, again).await;
    assert_eq!(again.job(), id);
    let mut other = asked.clone();
    other["select"]["query"] = json!({"exists": "size"});
    app.create_with("owner", &other, &key)
        .await
        .refused(422, "key-reused", "");
    app.create("owner", &job(&json!({"all": true})))
        .await
        .refused(403, "forbidden", "`memories:delete:any`");
    app.create("privacy", &asked)
        .await
        .refused(403, "forbidden", "`memories:delete`");
    assert_eq!(app.count().await, 1);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one list of everything that is refused")]
async fn what_is_not_understood_to_its_last_word_is_refused_by_its_place() {
    let app = App::with(TABLE).await;
    let one_of =
        "write an object of one of `all`, `and`, `or`, `not`, `eq`, `in`, `range`, `exists`, `prefix`, `contains`";
    let at = |rest: &str| format!("`select.query{rest}");
    for (query, says) in [
        (json!(null), at("`: ") + one_of),
        (json!([]), at("`: ") + one_of),
        (json!("all"), at("`: ") + one_of),
        (json!({}), at("`: ") + one_of),
        (json!({"all": true, "eq": {"size": 1}}), at("`: ") + one_of),
        (json!({"all": false}), at(".all`: write true")),
        (json!({"all": {}}), at(".all`: write true or false")),
        (
            json!({"regexp": {"user_id": SECRET}}),
            at(".regexp`: unknown field: leave it out, or write one of `all`, `and`"),
        ),
        (
            json!({"and": [{"all": true}, {"not": {"term": {"user_id": SECRET}}}]}),
            at(".and[1].not.term`: unknown field"),
        ),
        (json!({"query": {"all": true}}), at(".query`: unknown field")),
        (json!({"and": []}), at(".and`: give at least one filter")),
        (json!({"not": {"or": []}}), at(".not.or`: give at least one filter")),
        (json!({"and": {"all": true}}), at(".and`: write a list")),
        (json!({"or": [{"all": true}, SECRET]}), at(".or[1]`: ") + one_of),
        (json!({"not": [{"all": true}]}), at(".not`: ") + one_of),
        (
            json!({"eq": {"colour": SECRET}}),
            at(
                ".eq.colour`: table `memories` maps no field of this name: name one of `id`, `user_id`, `workspace`, `kind`, \
                `created_at`, `kind`, `size`, `topics`",
            ),
        ),
        // Names of the other table, of the database, and names below a column without JSON.
        (
            json!({"eq": {"agent_id": SECRET}}),
            at(".eq.agent_id`: table `memories`"),
        ),
        (json!({"eq": {"owner": SECRET}}), at(".eq.owner`: table `memories`")),
        (
            json!({"eq": {"created_at.x": SECRET}}),
            at(".eq.created_at.x`: table `memories`"),
        ),
        (
            json!({"exists": "colour"}),
            at(".exists`: table `memories` maps no field"),
        ),
        (
            json!({"exists": "id"}),
            at(".exists`: every memory has an id: write `{\"all\": true}`"),
        ),
        (json!({"exists": {"field": "size"}}), at(".exists`: write a string")),
        (
            json!({"eq": {"size": 1, "user_id": SECRET}}),
            at(".eq`: write an object with one field; combine several with `and`"),
        ),
        (json!({"eq": {}}), at(".eq`: write an object with one field")),
        (json!({"eq": [SECRET]}), at(".eq`: write an object with one field")),
        (
            json!({"eq": {"user_id": null}}),
            at(".eq.user_id`: write a text, a number of 64 bits, true or false"),
        ),
        (json!({"eq": {"user_id": [SECRET]}}), at(".eq.user_id`: write a text")),
        (
            json!({"eq": {"size": u64::MAX}}),
            at(".eq.size`: write a text, a number of 64 bits"),
        ),
        (json!({"in": {"user_id": SECRET}}), at(".in.user_id`: write a list")),
        (
            json!({"in": {"user_id": [SECRET, {}]}}),
            at(".in.user_id[1]`: write a text"),
        ),
        (
            json!({"in": {"user_id": []}}),
            at(".in.user_id`: give at least one value"),
        ),
        (
            json!({"and": [{"all": true}, {"range": {"created_at": {"gt": [SECRET]}}}]}),
            at(".and[1].range.created_at.gt`: write a text, a number of 64 bits, true or false"),
        ),
        (
            json!({"range": {"created_at": {"from": SECRET}}}),
            at(".range.created_at.from`: unknown field: leave it out, or write one of `gt`, `gte`, `lt`, `lte`"),
        ),
        (
            json!({"range": {"size": {}}}),
            at(".range.size`: give at least one bound"),
        ),
        (
            json!({"range": {"size": {"gt": null}}}),
            at(".range.size.gt`: write a text"),
        ),
        (
            json!({"range": {"size": [SECRET]}}),
            at(".range.size`: write an object"),
        ),
        (
            json!({"range": {"size": {"gt": 1, "lt": SECRET}}}),
            at(".range.size`: write bounds that are all numbers, or all texts"),
        ),
        (
            json!({"range": {"size": {"gt": true}}}),
            at(".range.size`: write bounds"),
        ),
        (
            json!({"not": {"range": {"size": {"lt": 1e19}}}}),
            at(".not.range.size`: write numbers between -2^63 and 2^63"),
        ),
        (
            json!({"prefix": {"user_id": 7}}),
            at(".prefix.user_id`: write a string"),
        ),
        (
            json!({"contains": {"user_id": ""}}),
            at(".contains.user_id`: write at least one character"),
        ),
        (
            json!({"not": {"range": {"user_id": {"gte": "a\0"}}}}),
            at(".not.range.user_id`: leave the character U+0000 out"),
        ),
        (
            json!({"exists": format!("topics{}", ".x".repeat(20))}),
            at(".exists`: a path into JSON has at most 16 names"),
        ),
        (
            json!({"or": vec![json!({"eq": {"size": 1}}); CLAUSES]}),
            at("`: a filter may be made of at most 1024 conditions"),
        ),
    ] {
        let answer = app.create("root", &job(&query)).await;
        answer.refused(422, "invalid", &says);
        assert!(!answer.text.contains(SECRET), "{}", answer.text);
    }
    app.create("root", &job(&nested(NESTING))).await.job();
    assert_eq!(app.count().await, 1);
}

#[tokio::test]
async fn a_query_that_is_too_deep_or_too_long_is_refused_as_such() {
    let app = App::with(TABLE).await;
    let ids = |n: usize| json!({"in": {"size": vec![1; n]}});
    for (query, status, code, says) in [
        (
            nested(NESTING + 1),
            400,
            "bad-query",
            "select.query`: filters may nest at most 20 deep",
        ),
        (
            ids(TERMS + 1),
            413,
            "too-large",
            "select.query.in.size`: a filter may name at most 65536 values",
        ),
        (ids(1_000_000), 413, "too-large", "send fewer values"),
        (
            json!({"or": vec![ids(TERMS / 2); 3]}),
            413,
            "too-large",
            "select.query`: a filter may name at most 65536 values",
        ),
    ] {
        app.create("root", &job(&query)).await.refused(status, code, says);
    }
    let schedule = json!({"cron": "0 3 * * *", "time_zone": "UTC", "job": job(&nested(NESTING + 1))});
    app.send_json("root", "PUT", "/v1/schedules/deep", &schedule)
        .await
        .refused(400, "bad-query", "filters may nest at most 20 deep");
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_name_that_comes_twice_and_what_nests_beyond_reading_are_refused() {
    let app = App::with(TABLE).await;
    for (query, says) in [
        (
            r#"{"eq": {"size": 1}, "eq": {"size": 2}}"#,
            "`select.query`: write an object of one of",
        ),
        (
            r#"{"eq": {"size": 1, "size": 2}}"#,
            "`select.query.eq`: write an object with one field",
        ),
        (
            r#"{"range": {"size": {"gt": 1, "gt": 2}}}"#,
            "`select.query.range.size.gt`: write this field once",
        ),
        (
            r#"{"all": true}, "query": {"all": true}"#,
            "`select.query`: write this field once",
        ),
        (
            r#"{"all": true}, "ids": ["a"]"#,
            "`select`: give only one of `ids`, `subject` and `query`",
        ),
    ] {
        let body = format!(r#"{{"table": "memories", "select": {{"query": {query}}}}}"#);
        app.create_raw("root", "application/json", &[], body)
            .await
            .refused(422, "invalid", says);
    }
    let deep = format!(
        r#"{{"select": {{"query": {}{}}}}}"#,
        r#"{"not": "#.repeat(100_000),
        "}".repeat(100_000)
    );
    app.create_raw("root", "application/json", &[], deep)
        .await
        .refused(400, "malformed", "nests less deep");
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_query_is_about_one_table_that_can_be_queried() {
    let app = App::with(
        r#"
        [[target]]
        name = "rows"
        sql = { url = "sqlite://rows.sqlite" }
        [[target.table]]
        name = "one"
        columns = { id = "id" }
        [[target.table]]
        name = "owners"
        columns = { id = "id", user = "session_id", run = "session_id", owners = { table = "sessions", id = "id", name = "user_id" } }
        [[target.table]]
        name = "digits"
        columns = { id = "id", uuids = "hex" }
        [[target]]
        name = "points"
        vector = { url = "http://localhost:6334" }
        [[target.table]]
        name = "memories"
        collection = { name = "memories", point = "uuid" }
        "#,
    )
    .await;
    let at = |target: &str, table: &str| json!({"select": {"query": {"all": true}}, "target": target, "table": table});
    app.create("root", &json!({"select": {"query": {"all": true}}}))
        .await
        .refused(422, "invalid", "`target`: name one of `rows`, `points`");
    app.create("root", &at("rows", "digits")).await.refused(
        422,
        "invalid",
        "`select.query`: table `digits` stores UUIDs as 32 digits",
    );
    // The owner is in another table, and the column is the run too.
    let mut of_ana = at("rows", "owners");
    of_ana["select"]["query"] = json!({"and": [{"eq": {"user_id": "ana"}}, {"eq": {"run_id": "s1"}}]});
    app.create("root", &of_ana).await.job();
    let one_of = |column: &str, value: &str| json!({"one_of": {"path": [column], "values": [value]}});
    let both = json!({"and": [one_of("sessions.user_id", "ana"), one_of("session_id", "s1")]});
    assert_eq!(json!(claim(&app).await[0].job.query), both);
    let mut of_nobody = at("rows", "one");
    of_nobody["select"]["query"] = json!({"eq": {"user_id": "ana"}});
    app.create("root", &of_nobody).await.refused(
        422,
        "invalid",
        "name one of `id`, or map `columns.user` in the configuration (`lethe targets check` prints the line",
    );
    let mut owned = at("rows", "one");
    owned["owner"] = json!("ana");
    app.create("root", &owned)
        .await
        .refused(422, "invalid", "`owner`: table `one` of target `rows`");
    app.create("root", &at("rows", "one")).await.job();
    app.create("root", &at("points", "memories")).await.job();
    assert_eq!(app.count().await, 3);
}
