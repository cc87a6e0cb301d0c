//! A permanent refusal of the ledger's database fails only its own job. Ids of the permitted length are accepted.

use std::collections::BTreeSet;

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::{Service, Site};
use lethe_tests::tap::{DELETE, SCROLL, Side};
use lethe_tests::{ledger, on_both_databases};
use reqwest::Method;
use serde_json::{Value, json};

on_both_databases!(
    ids_of_the_permitted_length_are_erased_and_listed,
    whatever_else_a_request_names_may_be_as_long,
    an_outcome_that_is_refused_fails_its_job_and_no_other,
    an_intent_that_is_refused_fails_its_job_before_anything_is_touched,
    a_count_that_is_refused_fails_its_job_and_a_retry_finishes_it,
    a_release_that_is_refused_changes_no_count_of_its_neighbours,
);

/// `api.max_id_length`, in characters.
const LONGEST: u32 = 1_000;

/// Returns an incompressible text of the permitted length, of three-byte characters. Texts of different numbers differ
/// only in the last character.
fn long(n: u32) -> String {
    let spread = |n: u32| (n.wrapping_mul(2_654_435_761) >> 8) % 20_000;
    let code = (1..LONGEST).map(spread).chain([n]);
    code.map(|code| char::from_u32(0x4e00 + code).unwrap()).collect()
}

/// Returns the ids of an outcome in the SQL database, page by page.
async fn listed(service: &Service, id: &str, outcome: &str) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/jobs/{id}/items?outcome={outcome}&limit=7{after}");
        let page = service.client.get(&path).await.body;
        let items = page["items"].as_array().unwrap_or_else(|| panic!("{page}"));
        let sql = items.iter().filter(|item| item["store"] == "sql");
        all.extend(sql.map(|item| item["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

async fn ids_of_the_permitted_length_are_erased_and_listed(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 5);
    site.add(&all).await;
    let service = site.start().await;
    let absent: Vec<String> = (0..20).map(long).collect();
    let mut asked: Vec<&str> = absent.iter().map(String::as_str).collect();
    asked.extend(ids(&all[..3]));
    let id = service.client.submit_ids(&asked).await;
    let job = service.client.ended(&id).await;

    assert_eq!(
        (&job["state"], &job["selected"]),
        (&json!("succeeded"), &json!(23)),
        "{job:#}"
    );
    let expected = json!({"erased": 3, "absent": 20});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    let found = listed(&service, &id, "absent").await;
    assert_eq!(found.len(), 20, "each once");
    assert_eq!(BTreeSet::from_iter(found), BTreeSet::from_iter(absent));
    site.holds(&all[3..]).await;
}

async fn whatever_else_a_request_names_may_be_as_long(layout: Layout) {
    let site = Site::new(layout).await;
    let service = site.start().await;
    let aliases: Vec<String> = (1..4).map(long).collect();
    for (n, body) in [
        json!({"select": {"ids": [long(0)]}, "owner": long(1)}),
        json!({"select": {"subject": {"user_id": long(0), "agent_id": long(1), "aliases": aliases}}}),
        json!({"select": {"query": {"eq": {"user_id": long(0)}}}, "owner": long(1)}),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("{n}{}", "k".repeat(254));
        let submit = async || {
            let request = service.client.request(Method::POST, "/v1/jobs").json(&body);
            service
                .client
                .send(request.header("idempotency-key", &key))
                .await
                .accepted()
        };
        let id = submit().await;
        let job = service.client.ended(&id).await;
        assert_eq!(job["state"], "succeeded", "{job:#}");
        assert_eq!(submit().await, id, "the key is known");
    }
}

/// Submits one job for each id while everything is paused, so that workers claim them together. Then `refuse` makes
/// the ledger refuse writes of the job in the middle.
async fn together(
    site: &Site,
    service: &Service,
    ids: &[&str],
    refuse: impl AsyncFn(&Site, &str),
) -> (Value, Vec<Value>) {
    assert!(service.client.post("/v1/pause").await.status.is_success());
    let mut jobs = Vec::new();
    for id in ids {
        jobs.push(service.client.submit_ids(&[id]).await);
    }
    let bad = jobs.remove(ids.len() / 2);
    refuse(site, &bad).await;
    assert!(service.client.post("/v1/resume").await.status.is_success());
    let refused = service.client.ended(&bad).await;
    let mut others = Vec::new();
    for job in &jobs {
        others.push(service.client.ended(job).await);
    }
    (refused, others)
}

fn failed(job: &Value) {
    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("ledger_refused")),
        "{job:#}"
    );
}

