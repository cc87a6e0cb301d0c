//! Jobs by query: the memories that match at the start go from both stores, and no others.

use std::time::Duration;

use lethe_common::ledger::Kept;
use lethe_common::state::State;
use lethe_tests::by_query::{job, of_user, run, with};
use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory};
use lethe_tests::service::{Service, Site, TARGET};
use lethe_tests::tap::{DELETE, Side};
use lethe_tests::{ledger, on_each_database, wait};
use serde_json::{Value, json};

on_each_database!(
    what_matches_goes_from_both_stores,
    rows_written_after_the_start_stay,
    rows_written_after_the_plan_stay_without_a_time_too,
    an_owner_is_demanded_besides,
    a_query_above_the_limit_touches_nothing,
    a_preview_counts_and_touches_nothing,
    a_query_that_matches_nothing_succeeds,
    a_query_can_be_cancelled_and_tried_again,
    the_totals_of_queries_add_up,
    a_full_scan_is_said_in_the_job_and_in_its_preview,
);

// With the line's end, since the payload's fields have the same names.
const COLUMNS: &str = "agent = \"agent_id\" }\n";
const SNAPSHOT: &str = r#"agent = "agent_id", created_at = "created_at" }
  fields = { topics = "topics", memory = "memory", input = "input" }
"#;

/// Makes a site whose mapping has `created_at` and the fields of the queries.
async fn site(layout: Layout) -> Site {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.replace(COLUMNS, SNAPSHOT));
    site
}

/// Adds memories with topics and a time.
async fn add(site: &Site, memories: &[Memory], topics: &str, created_at: i64) {
    for memory in memories {
        site.memories
            .run(&format!(
                "INSERT INTO agno_memories (memory_id, user_id, memory, topics, created_at)
                 VALUES ('{}', '{}', '\"a memory\"', '{topics}', {created_at})",
                memory.id, memory.user
            ))
            .await;
    }
    site.vectors.add(memories).await;
}

async fn what_matches_goes_from_both_stores(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 5));
    let (old, new, other) = (memories::of("ana", 60), memories::of("ana", 3), memories::of("bob", 5));
    let topics = r#"["food", {"deep": ["sea"]}]"#;
    for (some, at) in [(&old, 5), (&new, 50), (&other, 5)] {
        add(&site, some, topics, at).await;
    }
    let service = site.start().await;

    let job = job(json!({"and": [
        {"eq": {"topics": "food"}},
        {"in": {"topics.deep": ["sky", "sea"]}},
        {"prefix": {"topics": "foo"}},
        {"contains": {"topics.deep": "e"}},
        {"exists": "created_at"},
        {"range": {"created_at": {"gte": 1, "lt": 50}}},
        {"or": [{"eq": {"agent_id": "nobody"}}, {"not": {"eq": {"user_id": "bob"}}}]},
    ]}));
    let job = run(&service, job).await;

    site.holds(&[new, other].concat()).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let expected = json!({"erased": 60});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}));
    assert_eq!(
        (&job["kind"], &job["selected"], &job["remaining"]),
        (&json!("query"), &json!(60), &json!(0))
    );
}

/// Adds memories that match too, while a job is in its first batches.
async fn add_in_between(site: &Site, service: &Service, created_at: i64) -> (Value, Vec<Memory>) {
    let old = memories::of("ana", 100);
    site.add(&old).await;
    let mut deletion = site.tap.hold(DELETE, 2, Side::Before);
    let id = service.client.submit(&job(of_user("ana"))).await;
    deletion.caught().await;
    let new = memories::of("ana", 40);
    add(site, &new, "[]", created_at).await;
    deletion.release();
    (service.client.ended(&id).await, new)
}

async fn rows_written_after_the_start_stay(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 10).set("worker.slots", 1));
    let service = site.start().await;
    let (job, new) = add_in_between(&site, &service, 1).await;

    site.holds(&new).await;
    assert_eq!(
        (&job["state"], &job["round"]),
        (&json!("succeeded"), &json!(0)),
        "{job:#}"
    );
    assert_eq!(counts(&job)["sql"], json!({"erased": 100}));
    assert_eq!(job["snapshot"], "created_at");
}

