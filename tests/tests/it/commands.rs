//! The command line, as a person uses it.

use std::process::Output;

use lethe_tests::config::KEY;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::{Service, Site, TARGET, lethe};
use serde_json::{Value, json};

mod holds;
mod matching;
mod operating;

async fn run(service: &Service, arguments: &[&str]) -> Output {
    let mut command = lethe();
    command.args(arguments).env("LETHE_URL", service.client.url());
    command.env("LETHE_KEY", service.said["key"].as_str().unwrap_or(KEY));
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_are_submitted_and_watched_from_a_shell() {
    let site = Site::new(Layout::SQLITE).await;
    let (alice, bob) = (memories::of("alice", 10), memories::of("bob", 10));
    site.add(&[alice, bob.clone()].concat()).await;
    let service = site.up().await;

    let person = run(&service, &["submit", "--user", "alice", "--watch"]).await;
    assert!(person.status.success(), "{}", String::from_utf8_lossy(&person.stderr));
    let file = site.directory.path().join("ids");
    std::fs::write(&file, ids(&bob[..4]).join("\n")).unwrap();
    let listed = run(&service, &["submit", "--ids-file", file.to_str().unwrap(), "--watch"]).await;
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));

    site.holds(&bob[4..]).await;
    let query = format!("{{\"in\": {{\"id\": {}}}}}", json!(ids(&bob[4..6])));
    let foreign = run(&service, &["submit", "--query", &query, "--owner", "alice", "--watch"]).await;
    assert!(foreign.status.success(), "{}", String::from_utf8_lossy(&foreign.stderr));
    site.holds(&bob[4..]).await;
    let file = site.directory.path().join("query");
    std::fs::write(&file, &query).unwrap();
    let queried = run(&service, &["submit", "--query", file.to_str().unwrap(), "--watch"]).await;
    assert!(queried.status.success(), "{}", String::from_utf8_lossy(&queried.stderr));
    site.holds(&bob[6..]).await;
    for (query, says) in [
        (r#"{"all": true, "all": true}"#, "select.query"),
        (r#"{"all": true}, "dry_run": true"#, "as JSON"),
        ("no-such-file", "no-such-file"),
    ] {
        let refused = run(&service, &["submit", "--query", query]).await;
        assert_eq!(refused.status.code(), Some(1));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains(says), "{said}");
    }
    let jobs = run(&service, &["jobs", "--state", "succeeded"]).await;
    let jobs = String::from_utf8(jobs.stdout).unwrap();
    let (header, rows) = jobs.split_once('\n').unwrap();
    let columns: Vec<&str> = header.split_whitespace().collect();
    assert_eq!(
        columns,
        ["ID", "KIND", "STATE", "SELECTED", "COUNTS", "WAITS", "ERROR", "AGE"]
    );
    assert_eq!(rows.lines().count(), 4, "{jobs}");
    assert!(rows.contains("person") && rows.contains("10 erased"), "{jobs}");
    let health = run(&service, &["health", service.client.url()]).await;
    assert!(health.status.success());
    let nothing = run(&service, &["watch", "00000000-0000-7000-8000-000000000000"]).await;
    assert_eq!(nothing.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_receipt_names_its_job() {
    let site = Site::new(Layout::SQLITE).await;
    let memory = memories::of("alice", 1);
    site.add(&memory).await;
    let service = site.up().await;
    let job = service.client.submit_ids(&ids(&memory)).await;
    service.client.ended(&job).await;
    let listed = run(&service, &["receipts", "list"]).await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    let row = listed.lines().nth(1).unwrap_or_default();
    assert_eq!(row.split_whitespace().nth(1), Some(job.as_str()), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_ids_is_read_in_each_of_its_forms_and_never_guessed() {
    let site = Site::new(Layout::SQLITE).await;
    let mut all = memories::of("alice", 12);
    site.add(&all).await;
    let service = site.up().await;
    let file = site.directory.path().join("ids");
    let submit = async |text: String| {
        std::fs::write(&file, text).unwrap();
        let arguments = [
            "submit",
            "--ids-file",
            file.to_str().unwrap(),
            "--watch",
            "--require-found",
        ];
        let done = run(&service, &arguments).await;
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    for form in [
        |id: &str| json!(id).to_string(),
        |id: &str| json!({"id": id}).to_string(),
        str::to_owned,
        |id: &str| format!("\u{feff}{id}\r"),
        |id: &str| format!("  {} \r", json!(id)),
    ] {
        let two: Vec<_> = all.drain(..2).collect();
        let (first, second) = (form(&two[0].id), form(&two[1].id).replace('\u{feff}', ""));
        let (code, said) = submit(format!("{first}\n\n{second}")).await;
        assert_eq!(code, Some(0), "{said}");
        site.holds(&all).await;
    }
    let (one, two) = (&all[0].id, &all[1].id);
    for (text, line) in [
        (format!("{one} \n"), 1),
        (format!("{one}\n\t{two}\n"), 2),
        (format!("{one}\n\"{two}\"\n"), 2),
        (format!("\"{one}\"\n\n{two}\n"), 3),
        (format!("\"{one}\n"), 1),
        (format!("[\"{one}\"]"), 1),
        (format!("{one},\n{two},\n"), 1),
        ("null\n".to_owned(), 1),
    ] {
        let (code, said) = submit(text).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains(&format!("line {line}: ")) && said.contains("nothing was submitted"),
            "{said}"
        );
        assert!(!said.contains(one.as_str()), "{said}");
    }
    site.holds(&all).await;
    // No refused request became a job.
    let jobs = service.client.get("/v1/jobs").await.body;
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 5, "{jobs:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_finds_nothing_says_so_and_is_an_error_if_something_has_to_be_found() {
    let site = Site::new(Layout::SQLITE).await;
    let alice = memories::of("alice", 3);
    site.add(&alice).await;
    let service = site.up().await;
    let absent = memories::of("alice", 1);
    let person = ["submit", "--user", "nobody", "--watch"];
    let id = ["submit", &absent[0].id, "--watch"];
    for (arguments, says) in [
        (&person[..], "note: nothing was selected"),
        (&id[..], "note: nothing was found"),
    ] {
        let done = run(&service, arguments).await;
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.success() && said.contains(says), "{said}");
        let done = run(&service, &[arguments, &["--require-found"]].concat()).await;
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(
            said.contains(says) && said.contains("error: nothing was found"),
            "{said}"
        );
    }
    // `--require-found` is refused without `--watch`.
    let done = run(&service, &["submit", "--user", "nobody", "--require-found"]).await;
    assert_eq!(done.status.code(), Some(2));
    let look = ["submit", "--user", "alice", "--dry-run", "--watch", "--require-found"];
    let erase = ["submit", "--user", "alice", "--watch", "--require-found"];
    for arguments in [&look[..], &erase[..]] {
        let done = run(&service, arguments).await;
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.success() && !said.contains("note:"), "{said}");
    }
    let done: Value = service.client.get("/v1/jobs?limit=1").await.body;
    let watch = ["watch", done["jobs"][0]["id"].as_str().unwrap(), "--require-found"];
    assert!(run(&service, &watch).await.status.success());
    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_option_of_a_deletion_reaches_the_job() {
    let site = Site::new(Layout::SQLITE).await;
    let all = memories::of("alice", 3);
    site.add(&all).await;
    let service = site.up().await;
    let stdout = |output: Output| String::from_utf8(output.stdout).unwrap();

    let paused = stdout(run(&service, &["pause", TARGET]).await);
    assert!(paused.contains(TARGET), "{paused}");
    let submit = [
        "submit",
        "--owner",
        "bob",
        "--limit",
        "5",
        "--per-second",
        "7",
        "--not-before",
        "2026-01-01T00:00:00Z",
    ];
    let past = run(&service, &[&submit[..], &[&all[0].id]].concat()).await;
    assert!(String::from_utf8_lossy(&past.stderr).contains("not_before"));
    let more = ["--output", "json", "--idempotency-key", "k", &all[0].id];
    let submit = [&submit[..7], &more].concat();
    let job: Value = serde_json::from_str(&stdout(run(&service, &submit).await)).unwrap();
    let again: Value = serde_json::from_str(&stdout(run(&service, &submit).await)).unwrap();
    assert_eq!((&job["limit"], &job["per_second"]), (&json!(5), &json!(7)));
    assert_eq!(job["id"], again["id"]);
    let person = [
        "submit",
        "--user",
        "ana",
        "--alias",
        "a@b.example",
        "--output",
        "json",
        "--expect",
    ];
    let person = [&person[..], &["00000000000000000000000000000000"]].concat();
    let expects: Value = serde_json::from_str(&stdout(run(&service, &person).await)).unwrap();
    assert_eq!(
        (&expects["kind"], &expects["expect"]),
        (&json!("subject"), &json!("00000000000000000000000000000000"))
    );

    let id = job["id"].as_str().unwrap();
    for (rate, per_second) in [("0.5", json!(0.5)), ("none", Value::Null)] {
        let pace = ["pace", id, rate, "--output", "json"];
        let paced: Value = serde_json::from_str(&stdout(run(&service, &pace).await)).unwrap();
        assert_eq!((&paced["id"], &paced["per_second"]), (&json!(id), &per_second));
    }
    for (rate, code, says) in [("0", 1, "a number above 0"), ("fast", 2, "50 or 0.5, or none")] {
        let refused = run(&service, &["pace", id, rate]).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(code) && said.contains(says), "{said}");
    }

    run(&service, &["resume", TARGET]).await;
    assert!(run(&service, &["watch", id]).await.status.success());
    let listed = ["items", id, "--outcome", "absent"];
    let table = stdout(run(&service, &listed).await);
    assert!(
        table.starts_with("ID ") && table.matches("not found").count() == 2,
        "{table}"
    );
    let items = stdout(run(&service, &[&listed[..], &["--output", "json"]].concat()).await);
    let stores: Vec<Value> = items.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        stores.len() == 2 && stores.iter().all(|item| item["id"] == all[0].id),
        "{items}"
    );
    site.holds(&all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_erases_and_says_what_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = lethe();
    command.arg("demo").current_dir(directory.path());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // The demonstration starts with 5,011 memories.
    assert!(said.contains("5011") || said.contains("5,011"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn colours_are_for_terminals_and_can_be_switched_off() {
    let site = Site::new(Layout::SQLITE).await;
    let service = site.up().await;
    let list = async |variables: &[(&str, &str)]| {
        let mut command = lethe();
        command.args(["targets", "list"]).env("LETHE_URL", service.client.url());
        command.env("LETHE_KEY", service.said["key"].as_str().unwrap_or(KEY));
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        command.envs(variables.iter().copied());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let plain = list(&[]).await;
    assert!(plain.starts_with("TARGET ") && plain.contains("memories"), "{plain}");
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    // As on a terminal.
    let coloured = list(&[("CLICOLOR_FORCE", "1")]).await;
    assert!(coloured.contains('\u{1b}'), "{coloured:?}");
    let switched_off = list(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).await;
    assert!(!switched_off.contains('\u{1b}'), "{switched_off:?}");
}