fn succeeded(jobs: &[Value], outcome: &str) {
    for job in jobs {
        assert_eq!(job["state"], "succeeded", "{job:#}");
        let expected = json!({outcome: 1});
        assert_eq!(counts(job), json!({"sql": expected, "vector": expected}), "{job:#}");
    }
}

async fn an_outcome_that_is_refused_fails_its_job_and_no_other(layout: Layout) {
    let site = Site::new(layout).await;
    let service = site.start().await;
    let absent: Vec<String> = (0..9).map(|n| format!("absent-{n}")).collect();
    let absent: Vec<&str> = absent.iter().map(String::as_str).collect();
    let refuse = async |site: &Site, job: &str| {
        ledger::refuse(site, "items", "INSERT", &format!("NEW.job_id = '{job}'")).await;
    };
    let (refused, others) = together(&site, &service, &absent, refuse).await;

    failed(&refused);
    let expected = json!({"failed": 1});
    assert_eq!(
        counts(&refused),
        json!({"sql": expected, "vector": expected}),
        "{refused:#}"
    );
    succeeded(&others, "absent");
}

async fn an_intent_that_is_refused_fails_its_job_before_anything_is_touched(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 9);
    site.add(&all).await;
    let service = site.start().await;
    let refuse = async |site: &Site, job: &str| {
        let when = format!("NEW.intent IS NOT NULL AND NEW.job_id = '{job}'");
        ledger::refuse(site, "partitions", "UPDATE", &when).await;
    };
    let (refused, others) = together(&site, &service, &ids(&all), refuse).await;

    failed(&refused);
    succeeded(&others, "erased");
    site.holds(&all[4..5]).await;
}

async fn a_count_that_is_refused_fails_its_job_and_a_retry_finishes_it(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 9);
    site.add(&all).await;
    let service = site.start().await;
    let refuse = async |site: &Site, job: &str| {
        ledger::refuse(site, "counts", "INSERT", &format!("NEW.job_id = '{job}'")).await;
    };
    let (refused, others) = together(&site, &service, &ids(&all), refuse).await;

    failed(&refused);
    succeeded(&others, "erased");
    site.holds(&[]).await;
    ledger::refuse_nothing(&site, "counts").await;
    let id = refused["id"].as_str().unwrap();
    let answer = service.client.post(&format!("/v1/jobs/{id}/retry")).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    // The second attempt finishes the first one by its intent.
    succeeded(&[service.client.ended(id).await], "erased");
}

async fn a_release_that_is_refused_changes_no_count_of_its_neighbours(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("worker.slots", 1));
    let all = memories::of("alice", 2);
    site.add(&all).await;
    let service = site.start().await;
    assert!(service.client.post("/v1/pause").await.status.is_success());
    let kept = service.client.submit_ids(&ids(&all[..1])).await;
    let other = service.client.submit_ids(&ids(&all[1..])).await;
    let when = format!("NEW.state = 'due' AND NEW.job_id = '{kept}'");
    ledger::refuse(&site, "partitions", "UPDATE", &when).await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let mut reading_back = site.tap.hold(SCROLL, 1, Side::Before);
    assert!(service.client.post("/v1/resume").await.status.is_success());

    // An application deletes the row of the other one, after it was found.
    deletion.caught().await;
    let delete = format!("DELETE FROM agno_memories WHERE memory_id = '{}'", all[1].id);
    site.memories.run(&delete).await;
    deletion.release();
    // A vector comes back, so its partition is released for another try.
    reading_back.caught().await;
    site.vectors.add(&all[..1]).await;
    reading_back.release();

    failed(&service.client.ended(&kept).await);
    let job = service.client.ended(&other).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let expected = json!({"sql": {"absent": 1}, "vector": {"erased": 1}});
    assert_eq!(counts(&job), expected, "{job:#}");
}
