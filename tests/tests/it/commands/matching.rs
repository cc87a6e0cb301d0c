//! Acts on all matching jobs.

use lethe_tests::layout::Layout;
use lethe_tests::memories;
use lethe_tests::service::Site;

use super::run;

#[tokio::test(flavor = "multi_thread")]
async fn matching_jobs_are_counted_and_only_that_number_is_changed() {
    let site = Site::new(Layout::SQLITE).await;
    let all = memories::of("alice", 3);
    site.add(&all).await;
    let service = site.up().await;
    assert!(run(&service, &["pause"]).await.status.success());
    for memory in &all {
        assert!(run(&service, &["submit", &memory.id]).await.status.success());
    }
    for (arguments, says) in [
        (&["--state", "queued"][..], "3 matching jobs, and nothing was changed"),
        (&["--state", "queued", "--yes", "2"], "3 jobs match now"),
        (&[], "name a filter"),
    ] {
        let output = run(&service, &[&["cancel", "--matching"][..], arguments].concat()).await;
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(says), "{said}");
    }
    for (arguments, says) in [
        (&["pace", "--per-second", "7", "--yes", "3"][..], "3 done"),
        (&["cancel", "--state", "queued", "--yes", "3"], "3 done"),
        (&["cancel", "--yes", "0"], "0 done"),
        (&["retry", "--state", "cancelled", "--yes", "3"], "3 done"),
    ] {
        let every: &[&str] = if arguments.contains(&"--state") {
            &[]
        } else {
            &["--all"]
        };
        let output = run(&service, &[arguments, &["--matching"], every].concat()).await;
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains(says), "{arguments:?}: {said}");
        assert!(said.contains("0 refused, 0 unchanged"), "{arguments:?}: {said}");
    }
    site.holds(&all).await;
    assert!(run(&service, &["resume"]).await.status.success());
}
