//! Legal holds from a shell.

use std::process::Output;

use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::Site;
use serde_json::{Value, json};

use super::run;

fn stdout(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_are_placed_shown_and_released_from_a_shell() {
    let site = Site::new(Layout::SQLITE).await;
    let (alice, bob) = (memories::of("alice", 3), memories::of("bob", 2));
    site.add(&[alice.clone(), bob.clone()].concat()).await;
    let service = site.up().await;
    let place = [
        "hold", "case-77", "--person", "alice", "--ground", "17(3)(e)", "--by", "Legal",
    ];
    let placed = stdout(run(&service, &place).await);
    for said in [
        "Hold case-77: in force",
        "1 person",
        "alice",
        "all targets",
        "17(3)(e)",
        "Legal",
    ] {
        assert!(placed.contains(said), "{said}: {placed}");
    }

    let submit = ["submit", "--user", "alice", "--alias", "bob", "--watch"];
    let watched = run(&service, &submit).await;
    assert_eq!(watched.status.code(), Some(1));
    let said = String::from_utf8([watched.stdout, watched.stderr].concat()).unwrap();
    assert!(said.contains("held") && said.contains("`lethe holds`"), "{said}");
    site.holds(&alice).await;

    let listed = stdout(run(&service, &["holds"]).await);
    let (header, rows) = listed.split_once('\n').unwrap();
    let columns: Vec<&str> = header.split_whitespace().collect();
    assert_eq!(columns, ["NAME", "KEEPS", "PLACE", "GROUND", "UNTIL", "JOBS"]);
    // The list names no person.
    assert!(rows.starts_with("case-77") && !rows.contains("alice"), "{listed}");
    let shown = run(&service, &["holds", "case-77", "--output", "json"]).await;
    let shown: Value = serde_json::from_str(&stdout(shown)).unwrap();
    assert_eq!(
        (&shown["persons"][0], &shown["jobs"]),
        (&json!("alice"), &json!(1)),
        "{shown}"
    );

    let jobs = stdout(run(&service, &["jobs", "--state", "held", "--output", "json"]).await);
    let job: Value = serde_json::from_str(&jobs).unwrap();
    let released = stdout(run(&service, &["release", "case-77"]).await);
    assert!(released.starts_with("Hold case-77 is released"), "{released}");
    service.client.ended(job["id"].as_str().unwrap()).await;
    site.holds(&[]).await;
    let again = run(&service, &["release", "case-77"]).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("404"));
    let all = stdout(run(&service, &["holds", "--all"]).await);
    assert!(all.contains("released 20"), "{all}");
    let none = run(&service, &["holds"]).await;
    assert!(String::from_utf8_lossy(&none.stderr).contains("there is no hold"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_on_ids_of_a_file_and_a_hold_by_query_are_placed_from_a_shell() {
    let site = Site::new(Layout::SQLITE).await;
    let all = memories::of("alice", 4);
    site.add(&all).await;
    let service = site.up().await;
    let file = site.directory.path().join("kept");
    std::fs::write(&file, ids(&all[..2]).join("\n")).unwrap();
    let place = [
        "hold",
        "case-77",
        "--ground",
        "preservation_order",
        "--table",
        "memories",
    ];
    let by_ids = ["--ids-file", file.to_str().unwrap()];
    let placed = stdout(run(&service, &[&place[..], &by_ids].concat()).await);
    assert!(placed.contains("2 ids") && placed.contains(&all[0].id), "{placed}");

    let erase = ["submit", "--user", "alice", "--watch"];
    assert_eq!(run(&service, &erase).await.status.code(), Some(1));
    site.holds(&all[..2]).await;
    // The second hold replaces the first: one memory is released, and its job deletes it.
    let query = format!("{{\"in\": {{\"id\": [\"{}\"]}}}}", all[0].id);
    stdout(run(&service, &[&place[..], &["--query", &query]].concat()).await);
    lethe_tests::wait::until_true("the released memory is gone", || async {
        site.memories.count().await == 1 && site.vectors.count().await == 1
    })
    .await;
    site.holds(&all[..1]).await;

    let unsaid = run(&service, &[&place[..], &["--query", r#"{"all": true}"#]].concat()).await;
    assert_eq!(unsaid.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unsaid.stderr).contains("everything"));
}
