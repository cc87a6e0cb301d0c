//! Changes to points while a job by query is under way.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories;
use lethe_tests::on_both_databases;
use lethe_tests::service::{Service, Site};
use lethe_tests::tap::{DELETE, SCROLL, Side};
use qdrant_client::qdrant::{DeletePointsBuilder, FieldType, PointId, PointsIdsList};
use serde_json::json;

use super::{add, change, holds, job, of_user, run, site};

on_both_databases!(
    points_added_after_the_start_stay,
    a_point_that_changes_in_between_stays_and_is_shown,
    a_point_that_is_gone_is_absent,
    a_point_that_comes_back_is_found_by_reading_back,
    a_point_that_became_another_persons_is_called_by_its_own_id,
);

/// Starts a service with one worker, so that batches follow each other.
async fn one_worker(site: &Site, layout: Layout) -> Service {
    if layout != Layout::POSTGRES_REDIS {
        return site.start().await;
    }
    let mut service = site.api().await;
    service.workers.push(site.worker().await);
    service
}

async fn points_added_after_the_start_stay(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 10).set("worker.slots", 1));
    add(&site, &memories::of("ana", 100), &json!({})).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 2, Side::Before);
    let id = service.client.submit(&job(of_user("ana"))).await;
    deletion.caught().await;
    let new = memories::of("ana", 40);
    add(&site, &new, &json!({})).await;
    deletion.release();
    let job = service.client.ended(&id).await;

    holds(&site, &new).await;
    assert_eq!(
        (&job["state"], &job["round"]),
        (&json!("succeeded"), &json!(0)),
        "{job:#}"
    );
    assert_eq!(counts(&job), json!({"vector": {"erased": 100}}));
}

async fn a_point_that_changes_in_between_stays_and_is_shown(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 5).set("worker.slots", 1));
    let mut all = memories::of("ana", 10);
    // In the order of the store.
    all.sort();
    add(&site, &all, &json!({"n": 1})).await;
    let service = one_worker(&site, layout).await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let id = service.client.submit(&job(json!({"eq": {"n": 1}}))).await;
    deletion.caught().await;
    // The batch has already read the first one, and the next batch will read the other.
    let (seen, unseen) = (&all[0], &all[9]);
    for memory in [seen, unseen] {
        change(&site, &memory.id, json!({"n": 2})).await;
    }
    deletion.release();
    let job = service.client.ended(&id).await;

    holds(&site, &[seen.clone(), unseen.clone()]).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(counts(&job), json!({"vector": {"erased": 8, "conflicted": 2}}));
    let conflicted = service.client.items(&id, "conflicted").await;
    let shown: Vec<&str> = conflicted.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(shown, [seen.id.as_str(), unseen.id.as_str()]);
}

async fn a_point_that_became_another_persons_is_called_by_its_own_id(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| {
        config.set("worker.batch", 5).set("worker.slots", 1).replace(
            r#"point = "uuid", payload = { user"#,
            r#"point = "payload", payload = { id = "memory", user"#,
        )
    });
    let mut all = memories::of("ana", 10);
    all.sort();
    add(&site, &all, &json!({"memory": "one of hers"})).await;
    let service = one_worker(&site, layout).await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let id = service.client.submit(&job(of_user("ana"))).await;
    deletion.caught().await;
    // The batch has already read the first one, and the next batch will read the other.
    for memory in [&all[0], &all[9]] {
        change(&site, &memory.id, json!({"user_id": "bob", "memory": "one of bob's"})).await;
    }
    deletion.release();
    let job = service.client.ended(&id).await;

    assert_eq!(
        counts(&job),
        json!({"vector": {"erased": 8, "conflicted": 2}}),
        "{job:#}"
    );
    let conflicted = service.client.items(&id, "conflicted").await;
    let shown: Vec<&str> = conflicted.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(shown, [all[0].id.as_str(), all[9].id.as_str()]);
}

async fn a_point_that_is_gone_is_absent(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 5).set("worker.slots", 1));
    let mut all = memories::of("ana", 10);
    all.sort();
    add(&site, &all, &json!({})).await;
    let service = one_worker(&site, layout).await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let id = service.client.submit(&job(of_user("ana"))).await;
    deletion.caught().await;
    // The next batch looks for this point.
    let gone = PointsIdsList {
        ids: vec![PointId::from(all[9].id.as_str())],
    };
    let request = DeletePointsBuilder::new(&site.vectors.collection)
        .points(gone)
        .wait(true);
    site.vectors.client().delete_points(request).await.unwrap();
    deletion.release();
    let job = service.client.ended(&id).await;

    holds(&site, &[]).await;
    assert_eq!(counts(&job), json!({"vector": {"erased": 9, "absent": 1}}), "{job:#}");
    let again = run(&service, self::job(of_user("ana"))).await;
    assert_eq!(
        (&again["state"], &again["selected"]),
        (&json!("succeeded"), &json!(0)),
        "{again:#}"
    );
}

