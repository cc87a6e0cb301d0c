//! Servers that only read: a row that a standby lacks does not count as gone.

use lethe_tests::by_query::{job, of_user};
use lethe_tests::client::counts;
use lethe_tests::cut::Cut;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memories, Memory, ids};
use lethe_tests::mysql::Mysql;
use lethe_tests::postgres::{self, Postgres};
use lethe_tests::service::{Service, Site, lethe};
use lethe_tests::tap::{DELETE, SCROLL, Side};
use lethe_tests::wait;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

/// Makes a site whose memories are in another database, which workers reach by `url`.
async fn site(memories: Memories, url: &str) -> Site {
    let mut site = Site::new(Layout::SQLITE).await;
    let before = site.memories.url().to_owned();
    site.configure(|config| config.replace(&before, url));
    site.memories = memories;
    site
}

/// Waits until a job has met a server that only reads. This counts neither as done nor as an attempt.
async fn waits(service: &Service, id: &str) {
    let waiting = |job: &Value| job["error_code"] == "read_only";
    let job = service.client.when(id, "it waits for the server", waiting).await;
    assert_eq!(
        (&job["ended_at"], &job["attempt"]),
        (&Value::Null, &json!(1)),
        "{job:#}"
    );
    wait::until_true("the target says so", || async {
        service.client.get("/v1/targets").await.text.contains("\"read_only\"")
    })
    .await;
}

async fn erases(service: &Service, id: &str, all: &[Memory]) {
    let job = service.client.ended(id).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let each = json!({"erased": all.len()});
    assert_eq!(counts(&job), json!({"sql": each, "vector": each}), "{job:#}");
}

/// Starts PostgreSQL with a standby that lags: it has the table, and none of the memories.
async fn behind() -> (Postgres, Postgres, Cut, Site, Vec<Memory>) {
    let primary = Postgres::start().await;
    let cut = Cut::before(&primary.address());
    let memories = Memories::postgres(&primary.url()).await;
    let standby = primary.standby().await;
    let admin = postgres::connect(&standby.url());
    let stop = "SELECT pg_wal_replay_pause()";
    sqlx::raw_sql(AssertSqlSafe(stop)).execute(&admin).await.unwrap();
    admin.close().await;
    let url = cut.instead_of(memories.url());
    let site = site(memories, &url).await;
    let all = memories::of("ana", 20);
    site.add(&all).await;
    (primary, standby, cut, site, all)
}

/// Sends connections to another server, after the connections to the previous one have ended.
async fn fail_over(cut: &Cut, from: &Postgres, to: &Postgres) {
    cut.cut();
    let admin = postgres::connect(&from.url());
    wait::until_true("connections have ended", || async {
        let those = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lethe'";
        sqlx::query_scalar::<_, i64>(those).fetch_one(&admin).await.unwrap() == 0
    })
    .await;
    cut.set_upstream(&to.address());
    cut.restore();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_standby_does_not_have_is_not_gone() {
    let (primary, standby, cut, site, all) = behind().await;
    fail_over(&cut, &primary, &standby).await;
    let service = site.start().await;
    let by_id = service.client.submit_ids(&ids(&all[..10])).await;
    let person = service
        .client
        .submit(&json!({"select": {"subject": {"user_id": "ana"}}}))
        .await;
    let query = service.client.submit(&job(of_user("ana"))).await;
    for id in [&by_id, &person, &query] {
        let job = service.client.job(id).await;
        assert_eq!(job["ended_at"], Value::Null, "{job:#}");
    }
    waits(&service, &by_id).await;
    // Vectors stay as long as their rows do.
    assert_eq!(site.vectors.count().await, 20);

    let file = site.config.write(site.directory.path());
    let mut check = lethe();
    check.args(["targets", "check", "--config"]).arg(file);
    let output = tokio::task::spawn_blocking(move || check.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the store is read-only"), "{said}");

    fail_over(&cut, &standby, &primary).await;
    for id in [&by_id, &person, &query] {
        let job = service.client.ended(id).await;
        assert_eq!(job["state"], "succeeded", "{job:#}");
    }
    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_only_reads_is_met_before_vectors_go() {
    let all = memories::of("ana", 10);
    let memories = Memories::postgres(&postgres::shared()).await;
    let url = memories.url().to_owned();
    let site = site(memories, &url).await;
    site.add(&all).await;
    let name = url.split('?').next().unwrap().rsplit_once('/').unwrap().1.to_owned();
    let admin = postgres::connect(&postgres::shared());
    let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    sqlx::raw_sql(AssertSqlSafe(set)).execute(&admin).await.unwrap();
    let service = site.start().await;
    let id = service.client.submit_ids(&ids(&all)).await;
    waits(&service, &id).await;
    assert_eq!(site.vectors.count().await, 10);

    let reset = format!(
        "ALTER DATABASE {name} RESET default_transaction_read_only;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND application_name = 'lethe'"
    );
    sqlx::raw_sql(AssertSqlSafe(reset)).execute(&admin).await.unwrap();
    erases(&service, &id, &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_set_to_read_only_while_it_is_connected_is_not_believed() {
    let server = Mysql::start().await;
    let (first, all) = (memories::of("ben", 5), memories::of("ana", 10));
    let memories = Memories::mysql(&server.url()).await;
    let url = memories.url().to_owned();
    let site = site(memories, &url).await;
    site.add(&[first.clone(), all.clone()].concat()).await;
    let service = site.start().await;
    let id = service.client.submit_ids(&ids(&first)).await;
    erases(&service, &id, &first).await;

    // This user may write in spite of `read_only`: the write would go into the replica alone.
    site.memories.run("SET GLOBAL read_only = 1").await;
    let id = service.client.submit_ids(&ids(&all)).await;
    waits(&service, &id).await;
    assert_eq!((site.memories.count().await, site.vectors.count().await), (10, 10));
    site.memories.run("SET GLOBAL read_only = 0").await;
    erases(&service, &id, &all).await;
    site.holds(&[]).await;

    // Set before the rows are deleted: they stay. Set after: the read-back would be the answer of a replica.
    for rows in [10, 0] {
        site.add(&all).await;
        let mut deletion = site.tap.hold(DELETE, 0, Side::After);
        let person = json!({"select": {"subject": {"user_id": "ana"}}});
        let id = service.client.submit(&person).await;
        deletion.caught().await;
        let mut look = site.tap.hold(SCROLL, 0, Side::Before);
        if rows == 0 {
            deletion.release();
            look.caught().await;
            wait::until_true("the rows have gone", || async { site.memories.count().await == 0 }).await;
            site.memories.run("SET GLOBAL read_only = 1").await;
        } else {
            site.memories.run("SET GLOBAL read_only = 1").await;
            deletion.release();
        }
        look.release();
        waits(&service, &id).await;
        assert_eq!(site.memories.count().await, rows);
        site.memories.run("SET GLOBAL read_only = 0").await;
        erases(&service, &id, &all).await;
        site.holds(&[]).await;
    }
}
