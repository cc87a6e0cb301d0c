//! Jobs do not wait for another target: they continue and end while a store of that target hangs, is slow, refuses or
//! is cut.

use lethe_tests::client::{Client, counts, total};
use lethe_tests::memories::{self, Memory};
use lethe_tests::neighbours::{Illness, LOOSE, Neighbours, SICK, Store, purge, subject, submit_each};
use lethe_tests::service::{Service, TARGET};
use lethe_tests::wait;
use reqwest::Method;
use serde_json::{Value, json};

/// The number of small jobs of a target.
const SMALL_JOBS: usize = 300;

/// The number of memories of each other job.
const LARGE: usize = 400;

/// The memories to erase from a target, by kind of job.
struct Load {
    small: Vec<Memory>,
    subject: Vec<Memory>,
    purge: Vec<Memory>,
}

/// The jobs of a target.
struct Jobs {
    small: Vec<String>,
    large: [String; 2],
}

impl Load {
    async fn new(lethe: &Neighbours, target: &str) -> Self {
        let load = Self {
            small: memories::of("sam", SMALL_JOBS),
            subject: memories::of("sue", LARGE),
            purge: memories::of("pat", LARGE),
        };
        for some in [&load.small, &load.subject, &load.purge] {
            lethe.add(target, some).await;
        }
        load
    }

    async fn submit(&self, service: &Service, target: &str) -> Jobs {
        Jobs {
            small: submit_each(service, target, &self.small).await,
            large: [
                service.client.submit(&subject(target, "sue")).await,
                service.client.submit(&purge(target, "pat")).await,
            ],
        }
    }
}

impl Jobs {
    fn all(&self) -> impl Iterator<Item = &String> {
        self.small.iter().chain(&self.large)
    }

    /// Waits until all jobs have succeeded, each with all its memories.
    async fn succeed(&self, client: &Client) {
        for id in &self.large {
            everything(&client.ended(id).await, LARGE);
        }
        for id in &self.small {
            everything(&client.ended(id).await, 1);
        }
    }

    /// Returns whether a small job has begun.
    async fn have_begun(&self, client: &Client) -> bool {
        for id in &self.small {
            if !client.job(id).await["started_at"].is_null() {
                return true;
            }
        }
        false
    }

    /// Returns the number of jobs that have ended.
    async fn ended(&self, client: &Client) -> usize {
        let mut ended = 0;
        for id in self.all() {
            ended += usize::from(!client.job(id).await["ended_at"].is_null());
        }
        ended
    }
}

fn everything(job: &Value, n: usize) {
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let expected = json!({"erased": n});
    assert_eq!(counts(job), json!({"sql": expected, "vector": expected}), "{job:#}");
}

async fn site() -> Neighbours {
    let mut lethe = Neighbours::new().await;
    lethe
        .site
        .configure(|config| config.short_leases().set("worker.batch", 20).set("worker.drain", "2s"));
    lethe
}

/// Starts an API and a worker that has worked on both targets.
async fn start(lethe: &Neighbours) -> Service {
    let mut service = lethe.site.api().await;
    service.workers.push(lethe.site.worker().await);
    for target in [TARGET, SICK] {
        let warm = memories::of("wim", 1);
        lethe.add(target, &warm).await;
        let job = json!({"target": target, "select": {"ids": [warm[0].id]}});
        service.client.succeeds(&job).await;
        knows(&service, target).await;
    }
    service
}

/// Waits until queries about a target are accepted.
async fn knows(service: &Service, target: &str) {
    wait::until_true("a worker has said what columns hold", || async {
        let request = service.client.request(Method::POST, "/v1/jobs");
        let answer = service.client.send(request.json(&purge(target, "nobody"))).await;
        answer.status.is_success()
    })
    .await;
}

async fn beside(store: Store, illness: Illness) {
    let lethe = site().await;
    let (sick, well) = (Load::new(&lethe, SICK).await, Load::new(&lethe, TARGET).await);
    let service = start(&lethe).await;

    lethe.falls_ill(store, illness);
    let sick = sick.submit(&service, SICK).await;
    // After a job has met the illness, the breaker may pause the target: then other jobs do not begin.
    wait::until_true("jobs of the sick target have begun", || {
        sick.have_begun(&service.client)
    })
    .await;
    let well = well.submit(&service, TARGET).await;
    well.succeed(&service.client).await;
    lethe.site.holds(&[]).await;

    if matches!(illness, Illness::Hangs | Illness::Refuses) {
        rests(&lethe, &service).await;
        assert_eq!(sick.ended(&service.client).await, 0, "it is ill all the while");
    }
    lethe.heal(store);
    sick.succeed(&service.client).await;
    assert_eq!((lethe.memories.count().await, lethe.vectors.count().await), (0, 0));
}

/// Waits until the breaker of the sick target is open, and asserts that then only pings reach its stores.
async fn rests(lethe: &Neighbours, service: &Service) {
    let worker = &service.workers[0].client;
    // Without a breaker, a slot would hold a partition of the target for the time limit of a call, again and again.
    wait::until_true("the breaker is open, and what had begun is released", || async {
        total(worker, "lethe_breaker_open", "target=\"sick\"").await > 0.5
            && total(worker, "lethe_partitions_in_progress", "").await < 0.5
    })
    .await;
    let retries = || total(worker, "lethe_retries_total", "class=\"transient\"");
    let before = retries().await;
    let later = memories::of("zoe", 40);
    lethe.add(TARGET, &later).await;
    for id in submit_each(service, TARGET, &later).await {
        everything(&service.client.ended(&id).await, 1);
    }
    lethe.site.holds(&[]).await;
    assert!(
        (retries().await - before).abs() < 0.5,
        "a partition of the target has begun"
    );
}

