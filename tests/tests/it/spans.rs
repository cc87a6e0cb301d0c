//! Spans in the log: a store call's span is inside its partition's, and no span holds personal data.

use std::collections::BTreeSet;

use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::process::Process;
use lethe_tests::service::Site;
use lethe_tests::wait;
use serde_json::{Value, json};

/// Returns the lines that a process logged, as text and as JSON.
fn lines(process: &Process) -> Vec<(String, Value)> {
    let log = process.log();
    // The last line may be half written.
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let read = |line: &str| (line.to_owned(), serde_json::from_str(line).unwrap());
    whole.lines().map(read).collect()
}

fn spans(line: &Value) -> Vec<&Value> {
    line["spans"].as_array().into_iter().flatten().collect()
}

fn keys(span: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = span.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Returns the lines of a message.
fn saying<'a>(lines: &'a [(String, Value)], message: &str) -> Vec<&'a Value> {
    let found = lines.iter().filter(|(_, line)| line["message"] == message);
    found.map(|(_, line)| line).collect()
}

/// Returns how often a line names its job.
fn jobs_of(line: &Value) -> usize {
    let told = spans(line).into_iter().chain([line]);
    told.filter(|told| !told["job.id"].is_null()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_a_store_is_inside_of_its_partition_and_no_span_is_personal() {
    let mut site = Site::new(Layout::SQLITE).await;
    site.configure(|config| config.set("log.level", "info,lethe_worker=debug,lethe_api=debug"));
    let (alice, bob) = (memories::of("alice-in-no-span", 30), memories::of("bob-in-no-span", 5));
    site.add(&[alice.clone(), bob.clone()].concat()).await;
    let service = site.up().await;

    let person = json!({"select": {"subject": {"user_id": "alice-in-no-span"}}});
    let one = service.client.succeeds(&person).await;
    let query = json!({"select": {"query": {"eq": {"user_id": "bob-in-no-span"}}}, "owner": "bob-in-no-span"});
    service.client.succeeds(&query).await;
    let id = one["id"].as_str().unwrap();
    wait::until_true("both are logged", || async {
        saying(&lines(&service.process), "a job has ended").len() == 2
    })
    .await;

    let lines = lines(&service.process);
    let calls = saying(&lines, "a store was called");
    let asked: BTreeSet<_> = calls
        .iter()
        .map(|line| {
            let spans = spans(line);
            let [partition, call] = spans[..] else {
                panic!("{line:#}")
            };
            assert_eq!(
                (&partition["name"], &call["name"]),
                (&json!("erase.partition"), &json!("store.call"))
            );
            assert_eq!(
                keys(partition),
                ["attempt", "job.id", "kind", "name", "partition", "table", "target.name"]
            );
            assert_eq!(keys(call), ["name", "operation", "outcome", "store", "target.name"]);
            assert_eq!(
                (&partition["target.name"], &partition["attempt"], &call["outcome"]),
                (&json!("main"), &json!(1), &json!("ok"))
            );
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            (
                word(&partition["job.id"]) == id,
                word(&call["store"]),
                word(&call["operation"]),
            )
        })
        .collect();
    for store in ["sql", "vector"] {
        assert!(
            asked.contains(&(true, store.to_owned(), "delete".to_owned())),
            "{asked:?}"
        );
    }
    assert!(asked.iter().any(|(first, ..)| !first), "{asked:?}");
    let answered = saying(&lines, "answered");
    assert!(!answered.is_empty());
    for line in answered {
        let spans = spans(line);
        assert_eq!(spans.len(), 1, "{line:#}");
        assert_eq!(keys(spans[0]), ["http.method", "http.route", "name", "request.id"]);
    }
    for (text, line) in &lines {
        assert_eq!(text.matches("\"target\":").count(), 1, "{text}");
        assert!(jobs_of(line) <= 1, "{text}");
        assert!(!text.contains("in-no-span"), "{text}");
        for id in ids(&[alice.clone(), bob.clone()].concat()) {
            assert!(!text.contains(id), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_jobs_that_share_a_task_share_a_span_and_each_line_says_whose_it_is() {
    let mut site = Site::new(Layout::SQLITE).await;
    site.configure(|config| config.set("log.level", "info,lethe_worker=debug"));
    let all = memories::of("alice", 20);
    site.add(&all).await;
    let service = site.up().await;
    assert!(service.client.post("/v1/pause").await.status.is_success());
    for id in ids(&all) {
        service.client.submit_ids(&[id]).await;
    }
    assert!(service.client.post("/v1/resume").await.status.is_success());
    wait::until_true("all have ended", || async {
        saying(&lines(&service.process), "a job has ended").len() == 20
    })
    .await;

    let lines = lines(&service.process);
    let shared = |line: &Value| {
        spans(line)
            .first()
            .is_some_and(|span| span["partitions"].as_u64() > Some(1))
    };
    assert!(lines.iter().any(|(_, line)| shared(line)));
    for line in saying(&lines, "a job has ended") {
        assert_eq!(jobs_of(line), 1, "{line:#}");
        assert_eq!(line["job.id"].is_string(), shared(line), "{line:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_say_which_job_they_are_about_where_no_span_does() {
    let mut site = Site::new(Layout::SQLITE).await;
    site.configure(|config| config.set("log.level", "warn"));
    let all = memories::of("alice", 1);
    site.add(&all).await;
    site.memories.run("ALTER TABLE agno_memories RENAME TO elsewhere").await;
    let service = site.up().await;
    let id = service.client.submit_ids(&ids(&all)).await;
    let met = "a partition failed and will be retried";
    wait::until_true("it has met the fault", || async {
        !saying(&lines(&service.process), met).is_empty()
    })
    .await;

    let lines = lines(&service.process);
    let line = saying(&lines, met)[0];
    assert!(spans(line).is_empty(), "{line:#}");
    assert_eq!(
        (
            &line["job.id"],
            &line["partition"],
            &line["target.name"],
            &line["store.name"]
        ),
        (&json!(id), &json!(0), &json!("main"), &json!("sql"))
    );
}
