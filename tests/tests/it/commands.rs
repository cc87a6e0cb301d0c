//! The command line, as a person uses it.

use std::process::Output;

use lethe_tests::config::KEY;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::{Service, Site, TARGET, lethe};
use serde_json::{Value, json};

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
    assert_eq!(String::from_utf8(jobs.stdout).unwrap().lines().count(), 4);
    let health = run(&service, &["health", service.client.url()]).await;
    assert!(health.status.success());
    let nothing = run(&service, &["watch", "00000000-0000-7000-8000-000000000000"]).await;
    assert_eq!(nothing.status.code(), Some(1));
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
        assert!(done.status.success() && said.is_empty(), "{said}");
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
    let submit = [&submit[..7], &["--idempotency-key", "k", &all[0].id]].concat();
    let job: Value = serde_json::from_str(&stdout(run(&service, &submit).await)).unwrap();
    let again: Value = serde_json::from_str(&stdout(run(&service, &submit).await)).unwrap();
    assert_eq!((&job["limit"], &job["per_second"]), (&json!(5), &json!(7)));
    assert_eq!(job["id"], again["id"]);
    let person = ["submit", "--user", "ana", "--alias", "a@b.example", "--expect"];
    let person = [&person[..], &["00000000000000000000000000000000"]].concat();
    let expects: Value = serde_json::from_str(&stdout(run(&service, &person).await)).unwrap();
    assert_eq!(
        (&expects["kind"], &expects["expect"]),
        (&json!("subject"), &json!("00000000000000000000000000000000"))
    );

    let id = job["id"].as_str().unwrap();
    for (rate, per_second) in [("0.5", json!(0.5)), ("none", Value::Null)] {
        let paced: Value = serde_json::from_str(&stdout(run(&service, &["pace", id, rate]).await)).unwrap();
        assert_eq!((&paced["id"], &paced["per_second"]), (&json!(id), &per_second));
    }
    for (rate, code, says) in [("0", 1, "a number above 0"), ("fast", 2, "50 or 0.5, or none")] {
        let refused = run(&service, &["pace", id, rate]).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(code) && said.contains(says), "{said}");
    }

    run(&service, &["resume", TARGET]).await;
    assert!(run(&service, &["watch", id]).await.status.success());
    let items = stdout(run(&service, &["items", id, "--outcome", "absent"]).await);
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
async fn keys_are_made_listed_and_taken_away_from_a_shell() {
    let site = Site::new(Layout::SQLITE).await;
    let service = site.up().await;
    let stdout = |output: Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let create = [
        "keys",
        "create",
        "nightly",
        "--scope",
        "memories:delete",
        "--user",
        "alice",
    ];
    let bounds = ["--target", TARGET, "--expires", "90d"];
    let key = stdout(run(&service, &[&create[..], &bounds].concat()).await);
    let submit = |key: String| {
        let mut command = lethe();
        command.args(["submit", "--owner", "alice", "x"]);
        command
            .env("LETHE_URL", service.client.url())
            .env("LETHE_KEY", key.trim());
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    assert!(submit(key.clone()).await.unwrap().status.success());
    let listed = stdout(run(&service, &["keys", "list"]).await);
    assert!(
        listed.contains("nightly") && listed.contains("user=\"alice\""),
        "{listed}"
    );
    assert!(!listed.contains(key.trim()), "{listed}");
    let second = stdout(run(&service, &["keys", "rotate", "nightly", "--overlap", "1h"]).await);
    let listed = stdout(run(&service, &["keys", "list"]).await);
    assert!(listed.contains("previous_secret_ends_at=\""), "{listed}");
    for secret in [&key, &second] {
        assert!(submit(secret.clone()).await.unwrap().status.success());
    }
    assert_eq!(stdout(run(&service, &["keys", "revoke", "nightly"]).await), "");
    for secret in [key, second] {
        let refused = submit(secret).await.unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8(refused.stderr).unwrap().contains("401"));
    }
    let lines = stdout(run(&service, &["keys", "config", "ops", "--scope", "admin"]).await);
    assert!(lines.contains("[[auth.key]]\nname = \"ops\""), "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_is_read_from_a_shell() {
    let site = Site::new(Layout::SQLITE).await;
    let service = site.up().await;
    let stdout = |output: Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for command in [["pause", TARGET], ["resume", TARGET]] {
        stdout(run(&service, &command).await);
    }
    let audit = async |more: &[&str]| stdout(run(&service, &[&["audit"][..], more].concat()).await);
    let trail = audit(&[]).await;
    let acts: Vec<_> = trail
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert_eq!(acts, ["audit.read", "resume", "pause", "key.create"], "{trail}");
    let pause = trail.lines().nth(2).unwrap();
    for said in ["target/main", "address=127.0.0.1", "request_id="] {
        assert!(pause.contains(said), "{pause}");
    }
    let first = trail.lines().nth(3).unwrap();
    assert!(
        first.contains("lethe:up") && first.contains("scopes=[\"admin\"]"),
        "{first}"
    );

    let event: Value = serde_json::from_str(&audit(&["--act", "pause", "--output", "json"]).await).unwrap();
    assert_eq!(event["object_id"], TARGET);
    let since = event["at"].as_str().unwrap();
    let later = audit(&["--since", since, "--act", "resume", "--limit", "1"]).await;
    assert_eq!(later.lines().count(), 1, "{later}");
    let wrong = run(&service, &["audit", "--act", "none"]).await;
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("job.cancel"));
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_are_written_listed_and_taken_away_from_a_shell() {
    let site = Site::new(Layout::SQLITE).await;
    let alice = memories::of("alice", 3);
    site.add(&alice).await;
    let service = site.up().await;
    let schedules = async |arguments: &[&str]| {
        let done = run(&service, &[&["schedules"], arguments].concat()).await;
        let said = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8(said).unwrap())
    };
    let file = site.directory.path().join("schedule");
    let body = json!({
        "cron": "0 3 29 2 *", "time_zone": "UTC", "job": {"select": {"subject": {"user_id": "alice"}}},
    });
    std::fs::write(&file, body.to_string()).unwrap();

    let (code, said) = schedules(&["put", "leap", file.to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "{said}");
    let (_, listed) = schedules(&["list"]).await;
    assert!(listed.starts_with("leap ") && listed.lines().count() == 1, "{listed}");
    let (_, preview) = schedules(&["preview", "leap"]).await;
    let preview: Value = serde_json::from_str(&preview).unwrap();
    let job = service.client.ended(preview["id"].as_str().unwrap()).await;
    assert_eq!((&job["selected"], &job["schedule"]), (&json!(3), &json!("leap")));
    assert!(schedules(&["pause", "leap"]).await.1.contains("\"paused\": true"));
    assert!(schedules(&["list"]).await.1.contains("paused"));
    assert!(schedules(&["resume", "leap"]).await.1.contains("\"paused\": false"));
    assert!(schedules(&["show", "leap"]).await.1.contains("0 3 29 2 *"));
    assert_eq!(schedules(&["delete", "leap"]).await, (Some(0), String::new()));
    for (arguments, says) in [
        (&["delete", "leap"][..], "no schedule has this name"),
        (&["show", "../jobs"], "no schedule has such a name"),
        (&["put", "leap", "{}"], "`cron`: give this"),
    ] {
        let (code, said) = schedules(arguments).await;
        assert!(code == Some(1) && said.contains(says), "{said}");
    }
    site.holds(&alice).await;
}
