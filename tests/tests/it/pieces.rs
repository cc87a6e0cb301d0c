//! Tables too large for one statement within the time limit of a call are read in pieces.

use lethe_tests::by_query::{job, of_user};
use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory};
use lethe_tests::service::Site;
use lethe_tests::wait;
use serde_json::{Value, json};

const AGENT: &str = "agent = \"agent_id\" }\n";

/// The log message of a worker that begins to read a table in pieces.
const IN_PIECES: &str = "the table is read in pieces";

// A comparison of owners takes a millisecond: all of them take twice the time limit of a call. PostgreSQL calls
// functions with a lower declared cost first. No index finds an owner. This table stands for a larger one, where
// the database would read a stretch by the index of the key.
const SLOW: &str = "
    DO $$ DECLARE way TEXT; BEGIN
        FOREACH way IN ARRAY ARRAY['seqscan', 'bitmapscan', 'hashjoin', 'mergejoin'] LOOP
            EXECUTE format('ALTER DATABASE %I SET enable_%s = off', current_database(), way);
        END LOOP; END $$;
    CREATE EXTENSION citext;
    DROP INDEX idx_agno_memories_user_id;
    ALTER TABLE agno_memories ALTER user_id TYPE citext,
        ALTER created_at TYPE timestamptz USING now() - interval '1 hour';
    CREATE OR REPLACE FUNCTION citext_eq(a citext, b citext) RETURNS bool
        LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 0.0001
        AS $$ BEGIN PERFORM pg_sleep(0.001); RETURN lower(a::text) = lower(b::text); END $$";

/// Makes a site with memories of ana's among many of ben's.
async fn site() -> (Site, Vec<Memory>, Vec<Memory>) {
    let mut site = Site::new(Layout::POSTGRES).await;
    let (ana, ben) = (memories::of("ana", 40), memories::of("ben", 1_000));
    site.add(&ana).await;
    site.memories.add(&ben).await;
    site.memories.run(SLOW).await;
    site.configure(|config| {
        config
            .replace(AGENT, "agent = \"agent_id\", created_at = \"created_at\" }\n")
            .set("worker.store_timeout", "500ms")
            .set("worker.batch", 50)
    });
    (site, ana, ben)
}

fn erased(job: &Value, n: usize) {
    let one = json!({"erased": n});
    assert_eq!(counts(job), json!({"sql": one, "vector": one}), "{job:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_over_a_large_table_begins_and_ends() {
    let (site, ana, mut ben) = site().await;
    let service = site.start().await;
    let id = service.client.submit(&job(of_user("ana"))).await;
    wait::until_true("the table is read in pieces", || async {
        service.process.log().contains(IN_PIECES)
    })
    .await;
    // In the last piece, or a later one.
    let late = "INSERT INTO agno_memories (memory_id, user_id, memory, created_at) VALUES ('z', 'ana', '1', now())";
    site.memories.run(late).await;
    let job = service.client.ended(&id).await;

    assert_eq!(
        (&job["state"], &job["snapshot"]),
        (&json!("succeeded"), &json!("created_at")),
        "{job:#}"
    );
    erased(&job, ana.len());
    ben.push(Memory {
        id: "z".to_owned(),
        user: "ana".to_owned(),
    });
    ben.sort();
    assert_eq!(site.memories.left().await, ben);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_changed_while_a_large_table_is_read_stays_and_is_shown() {
    let (mut site, ana, _) = site().await;
    let dated = "ALTER TABLE agno_memories ALTER updated_at TYPE timestamptz USING now() - interval '1 hour'";
    site.memories.run(dated).await;
    // In the last piece, and the newest row of ana's.
    let newest = "INSERT INTO agno_memories (memory_id, user_id, memory, created_at, updated_at)
        VALUES ('z', 'ana', '1', now() - interval '1 minute', now() - interval '1 minute')";
    site.memories.run(newest).await;
    site.configure(|config| {
        config.replace(
            "created_at = \"created_at\" }\n",
            "created_at = \"created_at\", updated_at = \"updated_at\" }\n",
        )
    });
    let service = site.start().await;
    let id = service.client.submit(&job(of_user("ana"))).await;
    wait::until_true("the table is read in pieces", || async {
        service.process.log().contains(IN_PIECES)
    })
    .await;
    site.memories
        .run("UPDATE agno_memories SET updated_at = now() WHERE memory_id = 'z'")
        .await;
    let job = service.client.ended(&id).await;

    let expected = json!({"erased": ana.len(), "conflicted": 1});
    assert_eq!(counts(&job)["sql"], expected, "{job:#}");
    let conflicted = service.client.items(&id, "conflicted").await;
    assert!(conflicted.iter().any(|(id, _, _)| id == "z"), "{conflicted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_clock_that_is_ahead_is_there_at_the_start() {
    let (site, ana, mut ben) = site().await;
    let service = site.start().await;
    // In the last piece: its time has passed when the piece is read.
    let ahead = "INSERT INTO agno_memories (memory_id, user_id, memory, created_at)
        VALUES ('z', 'ana', '1', now() + interval '1900 milliseconds')";
    site.memories.run(ahead).await;
    let id = service.client.submit(&job(of_user("ana"))).await;
    let job = service.client.ended(&id).await;

    assert!(service.process.log().contains(IN_PIECES));
    assert_eq!(counts(&job)["sql"], json!({"erased": ana.len() + 1}), "{job:#}");
    ben.sort();
    assert_eq!(site.memories.left().await, ben);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_dated_far_ahead_is_named_as_what_stops_a_query() {
    let (site, ana, mut ben) = site().await;
    let service = site.start().await;
    let ahead = "INSERT INTO agno_memories (memory_id, user_id, memory, created_at)
        VALUES ('z', 'ana', '1', now() + interval '1 day')";
    site.memories.run(ahead).await;
    let id = service.client.submit(&job(of_user("ana"))).await;
    let stops = |job: &Value| job["error_code"] == "no_snapshot";
    let waiting = service.client.when(&id, "it says what stops it", stops).await;
    assert_eq!(waiting["state"], "planning", "{waiting:#}");

    let corrected = "UPDATE agno_memories SET created_at = now() - interval '1 hour' WHERE memory_id = 'z'";
    site.memories.run(corrected).await;
    service.client.post(&format!("/v1/jobs/{id}/cancel")).await;
    service.client.ended(&id).await;
    service.client.post(&format!("/v1/jobs/{id}/retry")).await;
    let job = service.client.ended(&id).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(counts(&job)["sql"], json!({"erased": ana.len() + 1}), "{job:#}");
    ben.sort();
    assert_eq!(site.memories.left().await, ben);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_in_a_large_table_is_found_and_read_back() {
    let (site, ana, mut ben) = site().await;
    let service = site.start().await;
    let job = json!({"select": {"subject": {"user_id": "ana"}}});
    let job = service.client.succeeds(&job).await;

    assert!(service.process.log().contains(IN_PIECES));
    erased(&job, ana.len());
    ben.sort();
    assert_eq!(site.memories.left().await, ben);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_in_the_middle_of_a_large_table_is_replaced() {
    let (mut site, ana, _) = site().await;
    site.configure(|config| config.set("lease.duration", "8s").set("lease.renew_every", "2s"));
    let id = {
        let service = site.start().await;
        let id = service.client.submit(&job(of_user("ana"))).await;
        let begun = || async { service.process.log().contains(IN_PIECES) };
        wait::until_true("the table is read in pieces", begun).await;
        id
    };
    // The worker was killed, and another one takes over.
    let service = site.start().await;
    let job = service.client.ended(&id).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    erased(&job, ana.len());
}
