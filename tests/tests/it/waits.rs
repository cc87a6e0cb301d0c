//! A job that does not move says why, over HTTP and on the command line: no worker, a pause, another mapping, a store that
//! hangs.

use lethe_tests::config::KEY;
use lethe_tests::cut::Cut;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::{Service, Site, lethe};
use lethe_tests::tap::{DELETE, Side};
use serde_json::{Value, json};

/// Waits until a job waits for a reason. Returns the reason with its facts.
async fn waits(service: &Service, id: &str, reason: &str) -> Value {
    let waiting = service
        .client
        .when(id, reason, |job| job["waits_for"]["reason"] == reason)
        .await;
    waiting["waits_for"].clone()
}

/// Returns what a command prints.
async fn printed(service: &Service, arguments: &[&str]) -> String {
    let mut command = lethe();
    command
        .args(arguments)
        .env("LETHE_URL", service.client.url())
        .env("LETHE_KEY", KEY);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_says_that_no_worker_is_there_and_that_its_target_is_paused() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let all = memories::of("alice", 5);
    site.add(&all).await;
    let service = site.api().await;
    let id = service.client.submit_ids(&ids(&all)).await;
    let alone = waits(&service, &id, "worker").await;
    assert!(alone["detail"].as_str().unwrap().contains("No worker"), "{alone}");
    assert!(printed(&service, &["jobs"]).await.contains("worker"));

    service.client.post("/v1/targets/main/pause").await;
    let paused = waits(&service, &id, "pause").await;
    assert_eq!((&paused["target"], &paused["until"]), (&json!("main"), &Value::Null));
    let _worker = site.worker().await;
    waits(&service, &id, "pause").await;
    site.holds(&all).await;
    service.client.post("/v1/targets/main/resume").await;
    let job = service.client.ended(&id).await;
    assert_eq!(
        (&job["state"], &job["waits_for"]),
        (&json!("succeeded"), &Value::Null),
        "{job:#}"
    );
    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_says_that_workers_have_another_mapping_than_its_own() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    let all = memories::of("alice", 5);
    site.add(&all).await;
    let service = site.api().await;
    let agent = "agent = \"agent_id\" }\n";
    site.configure(|config| config.replace(agent, "agent = \"agent_id\", created_at = \"created_at\" }\n"));
    let _wrong = site.worker().await;
    let id = service.client.submit_ids(&ids(&all)).await;
    let unserved = waits(&service, &id, "mapping").await;
    assert_eq!(
        (&unserved["code"], &unserved["target"]),
        (&json!("unserved"), &json!("main"))
    );
    service.client.post(&format!("/v1/jobs/{id}/cancel")).await;
    let job = service.client.ended(&id).await;
    assert_eq!((&job["state"], &job["waits_for"]), (&json!("cancelled"), &Value::Null));
    site.holds(&all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_says_that_a_store_hangs_and_forgets_it_when_the_store_is_back() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    let cut = Cut::before(site.tap.url().trim_start_matches("http://"));
    let url = site.tap.url();
    site.configure(|config| {
        let config = config.short_leases().set("worker.batch", 20).set("worker.slots", 1);
        config.replace(&url, &cut.instead_of(&url))
    });
    let all = memories::of("alice", 200);
    site.add(&all).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 3, Side::After);
    let id = service.client.submit_ids(&ids(&all)).await;
    deletion.caught().await;
    cut.stall();
    deletion.release();
    let hangs = |job: &Value| {
        let wait = &job["waits_for"];
        wait["reason"] == "store" && wait["store"] == "vector" && wait["since"].is_string()
    };
    let job = service.client.when(&id, "both workers report the store", hangs).await;
    let detail = job["waits_for"]["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("The vector store of `main` has not answered since ")
            && detail.ends_with("nothing is lost."),
        "{detail}"
    );
    // Nothing moves, so no end can be foreseen once the last batch is some seconds ago.
    let still = |job: &Value| job["rate"] == 0.0 && job["eta"].is_null();
    service.client.when(&id, "its rate has fallen to 0", still).await;

    cut.restore();
    let job = service.client.ended(&id).await;
    assert_eq!(
        (&job["state"], &job["error_code"], &job["waits_for"]),
        (&json!("succeeded"), &Value::Null, &Value::Null),
        "{job:#}"
    );
    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_found_from_a_shell_by_the_words_of_its_caller() {
    let site = Site::new(Layout::SQLITE).await;
    let all = memories::of("alice", 2);
    site.add(&all).await;
    let service = site.up().await;
    let [first, second] = ids(&all)[..] else {
        panic!("two ids")
    };
    let marked = [
        "submit",
        first,
        "--reference",
        "DSR-1",
        "--label",
        "team=privacy",
        "--output",
        "json",
    ];
    let marked: Value = serde_json::from_str(&printed(&service, &marked).await).unwrap();
    service.client.submit_ids(&[second]).await;
    let id = marked["id"].as_str().unwrap();
    for filter in [["--reference", "DSR-1"], ["--label", "team=privacy"]] {
        let arguments = [&["jobs", "--since", "2020-01-01T00:00:00Z"][..], &filter[..]].concat();
        let table = printed(&service, &arguments).await;
        // A header and one job.
        assert!(table.contains(id) && table.lines().count() == 2, "{table}");
    }
    let job = service.client.ended(id).await;
    assert_eq!(
        (&job["reference"], &job["labels"]),
        (&json!("DSR-1"), &json!({"team": "privacy"}))
    );
}
