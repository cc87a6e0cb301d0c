//! Starting: in any order, on any existing state, and the messages if it fails.

use lethe_tests::client::Client;
use lethe_tests::config::Config;
use lethe_tests::cut::Cut;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::postgres::Postgres;
use lethe_tests::process::Process;
use lethe_tests::redis::Redis;
use lethe_tests::service::{Site, lethe, logged, role, up};
use lethe_tests::{config, ledger, wait};
use reqwest::StatusCode;
use serde_json::json;
use sqlx::migrate::Migrate as _;
use sqlx::{Connection as _, PgConnection};

#[tokio::test(flavor = "multi_thread")]
async fn processes_may_start_before_what_they_depend_on() {
    let mut site = Site::new(Layout::SQLITE).await;
    let all = memories::of("alice", 50);
    site.add(&all).await;
    // No server listens there yet.
    let (ledger, doorbell) = (Cut::before("127.0.0.1:9"), Cut::before("127.0.0.1:9"));
    site.configure(|config| {
        config
            .set(
                "ledger.url",
                format!("postgres://postgres@{}/postgres", ledger.address()),
            )
            .set("doorbell.url", format!("redis://{}", doorbell.address()))
    });
    let mut api = site.role("api");
    let (mut one, mut two) = (site.worker().await, site.worker().await);
    let url = api
        .says("it listens", |process| logged(process, "the API listens", "url"))
        .await;
    let client = Client::new(&url, config::KEY);
    for client in [&client, &one.client] {
        assert_eq!(client.get("/livez").await.status, StatusCode::OK);
        assert_eq!(client.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    let request = client.request(reqwest::Method::POST, "/v1/jobs");
    let refused = client.send(request.json(&json!({"select": {"ids": ids(&all)}}))).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.text);

    let (postgres, redis) = (Postgres::start().await, Redis::start().await);
    ledger.set_upstream(&postgres.address());
    doorbell.set_upstream(&redis.address());
    // All processes migrate at the same time.
    for client in [&client, &one.client, &two.client] {
        wait::until_true("it is ready", || async {
            client.get("/readyz").await.status == StatusCode::OK
        })
        .await;
    }
    client.succeeds(&json!({"select": {"ids": ids(&all)}})).await;
    site.holds(&[]).await;
    for process in [&mut one.process, &mut two.process] {
        assert!(process.ended().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_configuration_is_refused_with_all_that_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::default()
        .set("worker.slots", 0)
        .set("worker.store_timeout", "20s")
        .set("retry.no_such_key", 1)
        .set("ledger.url", "mysql://nowhere");
    for role in ["api", "worker"] {
        let path = config.write(directory.path());
        let mut command = lethe();
        command.arg(role).arg("--config").arg(path);
        let mut process = Process::start(role, &mut command, directory.path());
        assert_eq!(process.exits().await.code(), Some(2));
        let said = process.log();
        for wrong in ["worker.slots", "lease.duration", "retry.no_such_key", "ledger.url"] {
            assert!(said.contains(wrong), "{wrong} is not in: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_in_the_file_of_the_usual_ledger_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let memories = format!("sqlite://{}/./ledger.sqlite", data.display());
    let target = format!(
        "[[target]]\nname = \"main\"\nsql = {{ url = \"{memories}\" }}\n[[target.table]]\nname = \"memories\"\n\
         columns = {{ id = \"id\" }}"
    );
    let path = Config::default().targets(&target).write(directory.path());
    let mut command = lethe();
    command.arg("up").arg("--config").arg(path).arg("--data").arg(&data);
    let mut process = Process::start("up", &mut command, directory.path());
    assert_eq!(process.exits().await.code(), Some(2));
    let said = process.log();
    assert!(said.contains("target[0].sql.url: write another file"), "{said}");
    assert!(!data.join("ledger.sqlite").exists(), "no file was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_cannot_be_migrated_ends_every_role_with_its_error() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let mut migrating = site.role("migrate");
    assert!(migrating.exits().await.success());
    // As if another version had written this migration.
    ledger::change_a_migration(&site).await;
    for role in ["api", "worker", "migrate"] {
        let mut process = site.role(role);
        assert_eq!(process.exits().await.code(), Some(1), "{role}");
        let said = logged(&process, "the process stops: the ledger cannot be migrated", "error");
        assert_eq!(said.as_deref(), Some("the ledger could not be migrated"), "{role}");
        assert!(process.log().contains("error: migrate the ledger"), "{role}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_user_and_a_wrong_host_of_the_ledger_are_said_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let shared = lethe_tests::postgres::shared();
    let (_, server) = shared.split_once('@').unwrap();
    let config = |url: String| Config::default().set("ledger.url", url);
    let mut refused = role(
        "migrate",
        &config(format!("postgres://no-such-role@{server}")),
        directory.path(),
    );
    assert_eq!(refused.exits().await.code(), Some(1));
    let says = "help: the database refuses the user or the password in ledger.url";
    assert!(refused.log().contains(says), "{}", refused.log());

    // Longer than any name can be: no name server is asked.
    let nowhere = format!("postgres://u@{}.invalid/lethe", "x".repeat(64));
    let mut waiting = role("migrate", &config(nowhere), directory.path());
    let advice = waiting
        .says("it waits", |process| {
            logged(process, "waiting for the ledger", "advice")
        })
        .await;
    assert!(advice.contains("does not resolve"), "{advice}");
    waiting.terminate();
    assert_eq!(waiting.exits().await.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_waits_for_its_ledger_stops_when_asked() {
    let directory = tempfile::tempdir().unwrap();
    // Nothing listens there.
    let config = Config::default().set("ledger.url", "postgres://postgres@127.0.0.1:9/postgres");
    let path = config.write(directory.path());
    let data = directory.path().join("data");
    let mut processes = ["api", "worker", "up"].map(|role| {
        let mut command = lethe();
        command.arg(role).arg("--config").arg(&path);
        if role == "up" {
            command.arg("--data").arg(&data);
        }
        Process::start(role, &mut command, directory.path())
    });
    for process in &mut processes {
        let advice = process
            .says("it waits", |process| {
                logged(process, "waiting for the ledger", "advice")
            })
            .await;
        assert!(advice.contains("no database answers at the address"), "{advice}");
        process.terminate();
    }
    for process in &mut processes {
        let status = process.exits().await;
        assert_eq!(status.code(), Some(0), "{}", process.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_waits_for_the_migrations_of_another_stops_when_asked() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let url = site.ledger.clone().unwrap();
    // As another process that migrates.
    let mut another = PgConnection::connect(&url).await.unwrap();
    another.lock().await.unwrap();
    let mut processes = ["api", "worker", "migrate"].map(|role| site.role(role));
    let database = lethe_tests::postgres::connect(&url);
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND wait_event = 'advisory' AND datname = current_database()";
    wait::until_true("all wait for its lock", || async {
        sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(&database)
            .await
            .unwrap()
            == 3
    })
    .await;
    for process in &processes {
        process.terminate();
    }
    for (process, code) in processes.iter_mut().zip([0, 0, 1]) {
        assert_eq!(process.exits().await.code(), Some(code), "{}", process.log());
        // The lock is still held. A statement that had passed its time limit would be in the log.
        assert!(!process.log().contains("waiting for the ledger"), "{}", process.log());
    }
    another.unlock().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_said_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = lethe();
    command
        .arg("up")
        .arg("--data")
        .arg(directory.path().join("data"))
        .args(["--listen", &address]);
    let mut process = Process::start("up", &mut command, directory.path());
    assert_eq!(process.exits().await.code(), Some(1));
    let said = process.log();
    assert!(said.contains(&address) && said.contains("another address"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_has_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let first = up(&data, None, directory.path()).await;
    let mut command = lethe();
    command
        .arg("up")
        .arg("--data")
        .arg(&data)
        .args(["--listen", "127.0.0.1:0"]);
    let mut second = Process::start("up", &mut command, directory.path());
    assert_eq!(second.exits().await.code(), Some(1));
    let said = second.log();
    assert!(said.contains("another process"), "{said}");
    assert_eq!(first.client.get("/livez").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_does_not_fit_is_shown_and_works_once_it_does() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.replace("user = \"user_id\", agent", "user = \"owner_id\", agent"));
    let all = memories::of("alice", 10);
    site.add(&all).await;
    let service = site.start().await;

    let fault = wait::until("the fault is shown", || async {
        let targets = service.client.get("/v1/targets").await;
        targets.text.contains("owner_id").then_some(targets)
    })
    .await;
    assert_eq!(fault.status, StatusCode::OK);
    wait::until_true("a worker shows it too", || async {
        service.workers[0].client.get("/readyz").await.text.contains("owner_id")
    })
    .await;
    let id = service.client.submit_ids(&ids(&all)).await;
    let waiting = service
        .client
        .when(&id, "it has met the fault", |job| !job["error_code"].is_null())
        .await;
    assert_eq!(waiting["ended_at"], json!(null), "{waiting:#}");
    site.holds(&all).await;

    site.memories
        .run("ALTER TABLE agno_memories RENAME COLUMN user_id TO owner_id")
        .await;
    let job = service.client.ended(&id).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!((site.memories.count().await, site.vectors.count().await), (0, 0));
    wait::until_true("the fault is gone", || async {
        !service.client.get("/v1/targets").await.text.contains("owner_id")
    })
    .await;
    let said = |message: &str| logged(&service.workers[0].process, message, "table");
    assert_eq!(said("the mapping does not fit").as_deref(), Some("memories"));
    wait::until_true("the log says that it is over", || async {
        said("the mapping fits again").is_some()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_says_which_store_is_down_and_which_mapping_does_not_fit() {
    let mut site = Site::new(Layout::POSTGRES).await;
    let gap = format!(
        "[[target]]\nname = \"gap\"\nsql = {{ url = \"{}\" }}\n[[target.table]]\nname = \"nope\"\ncolumns = {{ id = \"id\" }}",
        site.memories.url()
    );
    let away = "[[target]]\nname = \"away\"\nsql = { url = \"postgres://nobody@127.0.0.1:9/none\" }
        [[target.table]]\nname = \"memories\"\ncolumns = { id = \"id\" }";
    site.configure(|config| config.targets(&gap).targets(away));
    let service = site.up().await;

    let expected = json!([
        {"name": "main", "served": true, "stores": {"sql": "up", "vector": "up"}, "fits": true},
        {"name": "gap", "served": true, "stores": {"sql": "up"}, "fits": false},
        {"name": "away", "served": true, "stores": {"sql": "down"}, "fits": null},
    ]);
    let ready = wait::until("a worker has looked at all of them", || async {
        let ready = service.client.get("/readyz").await;
        (ready.body["targets"] == expected).then_some(ready)
    })
    .await;
    assert_eq!((ready.status, &ready.body["ready"]), (StatusCode::OK, &json!(true)));
    assert!(
        !ready.text.contains("nope") && !ready.text.contains("unavailable"),
        "{}",
        ready.text
    );
    let fault = logged(&service.process, "the mapping does not fit", "fault").unwrap();
    assert!(fault.contains("there is no table `nope`"), "{fault}");
}