async fn rows_written_after_the_plan_stay_without_a_time_too(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("worker.batch", 10).set("worker.slots", 1));
    let service = site.start().await;
    let (job, _) = add_in_between(&site, &service, 1).await;

    // Each batch takes the rows that match at its time. Its counts are exact, and the job reports this snapshot.
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let left = 140 - counts(&job)["sql"]["erased"].as_u64().unwrap();
    assert_eq!((site.memories.count().await, site.vectors.count().await), (left, left));
    assert_eq!(job["snapshot"], "batch");
}

async fn an_owner_is_demanded_besides(layout: Layout) {
    let site = site(layout).await;
    let (ana, bob) = (memories::of("ana", 5), memories::of("bob", 5));
    site.add(&[ana.clone(), bob.clone()].concat()).await;
    let service = site.start().await;

    let all = json!({"all": true});
    let job = run(&service, with(job(all.clone()), "owner", "ana")).await;

    site.holds(&bob).await;
    assert_eq!(counts(&job)["sql"], json!({"erased": 5}), "{job:#}");
    let everybody = run(&service, self::job(all)).await;
    site.holds(&[]).await;
    assert_eq!(counts(&everybody)["vector"], json!({"erased": 5}), "{everybody:#}");
}

async fn a_query_above_the_limit_touches_nothing(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 5));
    let ana = memories::of("ana", 120);
    site.add(&ana).await;
    let service = site.start().await;

    let limited = |limit: u64| with(job(of_user("ana")), "limit", limit);
    let job = run(&service, limited(119)).await;
    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("limit_exceeded"))
    );
    site.holds(&ana).await;
    let job = run(&service, limited(120)).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    site.holds(&[]).await;
}

async fn a_preview_counts_and_touches_nothing(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 5));
    let ana = memories::of("ana", 23);
    site.add(&ana).await;
    let bare = memories::of("ana", 4);
    site.memories.add(&bare).await;
    let service = site.start().await;

    let job = run(&service, with(job(of_user("ana")), "dry_run", true)).await;

    assert_eq!(
        (&job["state"], &job["selected"]),
        (&json!("succeeded"), &json!(27)),
        "{job:#}"
    );
    assert_eq!(
        counts(&job),
        json!({"sql": {"found": 27}, "vector": {"found": 23, "absent": 4}})
    );
    assert_eq!(site.memories.count().await, 27);
}

async fn a_query_that_matches_nothing_succeeds(layout: Layout) {
    let site = site(layout).await;
    let ana = memories::of("ana", 3);
    site.add(&ana).await;
    let service = site.start().await;
    let no_number = json!({"eq": {"created_at": 0.5}});
    for query in [of_user("nobody"), json!({"not": {"all": true}}), no_number] {
        let job = run(&service, job(query)).await;
        assert_eq!(
            (&job["state"], &job["selected"]),
            (&json!("succeeded"), &json!(0)),
            "{job:#}"
        );
    }
    site.holds(&ana).await;
}

async fn a_query_can_be_cancelled_and_tried_again(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 10));
    let ana = memories::of("ana", 200);
    site.add(&ana).await;
    let service = site.start().await;
    // The pace is so slow that the job would not end within the test.
    let slow = with(job(of_user("ana")), "per_second", 20);
    let id = service.client.submit(&slow).await;
    wait::until_true("some are gone", || async { site.memories.count().await < 200 }).await;
    let answer = service.client.post(&format!("/v1/jobs/{id}/cancel")).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let job = service.client.ended(&id).await;
    assert_eq!(job["state"], "cancelled", "{job:#}");
    let counted = counts(&job);
    let (erased, left) = (&counted["sql"]["erased"], &counted["sql"]["left"]);
    assert_eq!(erased.as_u64().unwrap() + left.as_u64().unwrap(), 200, "{job:#}");
    assert_eq!(site.memories.count().await, left.as_u64().unwrap());

    let answer = service.client.post(&format!("/v1/jobs/{id}/retry")).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    wait::until_true("all are gone", || async { site.memories.count().await == 0 }).await;
    let job = service.client.ended(&id).await;
    assert_eq!(
        (&job["state"], &job["selected"]),
        (&json!("succeeded"), &json!(200)),
        "{job:#}"
    );
}

