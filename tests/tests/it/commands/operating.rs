//! Keys, the audit trail and schedules from a shell.

use std::process::Output;

use lethe_tests::layout::Layout;
use lethe_tests::memories;
use lethe_tests::service::{Site, TARGET, lethe};
use serde_json::{Value, json};

use super::run;

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
        listed.starts_with("NAME ") && listed.contains("nightly") && listed.contains("user \"alice\""),
        "{listed}"
    );
    assert!(!listed.contains(key.trim()), "{listed}");
    let second = stdout(run(&service, &["keys", "rotate", "nightly", "--overlap", "1h"]).await);
    let listed = stdout(run(&service, &["keys", "list"]).await);
    assert!(listed.contains("until 20"), "{listed}");
    for secret in [&key, &second] {
        assert!(submit(secret.clone()).await.unwrap().status.success());
    }
    let again = run(&service, &["keys", "rotate", "nightly"]).await;
    let said = String::from_utf8(again.stderr).unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(said.contains("the older one works until 20"), "{said}");
    let second = stdout(run(&service, &["keys", "rotate", "nightly", "--ends", "newer"]).await);
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
    let header: Vec<&str> = trail.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(
        header,
        ["AT", "ACT", "ACTOR", "OBJECT", "DETAILS", "ADDRESS", "REQUEST"],
        "{trail}"
    );
    let acts: Vec<_> = trail
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert_eq!(acts, ["audit.read", "resume", "pause"], "{trail}");
    let pause = trail.lines().nth(3).unwrap();
    for said in ["target/main", "127.0.0.1"] {
        assert!(pause.contains(said), "{pause}");
    }

    let event: Value = serde_json::from_str(&audit(&["--act", "pause", "--output", "json"]).await).unwrap();
    assert_eq!(event["object_id"], TARGET);
    let since = event["at"].as_str().unwrap();
    let later = audit(&["--since", since, "--act", "resume", "--limit", "1"]).await;
    assert_eq!(later.lines().count(), 2, "{later}");
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
    let (header, row) = listed.split_once('\n').unwrap();
    assert!(header.starts_with("NAME ") && row.starts_with("leap "), "{listed}");
    assert_eq!(row.lines().count(), 1, "{listed}");
    let (_, preview) = schedules(&["preview", "leap", "--output", "json"]).await;
    let preview: Value = serde_json::from_str(&preview).unwrap();
    let job = service.client.ended(preview["id"].as_str().unwrap()).await;
    assert_eq!((&job["selected"], &job["schedule"]), (&json!(3), &json!("leap")));
    assert!(schedules(&["pause", "leap"]).await.1.contains("next run   paused"));
    assert!(schedules(&["list"]).await.1.contains("paused"));
    assert!(!schedules(&["resume", "leap"]).await.1.contains("paused"));
    assert!(schedules(&["show", "leap"]).await.1.contains("0 3 29 2 *"));
    assert_eq!(schedules(&["delete", "leap"]).await, (Some(0), String::new()));
    for (arguments, says) in [
        (&["delete", "leap"][..], "no schedule has this name"),
        (&["show", "../jobs"], "no schedule has such a name"),
        (&["put", "leap", "{}"], "`cron`: write this field"),
    ] {
        let (code, said) = schedules(arguments).await;
        assert!(code == Some(1) && said.contains(says), "{said}");
    }
    site.holds(&alice).await;
}
