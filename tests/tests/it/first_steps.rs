//! The first steps of a newcomer: the demonstration, an installation with its memories, and the commands that both print.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use lethe_tests::client::Client;
use lethe_tests::config::Config;
use lethe_tests::memories::{self, Memories};
use lethe_tests::process::Process;
use lethe_tests::service::{Service, lethe, up, up_by};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// The owner of the memories that the printed commands delete.
const PERSON: &str = "user-003@example.com";

/// Returns the commands among the lines that a process printed.
fn commands(printed: &str) -> Vec<&str> {
    let indented = printed.lines().filter_map(|line| line.strip_prefix("  "));
    indented.skip_while(|line| !line.starts_with("export ")).collect()
}

/// Runs a script as a newcomer pastes it, without this environment's settings for Lethe.
async fn paste(script: String, directory: &Path) -> Output {
    let mut command = Command::new("bash");
    command.args(["-euc", &script]).current_dir(directory);
    for (name, value) in lethe().get_envs() {
        assert!(value.is_none());
        command.env_remove(name);
    }
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn rows(data: &Path) -> Memories {
    Memories::open_sqlite(&format!("sqlite://{}", data.join("memories.sqlite").display()))
}

/// Returns the number of rows of a person.
async fn of(user: &str, data: &Path) -> usize {
    rows(data)
        .left()
        .await
        .iter()
        .filter(|memory| memory.user == user)
        .count()
}

/// Starts `lethe up` on a directory, with a flag.
async fn up_with(flag: &str, data: &Path, logs: &Path) -> Service {
    let mut command = Command::new("bash");
    let lethe = lethe();
    command
        .args(["-c", &format!("exec \"$0\" \"$@\" {flag}")])
        .arg(lethe.get_program());
    for (name, _) in lethe.get_envs() {
        command.env_remove(name);
    }
    up_by(command, data, None, logs).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_that_a_start_with_memories_prints_can_be_pasted() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut command = lethe();
    command
        .args(["up", "--demo", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data);
    let mut process = Process::start("up", &mut command, directory.path());
    let printed = process
        .says("it has printed all commands", |process| {
            let output = process.output();
            (commands(&output).len() >= 5 && output.ends_with('\n')).then_some(output)
        })
        .await;
    let script = commands(&printed);
    assert!(script[0].contains("LETHE_URL=http://127.0.0.1:") && script[0].contains("LETHE_KEY=lethe_"));
    assert!(
        printed.contains("\nConsole, for a browser: http://127.0.0.1:"),
        "{printed}"
    );
    let before = of(PERSON, &data).await;
    assert!(before > 0);
    // All but the last: `curl` may be missing here. The test of README.md calls it.
    let done = paste(script[..4].join("\n"), directory.path()).await;
    let (said, errors) = (
        String::from_utf8(done.stdout).unwrap(),
        String::from_utf8(done.stderr).unwrap(),
    );
    assert!(done.status.success(), "{said}{errors}");
    assert!(said.contains(&format!("{before} found")), "{said}");
    assert!(said.contains(&format!("main vector  {before} erased")), "{said}");
    assert!(said.contains("ID ") && said.contains("(dry run)"), "{said}");
    assert_eq!(of(PERSON, &data).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_are_loaded_once_and_never_beside_others() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut first = up_with("--demo", &data, directory.path()).await;
    let all = rows(&data).left().await.len();
    assert_eq!(all, 5_011);
    assert_eq!(first.said["console"], format!("{}/", first.client.url()));
    let vectors = lethe_tests::vectors::Vectors::existing(
        first.said["qdrant"]["url"].as_str().unwrap(),
        first.said["qdrant"]["key"].as_str().unwrap(),
        "memories",
        384,
    );
    assert_eq!(vectors.left().await.len(), all);
    let key = first.said["key"].as_str().unwrap().to_owned();
    first
        .client
        .succeeds(&json!({"select": {"subject": {"user_id": PERSON}}}))
        .await;
    first.process.terminate();
    assert!(first.process.exits().await.success());

    // A second start brings nothing back.
    let second = up_with("--demo", &data, directory.path()).await;
    assert_eq!(of(PERSON, &data).await, 0);
    let client = Client::new(second.client.url(), &key);
    let left = client
        .succeeds(&json!({"select": {"subject": {"user_id": PERSON}}}))
        .await;
    assert_eq!(left["selected"], 0, "{left:#}");

    let own = directory.path().join("own");
    std::fs::create_dir(&own).unwrap();
    memories::copy_fixture(&own.join("memories.sqlite"));
    let targets = Config::default().targets(
        "[[target]]\nname = \"main\"\nsql = { url = \"sqlite://own.sqlite\" }\n\
         [[target.table]]\nname = \"memories\"\ncolumns = { id = \"id\" }",
    );
    let file = targets.write(directory.path());
    for (arguments, says) in [
        (vec!["--data", own.to_str().unwrap()], "holds memories already"),
        (
            vec!["--data", "new", "--config", file.to_str().unwrap()],
            "leave out --demo",
        ),
    ] {
        let mut command = lethe();
        command
            .args(["up", "--demo", "--listen", "127.0.0.1:0"])
            .args(arguments);
        command.current_dir(directory.path());
        let mut refused = Process::start("up", &mut command, directory.path());
        assert_eq!(refused.exits().await.code(), Some(1));
        assert!(refused.log().contains(says), "{}", refused.log());
    }
    assert!(!directory.path().join("new").exists());
    assert!(!own.join("vectors").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_demonstration_shows_its_key_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("it's kept");
    let mut command = lethe();
    command.args(["demo", "--data"]).arg(&data);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    // The command that starts it again quotes the directory for a shell.
    let again = said.lines().find(|line| line.contains(" up --data ")).unwrap();
    let directory_of_it = again.split_once("--data ").unwrap().1;
    let read = paste(format!("printf %s {directory_of_it}"), directory.path()).await;
    assert_eq!(read.stdout, data.to_str().unwrap().as_bytes());
    let script = commands(&said);
    let key = script[0].split_once("LETHE_KEY=").unwrap().1;

    let service = up(&data, None, directory.path()).await;
    assert!(service.said["key"].is_null(), "the demonstration made it");
    let client = Client::new(service.client.url(), key);
    let jobs = client.get("/v1/jobs").await;
    assert_eq!(jobs.body["jobs"].as_array().map(Vec::len), Some(2), "{}", jobs.text);
    let left = rows(&data).left().await.len();
    assert!(0 < left && left < 5_011, "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demonstration_ends_at_the_console_until_it_is_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let told = directory.path().join("opened");
    // The opener fails, which is no fault of the command.
    let opener = directory.path().join("xdg-open");
    let script = format!("#!/bin/sh\nprintf %s \"$1\" > '{}'\nexit 1\n", told.display());
    std::fs::write(&opener, script).unwrap();
    std::fs::set_permissions(&opener, Permissions::from_mode(0o755)).unwrap();
    let mut command = lethe();
    command.args(["demo", "--open"]).env("PATH", directory.path());
    let mut process = Process::start("demo", &mut command, directory.path());
    let url = process
        .says("it opens the console", |_| {
            let url = std::fs::read_to_string(&told).ok();
            url.filter(|url| !url.is_empty())
        })
        .await;
    let said = process.output();
    assert!(said.contains("4416 of the 4416 others"), "{said}");
    assert!(
        said.contains(&format!("The console shows both jobs: {url}\n")),
        "{said}"
    );
    assert!(!url.contains("lethe_"), "{url}");
    let key = said.split_once("Sign in with this key: ").unwrap().1.lines().next();

    let client = Client::new(url.trim_end_matches('/'), key.unwrap());
    let page = client.request(Method::GET, "/").header("accept", "text/html");
    let page = client.send(page).await;
    assert!(page.text.contains("API key or token"), "{}", page.text);
    let jobs = client.get("/v1/jobs").await;
    assert_eq!(jobs.body["jobs"].as_array().map(Vec::len), Some(2), "{}", jobs.text);
    process.terminate();
    assert!(process.exits().await.success(), "{}", process.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_is_replaced_by_a_start_that_is_asked_to() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut first = up(&data, None, directory.path()).await;
    let before = first.said["key"].as_str().unwrap().to_owned();
    first.process.terminate();
    assert!(first.process.exits().await.success());

    let mut command = lethe();
    command.args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
    let mut second = Process::start("up", &mut command, directory.path());
    let said = second
        .says("it is ready", |process| {
            let output = process.output();
            output.contains("Vectors (").then_some(output)
        })
        .await;
    assert!(
        said.contains("start with --new-key") && !said.contains("lethe_"),
        "{said}"
    );
    second.terminate();
    assert!(second.exits().await.success());

    let third = up_with("--new-key", &data, directory.path()).await;
    let made = third.said["key"].as_str().unwrap();
    assert_ne!(made, before);
    // Somebody may still use the other key.
    for key in [made, &before] {
        let client = Client::new(third.client.url(), key);
        assert_eq!(client.get("/v1/jobs").await.status, StatusCode::OK);
    }
}
