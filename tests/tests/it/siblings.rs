//! The result of a job does not depend on the worker that claims it. If the files of two workers map one collection
//! and nothing tells the mappings apart, no worker claims for either.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memories, Memory, ids};
use lethe_tests::service::{Service, Site, Worker};
use lethe_tests::tap::{DELETE, Side};
use lethe_tests::{postgres, wait};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Two databases over one collection: rows of alice's in the first, of bob's in the second. No file has both.
struct Shared {
    site: Site,
    other: Memories,
    alice: Vec<Memory>,
    bob: Vec<Memory>,
}

impl Shared {
    async fn new(n: usize) -> Self {
        let site = Site::new(Layout::POSTGRES_REDIS).await;
        let other = Memories::postgres(&postgres::shared()).await;
        let (alice, bob) = (memories::of("alice", n), memories::of("bob", 10));
        site.add(&alice).await;
        other.add(&bob).await;
        site.vectors.add(&bob).await;
        Self {
            site,
            other,
            alice,
            bob,
        }
    }

    /// Starts a worker that has only the second database, and waits until the other workers can know it.
    async fn stranger(&mut self, service: &Service, scope: &str) -> Worker {
        let (key, collection, url) = (
            &self.site.vectors.key,
            &self.site.vectors.collection,
            self.site.tap.url(),
        );
        let target = format!(
            r#"
[[target]]
name = "beside"
sql = {{ url = "{}" }}
vector = {{ url = "{url}", api_key = "{key}" }}
  [[target.table]]
  name = "memories"
  sql_table = "agno_memories"
  columns = {{ id = "memory_id", user = "user_id", agent = "agent_id" }}
  collection = {{ name = "{collection}", point = "uuid"{scope}, payload = {{ id = "memory_id", user = "user_id", agent = "agent_id" }} }}
"#,
            self.other.url()
        );
        let own = self.site.config.clone();
        self.site.configure(|config| config.without_targets().targets(&target));
        let worker = self.site.worker().await;
        self.site.configure(|_| own);
        wait::until_true("the mapping is published", || async {
            let siblings = service.client.get("/v1/siblings").await.body;
            let served = |sibling: &Value| sibling["target"] == "beside" && sibling["served_by"] == 1;
            siblings["siblings"].as_array().unwrap().iter().any(served)
        })
        .await;
        worker
    }

    async fn bob_is_whole(&self) {
        assert_eq!(self.other.count().await, 10);
        let left = self.site.vectors.left().await;
        assert_eq!(left.iter().filter(|memory| memory.user == "bob").count(), 10);
    }
}

/// Stops a worker in good order, so that the ledger forgets it.
async fn leaves(mut worker: Worker) {
    worker.process.terminate();
    worker.process.exits().await;
}

/// Returns the number of workers for the target's table, and the target's faults.
async fn target(service: &Service) -> (Value, String) {
    let targets = service.client.get("/v1/targets").await.body;
    let target = &targets["targets"][0];
    (target["tables"][0]["served_by"].clone(), target["faults"].to_string())
}

async fn waits(service: &Service) {
    wait::until_true("the worker says why it waits", || async {
        let (served_by, faults) = target(service).await;
        served_by == 0 && faults.contains("`beside/memories` has the same collection or table")
    })
    .await;
}

async fn retire(service: &Service) -> StatusCode {
    let request = service.client.request(Method::DELETE, "/v1/siblings/beside/memories");
    service.client.send(request).await.status
}

