//! The command line, as a person uses it.

use std::process::Output;

use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::{Service, Site, lethe};

async fn run(service: &Service, arguments: &[&str]) -> Output {
    let mut command = lethe();
    command.args(arguments).env("LETHE_URL", service.client.url());
    command.env("LETHE_KEY", service.said["key"].as_str().unwrap());
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
    let jobs = run(&service, &["jobs", "--state", "succeeded"]).await;
    assert_eq!(String::from_utf8(jobs.stdout).unwrap().lines().count(), 2);
    let health = run(&service, &["health", service.client.url()]).await;
    assert!(health.status.success());
    let nothing = run(&service, &["watch", "00000000-0000-7000-8000-000000000000"]).await;
    assert_eq!(nothing.status.code(), Some(1));
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
    // 5,011 memories, less 500 and a person's.
    assert!(said.contains("5011") || said.contains("5,011"), "{said}");
}
