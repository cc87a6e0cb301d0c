//! The answer at the end of a deletion by query: its status, its counts, and its failures by name.

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::{
    AuditFilter, Delta, ItemOutcome, Kind, Lease, NewPartition, Record, RecordEnd, Route, Work, WorkerReport,
};
use serde_json::{Value, json};

use super::{PATH, TYPED, done, refused};
use crate::accepting::claim;
use crate::app::{Answer, App};

const INDEX: &str = "/working/_delete_by_query";

/// Returns the first lease, and waits for it.
async fn claimed(app: &App) -> Lease {
    loop {
        if let Some(lease) = claim(app).await.pop() {
            return lease;
        }
        tokio::task::yield_now().await;
    }
}

/// Deletes everything while `act` runs.
async fn meanwhile(app: &App, path: &str, act: impl AsyncFnOnce()) -> Answer {
    let body = json!({"query": {"match_all": {}}});
    let (answer, ()) = tokio::join!(app.send_json("eraser", "POST", path, &body), act());
    answer
}

/// Plans a job as one partition of `n` memories, and claims it.
async fn planned(app: &App, n: u64) -> Lease {
    let plan = claimed(app).await;
    let range = NewPartition {
        kind: Kind::Erase,
        route: plan.route.clone(),
        stores: vec![StoreKind::Sql],
        work: Work::Range {
            after: None,
            through: None,
        },
        alias: 0,
        remaining: n,
    };
    let planned = Delta {
        selected: i64::try_from(n).expect("few"),
        planned: vec![range],
        ..Delta::default()
    };
    done(app, &plan, planned).await;
    claimed(app).await
}

async fn end(app: &App, lease: &Lease, delta: Delta, end: RecordEnd) {
    let record = Record {
        lease,
        delta,
        progress: None,
        remaining: 0,
        end: Some(end),
    };
    app.ledger.record(&[record]).await.expect("the ledger answers");
}

fn numbers(answer: &Answer) -> [u64; 3] {
    ["total", "deleted", "version_conflicts"].map(|name| answer.body[name].as_u64().expect("a number"))
}

#[tokio::test]
async fn a_deletion_that_is_cancelled_while_it_is_waited_for_says_what_it_came_to() {
    for path in [PATH, INDEX] {
        let app = App::with(TYPED).await;
        let answer = meanwhile(&app, path, async || {
            let lease = planned(&app, 5).await;
            let cancelled = app.post("eraser", "/_tasks/_cancel").await;
            assert_eq!(cancelled.status, 200, "{}", cancelled.text);
            let mut delta = Delta::default();
            delta.count(StoreKind::Sql, Outcome::Erased, 2);
            delta.count(StoreKind::Sql, Outcome::Left, 3);
            end(&app, &lease, delta, RecordEnd::Cancelled).await;
        })
        .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(
            (&answer.body["canceled"], &answer.body["failures"]),
            (&json!("by user request"), &json!([]))
        );
        assert_eq!(numbers(&answer), [5, 2, 0], "{}", answer.text);
    }
}

#[tokio::test]
async fn failures_are_named_and_the_highest_is_the_status_of_an_index() {
    for (path, status) in [(INDEX, 500), (PATH, 200)] {
        let app = App::with(TYPED).await;
        let answer = meanwhile(&app, path, async || {
            let lease = planned(&app, 3).await;
            let item = |id: &str, code: ErrorCode| ItemOutcome {
                id: id.to_owned(),
                store: StoreKind::Sql,
                outcome: Some(Outcome::Failed),
                code: Some(code),
            };
            let mut delta = Delta::default();
            delta.count(StoreKind::Sql, Outcome::Erased, 1);
            delta.count(StoreKind::Sql, Outcome::Failed, 2);
            delta.items = vec![item("m1", ErrorCode::Rejected), item("m2", ErrorCode::Split)];
            end(&app, &lease, delta, RecordEnd::Failed(ErrorCode::Rejected)).await;
        })
        .await;
        assert_eq!(answer.status, status, "{}", answer.text);
        // The answer named ids, which the audit trail records.
        let told = AuditFilter {
            act: "job.items".to_owned(),
            limit: 9,
            ..AuditFilter::default()
        };
        assert_eq!(app.ledger.audit(&told).await.expect("the ledger answers").len(), 1);
        let failures = answer.body["failures"].as_array().expect("a list");
        let named: Vec<_> = failures
            .iter()
            .map(|failure| (&failure["id"], &failure["status"]))
            .collect();
        assert_eq!(
            named,
            [(&json!("m1"), &json!(500)), (&json!("m2"), &json!(409))],
            "{}",
            answer.text
        );
        assert_eq!(failures[0]["cause"]["reason"], "rejected");
        assert_eq!(failures[1]["cause"]["type"], "version_conflict_engine_exception");
    }
}

#[tokio::test]
async fn what_another_job_took_is_a_version_conflict() {
    let app = App::with(TYPED).await;
    let answer = meanwhile(&app, &format!("{INDEX}?conflicts=proceed"), async || {
        let lease = planned(&app, 10).await;
        let mut delta = Delta::default();
        for (outcome, n) in [(Outcome::Erased, 6), (Outcome::Conflicted, 1), (Outcome::Absent, 3)] {
            delta.count(StoreKind::Sql, outcome, n);
        }
        done(&app, &lease, delta).await;
        let read_back = claimed(&app).await;
        done(&app, &read_back, Delta::default()).await;
    })
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(numbers(&answer), [10, 6, 4], "{}", answer.text);
}