/// Waits until a worker has asked for work once more.
async fn looks_again(worker: &Worker) {
    let last = async || worker.client.metrics().await["lethe_worker_last_claim_timestamp_seconds"];
    let before = last().await;
    wait::until_true("the worker looks again", || async { last().await > before }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_claims_for_mappings_that_nothing_tells_apart_until_one_is_retired() {
    let mut shared = Shared::new(10).await;
    let service = shared.site.api().await;
    let worker = shared.site.worker().await;
    let own = json!({"select": {"ids": ids(&shared.alice[..5])}, "target": "main"});
    service.client.succeeds(&own).await;

    let stranger = shared.stranger(&service, "").await;
    waits(&service).await;
    let strangers = service
        .client
        .submit(&json!({"select": {"ids": ids(&shared.bob)}, "target": "main"}))
        .await;
    let rest = service
        .client
        .submit(&json!({"select": {"ids": ids(&shared.alice[5..])}, "target": "main"}))
        .await;
    let ready = service.client.get("/readyz").await.body;
    assert_eq!(
        (&ready["targets"][0]["served"], &ready["targets"][0]["fits"]),
        (&json!(false), &json!(false))
    );
    wait::until_true("the gauge says so", || async {
        service.client.metrics().await["lethe_target_unserved{target=\"main\"}"] > 0.5
    })
    .await;
    assert_eq!(retire(&service).await, StatusCode::CONFLICT, "a worker has it");
    let siblings = service.client.get("/v1/siblings").await.body;
    let of = |target: &str, kind: &str| {
        let list = siblings["siblings"].as_array().unwrap();
        list.iter()
            .find(|sibling| sibling["target"] == target && sibling["kind"] == kind)
            .unwrap()
            .clone()
    };
    assert_eq!(of("main", "collection")["place"], of("beside", "collection")["place"]);
    assert_ne!(of("main", "table")["place"], of("beside", "table")["place"]);
    assert!(!siblings.to_string().contains(&shared.site.vectors.key), "{siblings:#}");

    // It makes no difference whether a worker still has the mapping: its rows are there.
    leaves(stranger).await;
    looks_again(&worker).await;
    for job in [&strangers, &rest] {
        assert_eq!(service.client.job(job).await["state"], "queued");
    }
    shared.bob_is_whole().await;
    let told = worker.process.log().matches("the mapping does not fit").count();
    assert_eq!(told, 1, "it is said once");

    service.client.post(&format!("/v1/jobs/{strangers}/cancel")).await;
    assert_eq!(retire(&service).await, StatusCode::NO_CONTENT);
    assert_eq!(retire(&service).await, StatusCode::NOT_FOUND);
    assert_eq!(service.client.ended(&rest).await["state"], "succeeded");
    shared.bob_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_batch_begins_once_a_mapping_of_the_collection_was_published() {
    let mut shared = Shared::new(300).await;
    shared
        .site
        .configure(|config| config.set("worker.batch", 10).set("worker.slots", 1));
    let service = shared.site.api().await;
    let worker = shared.site.worker().await;
    let mut deletion = shared.site.tap.hold(DELETE, 2, Side::Before);
    let id = service
        .client
        .submit(&json!({"select": {"ids": ids(&shared.alice)}, "target": "main"}))
        .await;
    deletion.caught().await;

    let stranger = shared.stranger(&service, "").await;
    deletion.release();
    waits(&service).await;
    looks_again(&worker).await;
    let left = shared.site.memories.count().await;
    assert_eq!(left, 270, "the batch that had begun was finished, and no other began");
    leaves(stranger).await;
    assert_eq!(retire(&service).await, StatusCode::NO_CONTENT);
    let job = service.client.ended(&id).await;
    assert_eq!(counts(&job)["vector"], json!({"erased": 300}));
    shared.bob_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mappings_that_scopes_tell_apart_need_not_know_each_other() {
    let mut shared = Shared::new(10).await;
    let scoped = |name: &str| format!(", scope = {{ user_id = \"{name}\" }}");
    shared
        .site
        .configure(|config| config.replace("point = \"uuid\"", &format!("point = \"uuid\"{}", scoped("alice"))));
    let service = shared.site.api().await;
    let worker = shared.site.worker().await;
    let _stranger = shared.stranger(&service, &scoped("bob")).await;
    looks_again(&worker).await;
    service
        .client
        .succeeds(&json!({"select": {"ids": ids(&shared.alice)}, "target": "main"}))
        .await;
    assert_eq!(target(&service).await.0, 1);
    shared.bob_is_whole().await;
}
