//! Tasks listed and cancelled together.

use std::time::{Duration, Instant};

use futures::future::join_all;
use lethe_common::job::JobId;
use lethe_common::ledger::Whose;
use lethe_common::state::State;
use serde_json::json;

use super::{PATH, TYPED, begun, refused};
use crate::accepting::claim;
use crate::app::{Answer, App, tester};
use crate::callers::task_of;

#[tokio::test]
async fn tasks_are_listed_by_action_node_and_parent() {
    let app = App::with(TYPED).await;
    let (first, second) = (begun(&app, "").await, begun(&app, "").await);
    let node = first.split(':').next().expect("a node");
    let both = [first.as_str(), second.as_str()];
    for (asked, found) in [
        ("", &both[..]),
        ("actions=cluster:*,*/delete/byquery&nodes=&parent_task_id=", &both),
        ("nodes=lethe&parent_task_id=unset", &both),
        ("nodes=_all", &both),
        ("nodes=other,le*", &both),
        (&format!("nodes={node}"), &both[..1]),
        ("nodes=other", &[]),
        // No task has a parent.
        (&format!("parent_task_id={first}"), &[]),
        ("parent_task_id=oTUltX4IQMOUUVeiohTt8A:124", &[]),
    ] {
        let answer = app.get("eraser", &format!("/_tasks?group_by=parents&{asked}")).await;
        let tasks = answer.body["tasks"].as_object().expect("tasks");
        let mut listed: Vec<&str> = tasks.keys().map(String::as_str).collect();
        listed.sort_by_key(|task| both.iter().position(|known| known == task));
        assert_eq!(listed, found, "{asked}");
    }
    for (asked, reason) in [
        ("nodes=_local", "[nodes] takes ids and names here, and not [_local]"),
        (
            "nodes=data:true",
            "[nodes] takes ids and names here, and not [data:true]",
        ),
        ("parent_task_id=foo", "malformed task id foo"),
        ("task_id=1", "request contains unrecognized parameter: [task_id]"),
    ] {
        let answer = app.get("eraser", &format!("/_tasks?{asked}")).await;
        refused(&answer, 400, "illegal_argument_exception", reason);
        let answer = app.post("eraser", &format!("/_tasks/_cancel?{asked}")).await;
        refused(&answer, 400, "illegal_argument_exception", reason);
    }
    let start = Instant::now();
    let waited = app
        .get("eraser", "/_tasks?wait_for_completion&timeout=300ms&group_by=none")
        .await;
    assert_eq!(
        waited.body["tasks"].as_array().map(Vec::len),
        Some(2),
        "{}",
        waited.text
    );
    assert!(start.elapsed() > Duration::from_millis(250));
}