/// Returns the report of a worker that serves the table, with the column types that it has read.
fn report(app: &App, types: &Value) -> WorkerReport {
    let mapping = app.config.mappings().next().expect("one mapping");
    WorkerReport {
        name: "w".to_owned(),
        version: "1.2.3",
        slots: 4,
        routes: vec![Route::to(mapping.target, mapping.table)],
        siblings: Vec::new(),
        targets: json!({"main": {"stores": {"sql": {"up": true}}, "faults": [], "types": types}}),
        claimed: false,
    }
}

#[tokio::test]
async fn a_mistake_is_answered_alike_before_and_after_columns_are_known() {
    let fields =
        "columns = { id = \"id\", user = \"user_id\", created_at = \"made\" }\n    fields = { size = \"bytes\" }";
    let config = TYPED.replace("columns = { id = \"id\", user = \"user_id\" }", fields);
    let types = json!({"working": {"made": {"integer": 64}, "bytes": {"integer": 32}, "user_id": "text"}});
    for (query, reason) in [
        (
            json!({"range": {"created_time": {"lt": "now-90d"}}}),
            "field [created_time] holds numbers: [range] takes numbers, and dates beside the [format] that says what the \
             field counts: epoch_millis or epoch_second",
        ),
        (
            json!({"term": {"size": "big"}}),
            "field [size] holds numbers: write a number",
        ),
        (
            json!({"prefix": {"size": "1"}}),
            "field [size] holds numbers: [prefix] and [wildcard] are for texts",
        ),
        (
            json!({"range": {"owner_id": {"lte": "2024-01-31"}}}),
            "field [owner_id] holds texts: [range] with a day, a month or a year is for dates: write a time as well, or \
             the [format] of dates",
        ),
    ] {
        let app = App::with(&config).await;
        let body = json!({"query": query});
        let send = async |path: &str| app.send_json("eraser", "POST", path, &body).await;
        let kind = "illegal_argument_exception";
        // No worker has reported yet: the worker that plans the job refuses it, and reports after that.
        let (first, ()) = tokio::join!(send(INDEX), async {
            let plan = claimed(&app).await;
            end(&app, &plan, Delta::default(), RecordEnd::Failed(ErrorCode::Mistyped)).await;
            app.ledger
                .report_worker(&report(&app, &json!({})))
                .await
                .expect("the ledger answers");
            app.ledger
                .report_worker(&report(&app, &types))
                .await
                .expect("the ledger answers");
        });
        refused(&first, 400, kind, reason);
        assert!(first.headers.contains_key("lethe-job"));
        let task = app.get("eraser", "/_tasks").await;
        assert_eq!(task.body["nodes"], json!({}), "{}", task.text);
        for path in [INDEX, &format!("{INDEX}?wait_for_completion=false")] {
            refused(&send(path).await, 400, kind, reason);
        }
    }
}

#[tokio::test]
async fn a_worker_that_is_about_to_say_what_columns_hold_is_waited_for() {
    let config = TYPED.replace("\"user_id\" }", "\"user_id\" }\n    fields = { size = \"bytes\" }");
    let app = App::with(&config).await;
    app.ledger
        .report_worker(&report(&app, &json!({})))
        .await
        .expect("the ledger answers");
    let body = json!({"query": {"term": {"size": "big"}}});
    let path = format!("{INDEX}?wait_for_completion=false");
    let looked = report(&app, &json!({"working": {"bytes": {"integer": 32}}}));
    let (answer, ()) = tokio::join!(app.send_json("eraser", "POST", &path, &body), async {
        app.ledger.report_worker(&looked).await.expect("the ledger answers");
    });
    refused(
        &answer,
        400,
        "illegal_argument_exception",
        "field [size] holds numbers: write a number",
    );
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_task_whose_query_was_a_mistake_has_an_error() {
    let app = App::with(&format!("[compat]\nwait = \"0s\"\n{TYPED}")).await;
    let path = format!("{INDEX}?wait_for_completion=false");
    let body = json!({"query": {"range": {"owner_id": {"lt": 5}}}});
    let answer = app.send_json("eraser", "POST", &path, &body).await;
    let task = answer.body["task"].as_str().expect("a task").to_owned();
    let plan = claimed(&app).await;
    end(&app, &plan, Delta::default(), RecordEnd::Failed(ErrorCode::Mistyped)).await;
    let types = json!({"working": {"user_id": "text"}});
    app.ledger
        .report_worker(&report(&app, &types))
        .await
        .expect("the ledger answers");
    let seen = app.get("eraser", &format!("/_tasks/{task}")).await;
    assert_eq!(
        (&seen.body["completed"], seen.body.get("response")),
        (&json!(true), None)
    );
    let error = json!({"type": "illegal_argument_exception", "reason": "field [owner_id] holds texts: write a text"});
    assert_eq!(seen.body["error"], error, "{}", seen.text);
}
