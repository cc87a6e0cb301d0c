//! Recurring deletions, through the real processes: each time once, caught up once, in their windows.

use lethe_common::clock::Clock;
use lethe_common::ledger::{Actor, Ledger};
use lethe_tests::client::{Answer, counts};
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory};
use lethe_tests::service::{Service, Site};
use lethe_tests::tap::{DELETE, Side};
use lethe_tests::{ledger, on_both_databases, on_layouts, wait};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_both_databases!(
    what_is_older_goes_at_each_time_and_the_rest_stays,
    missed_times_are_caught_up_once_after_a_crash,
    a_job_waits_for_its_window,
    a_window_that_closes_lets_what_has_begun_finish,
    a_preview_touches_nothing,
);
on_layouts!(postgres_many = POSTGRES_REDIS: several_processes_take_each_time_once);

/// Every second.
const ALWAYS: &str = "* * * * * *";

/// Never during a test.
const RARELY: &str = "0 3 29 2 *";

const DAY: i64 = 24 * 3_600;

// With the line's end, since the payload's fields have the same names.
const COLUMNS: &str = "agent = \"agent_id\" }\n";

/// Makes a site whose mapping has `created_at`.
async fn site(layout: Layout) -> Site {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.replace(COLUMNS, "agent = \"agent_id\", created_at = \"created_at\" }\n"));
    site
}

/// Adds memories that are so many days old.
async fn add(site: &Site, memories: &[Memory], days: i64) {
    let at = Clock::system().now().as_second() - days * DAY;
    for memory in memories {
        site.memories
            .run(&format!(
                "INSERT INTO agno_memories (memory_id, user_id, memory, created_at) VALUES ('{}', '{}', '\"a memory\"', {at})",
                memory.id, memory.user
            ))
            .await;
    }
    site.vectors.add(memories).await;
}

/// Returns a schedule that deletes memories older than ninety days.
fn purge(cron: &str) -> Value {
    let old = json!({"range": {"created_at": {"lt": {"ago": "90d", "as": "seconds"}}}});
    json!({"cron": cron, "time_zone": "UTC", "job": {"select": {"query": old}}})
}

/// Returns a window that is open, or one that opens in about half a day.
fn windows(open: bool) -> Value {
    if open {
        return json!([{"from": "00:00", "to": "24:00"}]);
    }
    let hour = Clock::system().now().to_zoned(jiff::tz::TimeZone::UTC).hour();
    let at = |hours| format!("{:02}:00", (hour + hours) % 24);
    json!([{"from": at(12), "to": at(13)}])
}

fn within(mut schedule: Value, open: bool) -> Value {
    schedule["windows"] = windows(open);
    schedule
}

async fn put(service: &Service, name: &str, schedule: &Value) -> Answer {
    let request = service.client.request(Method::PUT, &format!("/v1/schedules/{name}"));
    let answer = service.client.send(request.json(schedule)).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    answer
}