async fn the_totals_of_queries_add_up(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 5));
    site.add(&memories::of("ana", 60)).await;
    site.add(&memories::of("bob", 7)).await;
    let service = site.start().await;
    run(&service, job(of_user("ana"))).await;
    run(&service, with(job(of_user("bob")), "limit", 3)).await;

    let totals = ledger::beside(&site).totals().await.unwrap();
    for store in ["sql", "vector"] {
        let sum = |metric: &str| -> u64 {
            let of_store = totals.iter().filter(|row| row.metric == metric && row.store == store);
            of_store.map(|row| row.n).sum()
        };
        assert_eq!((sum("selected"), sum("memories")), (67, 67), "{totals:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_of_a_query_is_replaced() {
    let mut site = site(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.short_leases().set("worker.batch", 100));
    let (ana, bob) = (memories::of("ana", 3_000), memories::of("bob", 50));
    site.add(&[ana.clone(), bob.clone()].concat()).await;
    let service = site.api().await;
    let mut first = site.worker().await;
    let mut deletion = site.tap.hold(DELETE, 7, Side::After);
    let id = service.client.submit(&job(of_user("ana"))).await;
    deletion.caught().await;
    first.process.kill();
    let erased = 3_050 - site.memories.count().await;
    assert!(0 < erased && erased < 3_000, "killed in the middle: {erased}");
    deletion.release();

    let _second = site.worker().await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "succeeded", "{job:#}");
    let expected = json!({"erased": 3_000});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}));
    assert_eq!((&job["selected"], &job["remaining"]), (&json!(3_000), &json!(0)));
    site.holds(&bob).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_query_asked_for_is_forgotten() {
    let site = site(Layout::SQLITE).await;
    site.add(&memories::of("ana", 3)).await;
    let service = site.start().await;
    let id = service.client.submit(&job(of_user("a-name-to-be-forgotten"))).await;
    service.client.ended(&id).await;
    let ledger = ledger::beside(&site);
    let day = Duration::from_hours(24);
    let kept = Kept {
        items: Duration::ZERO,
        jobs: day,
        keys: day,
        audit: day,
        receipts: day,
    };
    while ledger.forget(kept).await.unwrap().more {}
    let job = ledger.job(id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((job.state, job.kind.as_str()), (State::Succeeded, "query"));
    assert!(job.forgotten_at.is_some());
}

async fn a_full_scan_is_said_in_the_job_and_in_its_preview(layout: Layout) {
    let site = site(layout).await;
    let memories = memories::of("ana", 3);
    add(&site, &memories, r#"["food"]"#, 5).await;
    let service = site.start().await;
    let warning = json!([{"code": "full_scan", "target": TARGET, "table": "memories"}]);

    // An empty selection adds a second warning.
    let and_nothing = |warnings: &Value| {
        let mut warnings = warnings.clone();
        let nothing = json!({"code": "nothing_selected", "target": null, "table": null});
        warnings.as_array_mut().unwrap().push(nothing);
        warnings
    };

    for (query, warnings) in [
        (json!({"eq": {"topics": "food"}}), &warning),
        (of_user("ana"), &json!([])),
    ] {
        let preview = run(&service, with(job(query.clone()), "dry_run", true)).await;
        assert_eq!(&preview["warnings"], warnings, "{preview:#}");
        let nobody = json!({"and": [query, {"range": {"created_at": {"gt": 5}}}]});
        let job = run(&service, job(nobody)).await;
        assert_eq!(job["warnings"], and_nothing(warnings), "{job:#}");
    }
    let of_agent = json!({"select": {"subject": {"agent_id": "nobody"}}});
    assert_eq!(run(&service, of_agent).await["warnings"], and_nothing(&warning));
    site.holds(&memories).await;
}
