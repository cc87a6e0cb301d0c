//! The parameters of a deletion by query, and the refusals of wrong ones.

use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::{Delta, ItemOutcome};
use serde_json::json;

use super::{TYPED, begun, by_query, done, everything, refused};
use crate::accepting::claim;
use crate::app::App;

#[tokio::test]
async fn wrong_parameters_are_refused_as_opensearch_does() {
    let app = App::with(TYPED).await;
    let pace = "[requests_per_second] must be a float greater than 0. Use -1 to disable throttling.";
    let slices = |text: &str| format!("[slices] must be a positive integer or the string \"auto\", but was [{text}]");
    let int = |name: &str, text: &str| format!("Failed to parse int parameter [{name}] with value [{text}]");
    let flag = |text: &str| format!("Failed to parse value [{text}] as only [true] or [false] are allowed.");
    for (parameters, reason) in [
        ("requests_per_second=", pace.to_owned()),
        ("requests_per_second=0", pace.to_owned()),
        ("requests_per_second=-12", pace.to_owned()),
        ("requests_per_second=unlimited", pace.to_owned()),
        ("requests_per_second=NaN", pace.to_owned()),
        ("requests_per_second=inf", pace.to_owned()),
        ("slices=junk", slices("junk")),
        ("slices=0", slices("0")),
        ("slices=-1", slices("-1")),
        (
            "slices=1025",
            "The number of slices [1025] is too large. It must be less than [1024].".to_owned(),
        ),
        ("max_docs=x", int("max_docs", "x")),
        (
            "max_docs=-4",
            "[max_docs] parameter cannot be negative, found [-4]".to_owned(),
        ),
        ("max_docs=1&slices=2", "[max_docs] should be >= [slices]".to_owned()),
        ("scroll_size=asdf", int("scroll_size", "asdf")),
        (
            "scroll_size=0",
            "[scroll_size] parameter must be greater than 0, found [0]".to_owned(),
        ),
        (
            "scroll_size=10001",
            "Batch size is too large, size must be less than or equal to: [10000] but was [10001].".to_owned(),
        ),
        ("wait_for_completion=maybe", flag("maybe")),
        ("refresh=wait_for", flag("wait_for")),
        ("pretty=maybe", flag("maybe")),
        ("size=x", int("size", "x")),
        ("from=x", int("from", "x")),
        (
            "size=-4",
            "[max_docs] parameter cannot be negative, found [-4]".to_owned(),
        ),
        (
            "size=4&max_docs=5",
            "[max_docs] set to two different values [4] and [5]".to_owned(),
        ),
        ("max_docs=0", "[max_docs] should be >= [slices]".to_owned()),
        ("size=1&slices=2", "[max_docs] should be >= [slices]".to_owned()),
        (
            "wait_for_active_shards=some",
            "cannot parse ActiveShardCount[some]".to_owned(),
        ),
        ("wait_for_active_shards=", "cannot parse ActiveShardCount[]".to_owned()),
        (
            "wait_for_active_shards=-1",
            "shard count cannot be a negative value".to_owned(),
        ),
        (
            "ignore_unavailable=maybe",
            "Could not convert [ignore_unavailable] to boolean".to_owned(),
        ),
        (
            "allow_no_indices=maybe",
            "Could not convert [allow_no_indices] to boolean".to_owned(),
        ),
        (
            "expand_wildcards=open,ajar",
            "No valid expand wildcard value [ajar]".to_owned(),
        ),
        (
            "timeout=soon",
            "failed to parse setting [timeout] with value [soon] as a time value: unit is missing or unrecognized"
                .to_owned(),
        ),
        (
            "conflicts=cat",
            "conflicts may only be \"proceed\" or \"abort\" but was [cat]".to_owned(),
        ),
        (
            "routing=x",
            "request contains unrecognized parameter: [routing]".to_owned(),
        ),
    ] {
        let answer = everything(&app, parameters).await;
        refused(&answer, 400, "illegal_argument_exception", &reason);
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn what_the_body_says_wrong_is_refused_as_opensearch_does() {
    let app = App::with(TYPED).await;
    for (parameters, max_docs, reason) in [
        ("", json!(-4), "[max_docs] parameter cannot be negative, found [-4]"),
        (
            "max_docs=5",
            json!(4),
            "[max_docs] set to two different values [4] and [5]",
        ),
        (
            "",
            json!("x"),
            "Failed to parse int parameter [max_docs] with value [x]",
        ),
        ("slices=9", json!(4), "[max_docs] should be >= [slices]"),
        ("", json!(0), "[max_docs] should be >= [slices]"),
        ("size=5", json!(4), "[max_docs] set to two different values [4] and [5]"),
    ] {
        let body = json!({"query": {"match_all": {}}, "max_docs": max_docs});
        let answer = by_query(&app, parameters, &body).await;
        refused(&answer, 400, "illegal_argument_exception", reason);
    }
    let conflicts = json!({"query": {"match_all": {}}, "conflicts": "cat"});
    let reason = "conflicts may only be \"proceed\" or \"abort\" but was [cat]";
    let answer = by_query(&app, "conflicts=proceed", &conflicts).await;
    refused(&answer, 400, "illegal_argument_exception", reason);
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_the_index_is_looked_for() {
    let app = App::with(TYPED).await;
    let (from, fields) = (
        "from is not supported in this context",
        "stored_fields is not supported in this context",
    );
    let missing = "query is missing";
    let all = json!({"match_all": {}});
    for (parameters, body, wrong) in [
        ("", json!({}), &[missing][..]),
        ("", json!({"query": null, "max_docs": null}), &[missing]),
        ("", json!({"stored_fields": ["_id"]}), &[fields, missing]),
        ("?stored_fields=_id", json!({"query": all}), &[fields]),
        ("?from=3", json!({"query": all}), &[from]),
        ("", json!({"query": all, "from": 3}), &[from]),
        ("?from=3", json!({"stored_fields": []}), &[from, fields, missing]),
    ] {
        let wrong: Vec<String> = wrong.iter().zip(1..).map(|(what, n)| format!("{n}: {what};")).collect();
        let reason = format!("Validation Failed: {}", wrong.concat());
        for index in ["_all", "nowhere", "main"] {
            let path = format!("/{index}/_delete_by_query{parameters}");
            let answer = app.send_json("eraser", "POST", &path, &body).await;
            refused(&answer, 400, "action_request_validation_exception", &reason);
        }
    }
    // A memory container checks for the query first, with its own message.
    let answer = by_query(&app, "", &json!({"stored_fields": ["_id"]})).await;
    assert_eq!(answer.status, 400);
    let reason = answer.body["error"]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("Query parameter is required"), "{reason}");
    let answer = by_query(&app, "from=1", &json!({"query": all})).await;
    let reason = format!("Validation Failed: 1: {from};");
    refused(&answer, 400, "action_request_validation_exception", &reason);
    for field in ["fields", "size", "slice", "sort"] {
        let answer = by_query(&app, "", &json!({"query": all, field: 1})).await;
        let reason = format!("[{field}] is not supported: leave it out");
        refused(&answer, 400, "parsing_exception", &reason);
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn size_is_what_max_docs_was_called_and_null_is_nothing() {
    let app = App::with(TYPED).await;
    let all = json!({"match_all": {}});
    for (parameters, body, most, aborts) in [
        ("size=3", json!({"query": all}), Some(3), true),
        ("size=3&max_docs=3", json!({"query": all, "max_docs": 3}), Some(3), true),
        (
            "",
            json!({"query": all, "max_docs": null, "conflicts": null}),
            None,
            true,
        ),
        ("", json!({"query": all, "conflicts": "proceed"}), None, false),
        (
            "conflicts=abort",
            json!({"query": all, "conflicts": "proceed"}),
            None,
            true,
        ),
    ] {
        let answer = by_query(&app, &format!("wait_for_completion=false&{parameters}"), &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let warning = answer.headers.get("warning").map(|text| text.to_str().expect("a text"));
        let dated = "299 lethe \"Deprecated field [size] used, expected [max_docs] instead\"";
        assert_eq!(warning, parameters.contains("size").then_some(dated), "{parameters}");
        let lease = claim(&app).await.remove(0);
        assert_eq!(lease.job.max_memories, most, "{parameters} {body}");
        // `conflicts` decides whether a conflict stops the job.
        let mut delta = Delta::default();
        delta.items.push(ItemOutcome {
            id: "a".to_owned(),
            store: StoreKind::Sql,
            outcome: Some(Outcome::Conflicted),
            code: None,
        });
        delta.count(StoreKind::Sql, Outcome::Conflicted, 1);
        done(&app, &lease, delta).await;
        let job = app.ledger.job(lease.job.id).await.expect("it answers").expect("a job");
        assert_eq!(
            job.error_code.as_deref() == Some("conflict"),
            aborts,
            "{parameters} {body}"
        );
    }
}

#[tokio::test]
async fn what_has_no_meaning_here_is_checked_and_changes_nothing() {
    let app = App::with(TYPED).await;
    for parameters in [
        "wait_for_active_shards=all",
        "wait_for_active_shards=4&timeout=1s",
        "ignore_unavailable=true&allow_no_indices=false&expand_wildcards=open,hidden",
        "expand_wildcards=none&ignore_unavailable&pretty&human=false&error_trace=true",
        "scroll=5m&search_timeout=10s&refresh=true",
        "slices=1",
    ] {
        begun(&app, parameters).await;
        let lease = claim(&app).await.remove(0);
        assert_eq!(
            (lease.job.max_memories, lease.job.batch, lease.job.per_second),
            (None, None, None)
        );
    }
    // A mistyped name must not look like a successful deletion.
    let path = "/nowhere/_delete_by_query?ignore_unavailable=true";
    let body = json!({"query": {"match_all": {}}});
    let answer = app.send_json("eraser", "POST", path, &body).await;
    refused(&answer, 404, "index_not_found_exception", "no such index [nowhere]");
}