async fn schedule(service: &Service, name: &str) -> Value {
    let answer = service.client.get(&format!("/v1/schedules/{name}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.body
}

/// Returns the time of a schedule's next run.
fn next_run(schedule: &Value) -> jiff::Timestamp {
    schedule["next_run_at"].as_str().unwrap().parse().unwrap()
}

/// Returns the jobs that a schedule made.
async fn jobs(service: &Service, name: &str) -> Vec<Value> {
    let answer = service.client.get(&format!("/v1/jobs?limit=200&schedule={name}")).await;
    answer.body["jobs"].as_array().unwrap().clone()
}

/// Waits until a schedule has made a job. Returns the job's id.
async fn fired(service: &Service, name: &str) -> String {
    wait::until("it is fired", || async {
        schedule(service, name).await["last_job"].as_str().map(str::to_owned)
    })
    .await
}

/// Waits until another schedule, of every second, has run `n` times. Schedules that are due meanwhile fire too.
async fn ticks(service: &Service, n: usize) {
    let job = json!({"select": {"ids": ["nobody"]}, "dry_run": true});
    put(
        service,
        "clock",
        &json!({"cron": ALWAYS, "time_zone": "UTC", "job": job}),
    )
    .await;
    let before = jobs(service, "clock").await.len();
    wait::until_true("the clock ticks", || async {
        jobs(service, "clock").await.len() >= before + n
    })
    .await;
    let gone = service.client.request(Method::DELETE, "/v1/schedules/clock");
    assert_eq!(service.client.send(gone).await.status, StatusCode::NO_CONTENT);
}

/// Makes a schedule miss ten days.
async fn miss(ledger: &Ledger, name: &str) {
    let row = ledger.schedule(name).await.unwrap().unwrap();
    let mut record = row.schedule;
    // Only with another time zone does the ledger keep the given time.
    let zone = if record.time_zone == "UTC" { "Etc/GMT" } else { "UTC" };
    zone.clone_into(&mut record.time_zone);
    record.next_run_at = row.now - 10 * DAY * 1_000;
    assert!(
        ledger
            .replace_schedule(&record, &row.revision, &Actor::named("tester"))
            .await
            .unwrap()
    );
}

async fn what_is_older_goes_at_each_time_and_the_rest_stays(layout: Layout) {
    let site = site(layout).await;
    let (old, new) = (memories::of("ana", 30), memories::of("ana", 20));
    add(&site, &old, 91).await;
    add(&site, &new, 89).await;
    let service = site.start().await;
    let shown = put(&service, "purge", &purge(ALWAYS)).await;
    assert_eq!(shown.status, StatusCode::CREATED);
    let first = fired(&service, "purge").await;

    wait::until_true("the old ones are gone", || async { site.memories.count().await == 20 }).await;
    let first_job = jobs(&service, "purge").await.pop().unwrap();
    let first_job = service.client.ended(first_job["id"].as_str().unwrap()).await;
    assert_eq!(
        (&first_job["state"], &first_job["schedule"]),
        (&json!("succeeded"), &json!("purge"))
    );
    assert_eq!(
        counts(&first_job),
        json!({"sql": {"erased": 30}, "vector": {"erased": 30}})
    );
    site.holds(&new).await;
    assert!(!first.is_empty());

    // Memories that become old meanwhile go at a later time.
    let older = memories::of("bob", 5);
    add(&site, &older, 100).await;
    wait::until_true("they are gone as well", || async { site.memories.count().await == 20 }).await;

    // A paused schedule deletes nothing.
    let paused = service.client.post("/v1/schedules/purge/pause").await;
    assert_eq!(paused.body["paused"], true, "{}", paused.text);
    let last = schedule(&service, "purge").await["last_job"]
        .as_str()
        .unwrap()
        .to_owned();
    service.client.ended(&last).await;
    add(&site, &older, 100).await;
    ticks(&service, 2).await;
    assert_eq!(schedule(&service, "purge").await["last_job"], json!(last));
    site.holds(&[new.clone(), older].concat()).await;

    // A replaced schedule runs the new job.
    let mut nobody = purge(ALWAYS);
    nobody["job"] = json!({"select": {"subject": {"user_id": "ana"}}});
    put(&service, "purge", &nobody).await;
    wait::until_true("the others are gone", || async { site.memories.count().await == 5 }).await;
}

async fn missed_times_are_caught_up_once_after_a_crash(layout: Layout) {
    let site = site(layout).await;
    let old = memories::of("ana", 5);
    add(&site, &old, 91).await;
    let mut service = site.start().await;
    // Every day, but not during the test.
    let hour = (Clock::system().now().to_zoned(jiff::tz::TimeZone::UTC).hour() + 12) % 24;
    put(&service, "purge", &purge(&format!("0 {hour} * * *"))).await;
    ticks(&service, 1).await;
    assert_eq!(jobs(&service, "purge").await.len(), 0);
    service.process.kill();
    service.workers.clear();
    let ledger = ledger::beside(&site);
    miss(&ledger, "purge").await;
    ledger.close().await;

    let service = site.start().await;
    let job = fired(&service, "purge").await;
    assert_eq!(service.client.ended(&job).await["state"], "succeeded");
    site.holds(&[]).await;
    ticks(&service, 2).await;
    let made = jobs(&service, "purge").await;
    assert_eq!(made.len(), 1, "{made:#?}");
    let next = next_run(&schedule(&service, "purge").await);
    assert!(next > Clock::system().now(), "{next}");
}

async fn several_processes_take_each_time_once(layout: Layout) {
    let site = site(layout).await;
    let service = site.api().await;
    let _others = [site.api().await, site.api().await];
    let _worker = site.worker().await;
    let job = json!({"select": {"ids": ["nobody"]}, "dry_run": true});
    let body = json!({"cron": ALWAYS, "time_zone": "UTC", "job": job});
    let first = next_run(&put(&service, "count", &body).await.body);
    // All processes sleep until the same moment.
    let (taken, next) = wait::until("some times are taken", || async {
        let made = jobs(&service, "count").await.len();
        let row = schedule(&service, "count").await;
        let taken = i64::try_from(made).unwrap() + row["skipped"].as_i64().unwrap();
        (taken >= 10).then(|| (taken, next_run(&row)))
    })
    .await;
    // Each run moves the schedule on by at least a second.
    let times = next.as_second() - first.as_second();
    assert!(taken <= times, "{taken} of {times}");
}

async fn a_job_waits_for_its_window(layout: Layout) {
    let site = site(layout).await;
    let old = memories::of("ana", 30);
    add(&site, &old, 91).await;
    let service = site.start().await;
    put(&service, "purge", &within(purge(ALWAYS), false)).await;
    let id = fired(&service, "purge").await;
    ticks(&service, 2).await;

    let job = service.client.job(&id).await;
    assert_eq!(
        (&job["state"], &job["waits_for"]["reason"]),
        (&json!("queued"), &json!("window")),
        "{job:#}"
    );
    assert!(job["next_attempt_at"].is_string(), "{job:#}");
    site.holds(&old).await;
    // The job has not ended, so the schedule makes no other.
    let waiting = schedule(&service, "purge").await;
    assert_eq!(
        (&waiting["last_job"], jobs(&service, "purge").await.len()),
        (&json!(id), 1)
    );
    assert!(waiting["skipped"].as_u64().unwrap() > 0, "{waiting:#}");

    put(&service, "purge", &within(purge(ALWAYS), true)).await;
    let job = service.client.ended(&id).await;
    assert_eq!(
        (&job["state"], &job["waits_for"]),
        (&json!("succeeded"), &Value::Null),
        "{job:#}"
    );
    assert_eq!(counts(&job)["sql"], json!({"erased": 30}));
    site.holds(&[]).await;
}

async fn a_window_that_closes_lets_what_has_begun_finish(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 10).set("worker.slots", 1));
    let old = memories::of("ana", 300);
    add(&site, &old, 91).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 3, Side::Before);
    put(&service, "purge", &within(purge(ALWAYS), true)).await;
    let id = fired(&service, "purge").await;
    deletion.caught().await;
    put(&service, "purge", &within(purge(ALWAYS), false)).await;
    deletion.release();

    let job = service
        .client
        .when(&id, "it waits", |job| job["waits_for"]["reason"] == "window")
        .await;
    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("running"), &Value::Null),
        "{job:#}"
    );
    let left = site.memories.left().await;
    assert_eq!(left, site.vectors.left().await);
    assert!((1..300).contains(&left.len()) && left.len() % 10 == 0, "{}", left.len());
    ticks(&service, 2).await;
    assert_eq!(site.memories.left().await, left);

    put(&service, "purge", &within(purge(ALWAYS), true)).await;
    let job = service.client.ended(&id).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(counts(&job), json!({"sql": {"erased": 300}, "vector": {"erased": 300}}));
    site.holds(&[]).await;
}

async fn a_preview_touches_nothing(layout: Layout) {
    let site = site(layout).await;
    let (old, new) = (memories::of("ana", 7), memories::of("ana", 3));
    add(&site, &old, 91).await;
    add(&site, &new, 1).await;
    let service = site.start().await;
    put(&service, "purge", &within(purge(RARELY), false)).await;
    let preview = service.client.request(Method::POST, "/v1/schedules/purge/preview");
    let answer = service.client.send(preview.header("prefer", "wait=30")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(
        counts(&answer.body),
        json!({"sql": {"found": 7}, "vector": {"found": 7}})
    );
    site.holds(&[old, new].concat()).await;
}