async fn a_point_that_comes_back_is_found_by_reading_back(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 5).set("worker.slots", 1));
    let mut all = memories::of("ana", 10);
    all.sort();
    add(&site, &all, &json!({})).await;
    let service = one_worker(&site, layout).await;
    let mut deletion = site.tap.hold(DELETE, 1, Side::Before);
    let id = service.client.submit(&job(of_user("ana"))).await;
    deletion.caught().await;
    // Both are of the previous batch: only the read-back looks at them again. One has another owner by now.
    add(&site, &all[..1], &json!({})).await;
    add(&site, &all[1..2], &json!({"user_id": "bob"})).await;
    change(&site, &all[1].id, json!({"user_id": "bob"})).await;
    deletion.release();
    let job = service.client.ended(&id).await;

    let mut stays = all[1].clone();
    "bob".clone_into(&mut stays.user);
    holds(&site, &[stays]).await;
    assert_eq!(
        (&job["state"], &job["round"], &job["selected"]),
        (&json!("succeeded"), &json!(1), &json!(11)),
        "{job:#}"
    );
    assert_eq!(counts(&job), json!({"vector": {"erased": 11, "residue": 1}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_of_a_query_is_replaced() {
    let mut site = site(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.short_leases().set("worker.batch", 100));
    let bob = memories::of("bob", 50);
    for some in memories::of("ana", 3_000).chunks(1_000) {
        add(&site, some, &json!({})).await;
    }
    add(&site, &bob, &json!({})).await;
    let service = site.api().await;
    let mut first = site.worker().await;
    let mut deletion = site.tap.hold(DELETE, 7, Side::After);
    let id = service.client.submit(&job(of_user("ana"))).await;
    deletion.caught().await;
    first.process.kill();
    let erased = 3_050 - site.vectors.count().await;
    assert!(0 < erased && erased < 3_000, "killed in the middle: {erased}");
    deletion.release();

    let _second = site.worker().await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(counts(&job), json!({"vector": {"erased": 3_000}}));
    assert_eq!((&job["selected"], &job["remaining"]), (&json!(3_000), &json!(0)));
    holds(&site, &bob).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_that_changes_between_a_worker_and_the_next_stays() {
    let mut site = site(Layout::POSTGRES_REDIS).await;
    site.configure(lethe_tests::config::Config::short_leases);
    let ana = memories::of("ana", 5);
    add(&site, &ana, &json!({"n": 0.5})).await;
    // An integer index knows no halves, so the deleting request does not carry the condition.
    site.vectors.index("n", FieldType::Integer).await;
    let service = site.api().await;
    let mut first = site.worker().await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let id = service.client.submit(&job(json!({"eq": {"n": 0.5}}))).await;
    deletion.caught().await;
    first.process.kill();
    change(&site, &ana[0].id, json!({"n": 1.5})).await;

    let _second = site.worker().await;
    let job = service.client.ended(&id).await;
    // The dead worker's request goes no further.
    drop(deletion);

    assert_eq!(
        counts(&job),
        json!({"vector": {"erased": 4, "conflicted": 1}}),
        "{job:#}"
    );
    holds(&site, &ana[..1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_while_it_plans_a_query_is_replaced() {
    let mut site = site(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.short_leases().set("worker.batch", 10));
    let (ana, bob) = (memories::of("ana", 500), memories::of("bob", 5));
    add(&site, &[ana, bob.clone()].concat(), &json!({})).await;
    let service = site.api().await;
    let mut first = site.worker().await;
    // After the first lists were committed.
    let mut page = site.tap.hold(SCROLL, 25, Side::After);
    let id = service.client.submit(&job(of_user("ana"))).await;
    page.caught().await;
    first.process.kill();
    assert_eq!(site.vectors.count().await, 505, "nothing goes before all is listed");
    page.release();

    let _second = site.worker().await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(counts(&job), json!({"vector": {"erased": 500}}));
    holds(&site, &bob).await;
}