#[tokio::test]
async fn those_tasks_are_cancelled_that_are_meant_and_may_be() {
    let app = App::with(TYPED).await;
    let (first, second) = (begun(&app, "").await, begun(&app, "slices=2").await);
    let others = {
        let path = format!("{PATH}?wait_for_completion=false");
        let body = json!({"query": {"match_all": {}}});
        let answer = app.send_json("other", "POST", &path, &body).await;
        answer.body["task"].as_str().expect("a task").to_owned()
    };
    let cancelled = async |asked: &str| {
        let answer = app
            .post("eraser", &format!("/_tasks/_cancel?group_by=parents&{asked}"))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let tasks = answer.body["tasks"].as_object().expect("tasks").clone();
        assert!(tasks.values().all(|task| task["cancelled"] == true), "{}", answer.text);
        tasks.keys().cloned().collect::<Vec<String>>()
    };
    assert!(cancelled("actions=*reindex").await.is_empty());
    assert!(cancelled(&format!("parent_task_id={first}")).await.is_empty());
    let node = first.split(':').next().expect("a node");
    assert_eq!(cancelled(&format!("nodes={node}")).await, [first.as_str()]);
    assert_eq!(
        cancelled("actions=*byquery&wait_for_completion=true").await,
        [second.as_str()]
    );
    // A caller that may only read another's task may not cancel it.
    let listed = app.get("eraser", "/_tasks?group_by=parents").await;
    assert_eq!(listed.body["tasks"][&others]["cancelled"], false, "{}", listed.text);

    let path = format!("/_tasks/{others}/_cancel");
    let answer = app.post("other", &format!("{path}?nodes=lethe")).await;
    let reason = "Validation Failed: 1: task id cannot be used together with node ids;";
    refused(&answer, 400, "action_request_validation_exception", reason);
    for asked in ["actions=*reindex".to_owned(), format!("parent_task_id={first}")] {
        let answer = app.post("other", &format!("{path}?{asked}")).await;
        let reason = format!("task [{others}] doesn't support this operation");
        refused(&answer, 400, "illegal_argument_exception", &reason);
    }
    let answer = app.post("other", &format!("{path}?actions=*byquery&timeout=1s")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn an_old_task_is_found_behind_any_number_of_newer_ones() {
    // A slow disk may take long for all that follows.
    let app = App::with(&format!("api.request_timeout = \"10m\"\n{TYPED}")).await;
    let old = begun(&app, "").await;
    join_all((0..1_050).map(|_| task_of(&app, None, "main"))).await;
    let node = old.split(':').next().expect("a node");
    let warning = |answer: &Answer| -> Option<String> {
        let text = answer.headers.get("warning")?.to_str().expect("a text");
        Some(text.to_owned())
    };
    // Tasks of the same moment share a node.
    let of_node = |answer: &Answer| {
        let tasks = answer.body["tasks"].as_object().expect("tasks");
        assert!(tasks.contains_key(&old), "{}", answer.text);
        assert!(tasks.keys().all(|task| task.starts_with(node)), "{}", answer.text);
        assert_eq!(warning(answer), None);
    };
    of_node(&app.get("root", &format!("/_tasks?group_by=parents&nodes={node}")).await);
    let several = |answer: &Answer, says: &str| {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body["tasks"].as_array().map(Vec::len), Some(1_000));
        let warning = warning(answer).expect("it says that there are more");
        assert!(warning.starts_with("299 lethe") && warning.contains(says), "{warning}");
    };
    several(&app.get("root", "/_tasks?group_by=none").await, "1000 tasks match");

    let path = format!("/_tasks/_cancel?group_by=parents&nodes={node}");
    of_node(&app.post("root", &path).await);
    let left = app.get("root", &format!("/_tasks?group_by=none&nodes={node}")).await;
    assert_eq!(left.body["tasks"], json!([]));
    // All are cancelled, though the answer does not hold all.
    let answer = app.post("root", "/_tasks/_cancel?group_by=none").await;
    several(&answer, "1000 tasks are being cancelled");
    let left = app.ledger.tasks(&Whose::All, None, 10).await;
    assert!(left.expect("the ledger answers").is_empty());
}

#[tokio::test]
async fn a_cancellation_of_many_keeps_its_time_limit() {
    // The time is over when the first tasks were read.
    let app = App::with(&format!("api.request_timeout = \"1us\"\n{TYPED}")).await;
    let is = async |task: JobId, state: State| {
        let job = app.ledger.job(task).await.expect("the ledger answers");
        assert_eq!(job.expect("a job").state, state);
    };
    // More than are read together. A worker has them, so they are not cancelled at once.
    let mut tasks = Vec::new();
    for _ in 0..201 {
        tasks.push(task_of(&app, None, "main").await);
    }
    while !claim(&app).await.is_empty() {}
    for task in &tasks {
        app.ledger.cancel(*task, &tester()).await.expect("the ledger answers");
    }
    is(tasks[0], State::Cancelling).await;
    let newest = task_of(&app, None, "main").await;
    let answer = app.post("root", "/_tasks/_cancel?group_by=none").await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(answer.text.contains("send the request again"), "{}", answer.text);
    is(newest, State::Cancelled).await;
}