macro_rules! beside {
    ($($name:ident: $store:ident $illness:ident),* $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            Box::pin(beside(Store::$store, Illness::$illness)).await;
        })*
    };
}

beside! {
    jobs_go_on_beside_a_database_that_hangs: Sql Hangs,
    jobs_go_on_beside_a_database_that_is_slow: Sql IsSlow,
    jobs_go_on_beside_a_database_that_refuses: Sql Refuses,
    jobs_go_on_beside_a_database_that_is_cut: Sql IsCut,
    jobs_go_on_beside_a_vector_store_that_hangs: Vector Hangs,
    jobs_go_on_beside_a_vector_store_that_is_slow: Vector IsSlow,
    jobs_go_on_beside_a_vector_store_that_refuses: Vector Refuses,
    jobs_go_on_beside_a_vector_store_that_is_cut: Vector IsCut,
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_go_on_beside_a_table_that_has_to_ask_a_sick_target() {
    let mut lethe = site().await;
    let vectors = lethe.add_loose().await;
    let (asking, own) = (memories::of("lea", 40), memories::of("owen", 40));
    lethe.vectors.add(&asking).await;
    vectors.add(&own).await;
    let service = start(&lethe).await;
    let job = |table: &str, memory: &Memory| json!({"target": LOOSE, "table": table, "select": {"ids": [memory.id]}});

    // Only the ill target knows whether a point of the shared collection has a row.
    lethe.falls_ill(Store::Sql, Illness::Hangs);
    let mut waiting = Vec::new();
    for memory in &asking {
        waiting.push(service.client.submit(&job("loose", memory)).await);
    }
    let worker = &service.workers[0].client;
    wait::until_true("the worker leaves the sick target alone", || async {
        total(worker, "lethe_breaker_open", "target=\"sick\"").await > 0.5
    })
    .await;
    for memory in &own {
        let job = service.client.succeeds(&job("own", memory)).await;
        assert_eq!(counts(&job), json!({"vector": {"erased": 1}}), "{job:#}");
    }
    assert!(total(worker, "lethe_breaker_open", "target=\"loose\"").await < 0.5);
    for id in &waiting {
        assert!(
            service.client.job(id).await["ended_at"].is_null(),
            "it waits for what is ill"
        );
    }

    lethe.heal(Store::Sql);
    for id in &waiting {
        let job = service.client.ended(id).await;
        assert_eq!(counts(&job), json!({"vector": {"erased": 1}}), "{job:#}");
    }
    assert_eq!((vectors.count().await, lethe.vectors.count().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn small_jobs_that_met_a_store_that_hangs_share_calls_once_it_is_back() {
    let lethe = site().await;
    let all = memories::of("sam", SMALL_JOBS);
    lethe.add(SICK, &all).await;
    let service = start(&lethe).await;
    assert!(service.client.post("/v1/pause").await.status.is_success());
    let jobs = submit_each(&service, SICK, &all).await;
    lethe.falls_ill(Store::Vector, Illness::Hangs);
    assert!(service.client.post("/v1/resume").await.status.is_success());
    let worker = &service.workers[0].client;
    wait::until_true("the worker leaves the target alone", || async {
        total(worker, "lethe_breaker_open", "target=\"sick\"").await > 0.5
    })
    .await;
    lethe.tap.reset();
    lethe.heal(Store::Vector);
    for id in &jobs {
        everything(&service.client.ended(id).await, 1);
    }
    // One by one, each job takes at least three calls. A batch is 20.
    let calls: usize = lethe.tap.calls().values().sum();
    assert!(calls < SMALL_JOBS, "{:?}", lethe.tap.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_starts_beside_a_store_that_hangs_knows_the_columns_of_the_others() {
    let mut lethe = Neighbours::new().await;
    // Longer than the test waits.
    lethe.site.configure(|config| {
        config
            .set("worker.store_timeout", "10min")
            .set("lease.duration", "30min")
            .set("lease.renew_every", "1min")
    });
    let all = memories::of("pat", 50);
    lethe.add(TARGET, &all).await;
    lethe.falls_ill(Store::Sql, Illness::Hangs);
    lethe.falls_ill(Store::Vector, Illness::Hangs);
    let mut service = lethe.site.api().await;
    service.workers.push(lethe.site.worker().await);
    knows(&service, TARGET).await;
    everything(&service.client.succeeds(&purge(TARGET, "pat")).await, 50);
    lethe.site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_stops_within_its_bound_while_a_store_hangs() {
    for store in [Store::Sql, Store::Vector] {
        let lethe = site().await;
        let all = memories::of("sue", LARGE);
        lethe.add(SICK, &all).await;
        let mut service = start(&lethe).await;
        lethe.falls_ill(store, Illness::Hangs);
        let id = service.client.submit(&subject(SICK, "sue")).await;
        let begun = |job: &Value| !job["started_at"].is_null();
        service.client.when(&id, "it has begun", begun).await;
        let mut worker = service.workers.remove(0);
        worker.process.terminate();
        let status = worker.process.exits().await;
        assert!(status.success(), "{status}");

        lethe.heal(store);
        service.workers.push(lethe.site.worker().await);
        everything(&service.client.ended(&id).await, LARGE);
        assert_eq!((lethe.memories.count().await, lethe.vectors.count().await), (0, 0));
    }
}
