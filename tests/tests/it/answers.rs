//! The JSON output of commands, with stable fields.

use std::process::Output;

use axum::Router;
use axum::routing::any;
use lethe_tests::config::{Config, KEY};
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::{Service, Site, TARGET, lethe, role};
use serde_json::{Value, json};

async fn run(url: &str, key: &str, arguments: &[&str]) -> Output {
    let mut command = lethe();
    command.args(arguments).env("LETHE_URL", url).env("LETHE_KEY", key);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// Runs a command with `--output json`, which must succeed. Returns its output.
async fn answer(service: &Service, arguments: &[&str]) -> Value {
    let key = service.said["key"].as_str().unwrap_or(KEY);
    let arguments = [arguments, &["--output", "json"]].concat();
    let output = run(service.client.url(), key, &arguments).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn fields(answer: &Value) -> Vec<&str> {
    let object = answer.as_object().unwrap_or_else(|| panic!("no object: {answer}"));
    let mut fields: Vec<&str> = object.keys().map(String::as_str).collect();
    fields.sort_unstable();
    fields
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_said_in_one_line_of_json() {
    let site = Site::new(Layout::SQLITE).await;
    let service = site.up().await;
    assert_eq!(fields(&service.said), ["console", "key", "pid", "qdrant", "url"]);
    assert_eq!(service.said["console"], format!("{}/", service.client.url()));
    assert_eq!(service.said["pid"], service.process.id());
    assert_eq!(service.process.output().lines().count(), 1);
    // The process starts its own vector store only if the configuration names none.
    assert_eq!(service.said["qdrant"], Value::Null);
    let directory = tempfile::tempdir().unwrap();
    let embedded = lethe_tests::service::up(&directory.path().join("data"), None, directory.path()).await;
    assert_eq!(fields(&embedded.said["qdrant"]), ["key", "url"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_mappings_answers_in_json() {
    let mut site = Site::with_own_vectors(Layout::SQLITE).await;
    let file = site.config.write(site.directory.path());
    let check = [
        "targets",
        "check",
        "--output",
        "json",
        "--config",
        file.to_str().unwrap(),
    ];
    let output = run("", "", &check).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let checked: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [checked] = &checked.as_array().unwrap()[..] else {
        panic!("{checked}")
    };
    assert_eq!(fields(checked), ["stores", "table", "target"]);
    assert_eq!(fields(&checked["stores"]), ["sql", "vector"]);
    for store in ["sql", "vector"] {
        assert_eq!(fields(&checked["stores"][store]), ["advice", "fits"], "{checked}");
    }

    site.memories.run("DROP TABLE agno_memories").await;
    site.vectors.kill();
    let output = run("", "", &check).await;
    assert_eq!(output.status.code(), Some(1));
    let checked: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(fields(&checked[0]["stores"]["sql"]), ["faults", "fits"], "{checked}");
    assert_eq!(fields(&checked[0]["stores"]["vector"]), ["code", "fits"], "{checked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_about_a_job_print_the_job() {
    let site = Site::new(Layout::SQLITE).await;
    let all = memories::of("alice", 3);
    site.add(&all).await;
    let service = site.up().await;
    let paused = answer(&service, &["pause"]).await;
    let submitted = answer(&service, &["submit", &all[0].id]).await;
    let id = submitted["id"].as_str().unwrap();
    let job = fields(&submitted);
    for (arguments, state) in [
        (&["pace", id, "7"][..], "queued"),
        (&["cancel", id], "cancelled"),
        (&["retry", id], "queued"),
    ] {
        let shown = answer(&service, arguments).await;
        assert_eq!(fields(&shown), job, "{arguments:?}");
        assert_eq!(
            (&shown["id"], &shown["state"]),
            (&json!(id), &json!(state)),
            "{arguments:?}"
        );
    }
    let resumed = answer(&service, &["resume"]).await;
    assert_eq!(fields(&paused), fields(&resumed));
    let target = answer(&service, &["pause", TARGET]).await;
    assert_eq!(fields(&target), fields(&answer(&service, &["resume", TARGET]).await));
    let watched = answer(&service, &["watch", id]).await;
    assert_eq!(
        (fields(&watched), &watched["state"]),
        (job.clone(), &json!("succeeded"))
    );
    let both = ["submit", &all[1].id, &all[2].id, "--watch"];
    assert_eq!(fields(&answer(&service, &both).await), job);
    let again = answer(&service, &["submit", &all[1].id, "--watch"]).await;
    let id = again["id"].as_str().unwrap();
    let key = service.said["key"].as_str().unwrap_or(KEY);
    let listed = ["items", id, "--outcome", "absent", "--output", "json"];
    let items = run(service.client.url(), key, &listed).await;
    for item in String::from_utf8(items.stdout).unwrap().lines() {
        let item: Value = serde_json::from_str(item).unwrap();
        assert_eq!(item["id"], all[1].id, "{item}");
    }
    assert!(ids(&all).iter().all(|id| uuid::Uuid::parse_str(id).is_ok()));
    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_the_api_s_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let page = Router::new()
        .route("/v1/jobs/{id}", any(|| async { axum::Json(json!({"hello": "you"})) }))
        .fallback(any(|| async { "<html>Welcome</html>" }));
    let serving = tokio::spawn(async move { axum::serve(listener, page).await });
    let job = "00000000-0000-7000-8000-000000000000";
    for arguments in [
        &["submit", "1"][..],
        &["watch", job],
        &["jobs"],
        &["cancel", job],
        &["items", job, "--outcome", "failed"],
        &["pause"],
        &["resume", TARGET],
        &["keys", "list"],
        &["keys", "create", "nightly", "--scope", "admin"],
        &["keys", "rotate", "nightly"],
        &["keys", "revoke", "nightly"],
        &["schedules", "list"],
        &["schedules", "delete", "nightly"],
        &["targets", "list"],
        &["targets", "siblings"],
    ] {
        let output = run(&url, KEY, arguments).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("the API did not answer with"), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_are_applied_once_and_again_do_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = format!("sqlite://{}?mode=rwc", directory.path().join("ledger.sqlite").display());
    let config = Config::default().set("ledger.url", ledger.as_str());
    for _ in 0..2 {
        let mut migrate = role("migrate", &config, directory.path());
        assert!(migrate.exits().await.success(), "{}", migrate.log());
        assert!(migrate.output().is_empty());
    }
}
