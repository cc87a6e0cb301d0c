//! Jobs by query about a table that has only vectors: the points that matched at the plan go, and no others.

use lethe_tests::by_query::{job, of_user, run, with};
use lethe_tests::client::{Answer, counts};
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::service::{Service, Site};
use lethe_tests::tap::{DELETE, SCROLL, Side};
use lethe_tests::{ledger, on_both_databases, wait};
use qdrant_client::Payload;
use qdrant_client::qdrant::{PointId, PointStruct, SetPayloadPointsBuilder, UpsertPointsBuilder};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

mod changing;
mod refused;

on_both_databases!(
    what_matches_goes,
    an_owner_and_a_workspace_are_demanded_besides,
    a_query_above_the_limit_touches_nothing,
    a_preview_counts_and_an_expectation_is_kept,
    a_point_whose_row_is_in_another_table_stays,
    a_point_of_which_nobody_can_say_whose_it_is_stays,
    a_query_can_be_cancelled_and_tried_again,
    open_search_deletes_by_query,
    the_totals_add_up,
    few_points_among_many_are_found_without_the_filter,
    another_spelling_of_an_id_hides_no_point,
);

/// Makes a site whose only table has no rows.
async fn site(layout: Layout) -> Site {
    let mut site = Site::new(layout).await;
    let target = format!("[[target]]\nname = \"main\"\n{}", table(&site, "memories"));
    site.configure(|config| config.without_targets().targets(&target));
    site
}

/// Returns the rest of a target with a table of this name that has only vectors.
fn table(site: &Site, name: &str) -> String {
    let (url, key, collection) = (site.tap.url(), &site.vectors.key, &site.vectors.collection);
    format!(
        r#"vector = {{ url = "{url}", api_key = "{key}" }}
  [[target.table]]
  name = "{name}"
  fields = {{ n = "n", tags = "meta.tags" }}
  collection = {{ name = "{collection}", point = "uuid", payload = {{ user = "user_id", workspace = "workspace" }} }}
"#
    )
}

/// Writes points of memories with additional payload.
async fn add(site: &Site, memories: &[Memory], more: &Value) {
    let points: Vec<PointStruct> = memories
        .iter()
        .map(|memory| {
            let mut payload = more.clone();
            payload["user_id"] = memory.user.as_str().into();
            PointStruct::new(memory.id.as_str(), vec![0.5; 4], Payload::try_from(payload).unwrap())
        })
        .collect();
    let request = UpsertPointsBuilder::new(&site.vectors.collection, points).wait(true);
    site.vectors.client().upsert_points(request).await.unwrap();
}

async fn change(site: &Site, id: &str, payload: Value) {
    let request = SetPayloadPointsBuilder::new(&site.vectors.collection, Payload::try_from(payload).unwrap())
        .points_selector(vec![PointId::from(id)])
        .wait(true);
    site.vectors.client().set_payload(request).await.unwrap();
}

/// Asserts that exactly the points of these memories are left.
async fn holds(site: &Site, memories: &[Memory]) {
    let mut expected = memories.to_vec();
    expected.sort();
    assert_eq!(site.vectors.left().await, expected);
}

async fn what_matches_goes(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 5));
    let (old, new, other) = (memories::of("ana", 60), memories::of("ana", 3), memories::of("bob", 5));
    let payload = |n: f64| json!({"n": n, "meta": [{"tags": ["food", "sea"]}, {"tags": null}]});
    for (some, n) in [(&old, 5.5), (&new, 50.0), (&other, 5.0)] {
        add(&site, some, &payload(n)).await;
    }
    let service = site.start().await;

    let asked = job(json!({"and": [
        {"eq": {"tags": "food"}},
        {"in": {"tags": ["sky", "sea"]}},
        {"exists": "n"},
        {"range": {"n": {"gte": 1, "lt": 50}}},
        {"or": [{"in": {"id": ids(&new)}}, {"not": {"eq": {"user_id": "bob"}}}]},
    ]}));
    let job = run(&service, asked).await;

    holds(&site, &[new, other].concat()).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(counts(&job), json!({"vector": {"erased": 60}}));
    assert_eq!((&job["selected"], &job["remaining"]), (&json!(60), &json!(0)));
    assert_eq!(job["snapshot"], "plan");
}

async fn an_owner_and_a_workspace_are_demanded_besides(layout: Layout) {
    let mut site = site(layout).await;
    let hash = lethe_common::config::KeyHash::of("a key of w1");
    site.configure(|config| {
        config.targets(&format!(
            "[[auth.key]]\nname = \"w1\"\nsha256 = \"{hash}\"\nscopes = [\"memories:delete:any\"]\nworkspaces = [\"w1\"]\n"
        ))
    });
    let (ana, bob, both) = (memories::of("ana", 5), memories::of("bob", 5), memories::of("ana", 1));
    let elsewhere = memories::of("ana", 3);
    for some in [&ana, &bob] {
        add(&site, some, &json!({"workspace": "w1"})).await;
    }
    // A point that is in another workspace too.
    add(&site, &both, &json!({"workspace": ["w1", "w2"]})).await;
    add(&site, &elsewhere, &json!({"workspace": "w2"})).await;
    let service = site.start().await;
    let bound = lethe_tests::client::Client::new(service.client.url(), "a key of w1");

    let all = json!({"all": true});
    let id = bound.submit(&with(job(all.clone()), "owner", "ana")).await;
    let first = service.client.ended(&id).await;
    holds(&site, &[bob.clone(), both.clone(), elsewhere.clone()].concat()).await;
    assert_eq!(counts(&first), json!({"vector": {"erased": 5}}), "{first:#}");

    let id = bound.submit(&job(all)).await;
    service.client.ended(&id).await;
    holds(&site, &[both, elsewhere].concat()).await;
}

async fn a_query_above_the_limit_touches_nothing(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 5));
    let ana = memories::of("ana", 120);
    add(&site, &ana, &json!({})).await;
    let service = site.start().await;

    let limited = |limit: u64| with(job(of_user("ana")), "limit", limit);
    let job = run(&service, limited(119)).await;
    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("limit_exceeded"))
    );
    holds(&site, &ana).await;
    let job = run(&service, limited(120)).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    holds(&site, &[]).await;
}

async fn a_preview_counts_and_an_expectation_is_kept(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 5));
    let (ana, bob) = (memories::of("ana", 23), memories::of("bob", 2));
    add(&site, &[ana.clone(), bob.clone()].concat(), &json!({})).await;
    let service = site.start().await;

    let asked = job(of_user("ana"));
    let id = service.client.submit(&with(asked.clone(), "dry_run", true)).await;
    let seen = service.client.ended(&id).await;
    assert_eq!(
        (&seen["state"], &seen["selected"]),
        (&json!("succeeded"), &json!(23)),
        "{seen:#}"
    );
    assert_eq!(counts(&seen), json!({"vector": {"found": 23}}));
    assert_eq!(seen["preview"]["tables"][0]["found"], 23, "{seen:#}");
    assert_eq!(service.client.items(&id, "found").await.len(), 23);
    assert_eq!(site.vectors.count().await, 25);

    let digest = seen["preview"]["digest"].clone();
    let more = memories::of("ana", 1);
    add(&site, &more, &json!({})).await;
    let refused = run(&service, with(asked.clone(), "expect", digest.clone())).await;
    assert_eq!(refused["error_code"], "selection_changed", "{refused:#}");
    assert_eq!(site.vectors.count().await, 26);
    change(&site, &more[0].id, json!({"user_id": "bob"})).await;
    site.tap.reset();
    let done = run(&service, with(asked, "expect", digest)).await;
    // The plan's own list is compared, without another look.
    assert_eq!(site.tap.calls()[SCROLL], 23_usize.div_ceil(5));
    assert_eq!(done["state"], "succeeded", "{done:#}");
    assert_eq!(counts(&done), json!({"vector": {"erased": 23}}));
    assert_eq!(site.vectors.count().await, 3);
}

async fn a_point_whose_row_is_in_another_table_stays(layout: Layout) {
    let mut site = Site::new(layout).await;
    let shared = table(&site, "points");
    let points = shared.split_once('\n').unwrap().1;
    site.configure(|config| config.targets(points));
    let (rows, orphans) = (memories::of("ana", 4), memories::of("ana", 6));
    site.add(&rows).await;
    site.vectors.add(&orphans).await;
    let service = site.start().await;

    let job = run(&service, with(job(json!({"all": true})), "table", "points")).await;

    assert_eq!(counts(&job), json!({"vector": {"erased": 6}}), "{job:#}");
    site.holds(&rows).await;
}

async fn a_point_of_which_nobody_can_say_whose_it_is_stays(layout: Layout) {
    let mut site = Site::new(layout).await;
    let shared = table(&site, "points");
    let points = shared.split_once('\n').unwrap().1;
    site.configure(|config| config.targets(points));
    // Its id is no memory's here, and the collection's table has rows.
    let payload = Payload::try_from(json!({"user_id": "ana"})).unwrap();
    let stray = PointStruct::new(7, vec![0.5; 4], payload);
    let request = UpsertPointsBuilder::new(&site.vectors.collection, vec![stray]).wait(true);
    site.vectors.client().upsert_points(request).await.unwrap();
    site.vectors.add(&memories::of("ana", 2)).await;
    let service = site.start().await;

    let job = run(&service, with(job(of_user("ana")), "table", "points")).await;

    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("unverifiable")),
        "{job:#}"
    );
    assert_eq!(counts(&job), json!({"vector": {"erased": 2, "unverifiable": 1}}));
    assert_eq!(site.vectors.count().await, 1);
}

async fn a_query_can_be_cancelled_and_tried_again(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 10));
    add(&site, &memories::of("ana", 200), &json!({})).await;
    let service = site.start().await;
    // The pace is so slow that the job would not end within the test.
    let slow = with(job(of_user("ana")), "per_second", 20);
    let id = service.client.submit(&slow).await;
    wait::until_true("some are gone", || async { site.vectors.count().await < 200 }).await;
    let answer = service.client.post(&format!("/v1/jobs/{id}/cancel")).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let job = service.client.ended(&id).await;
    assert_eq!(job["state"], "cancelled", "{job:#}");
    let counted = counts(&job);
    let left = counted["vector"]["left"].as_u64().unwrap();
    assert_eq!(counted["vector"]["erased"].as_u64().unwrap() + left, 200, "{job:#}");
    assert_eq!(site.vectors.count().await, left);

    let answer = service.client.post(&format!("/v1/jobs/{id}/retry")).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let unthrottled = service.client.request(Method::PATCH, &format!("/v1/jobs/{id}"));
    service
        .client
        .send(unthrottled.json(&json!({"per_second": null})))
        .await;
    let job = service.client.ended(&id).await;
    assert_eq!(
        (&job["state"], &job["selected"]),
        (&json!("succeeded"), &json!(200)),
        "{job:#}"
    );
    // A job's counts cover both attempts.
    assert_eq!(counts(&job)["vector"], json!({"erased": 200}));
    holds(&site, &[]).await;
}

async fn by_query(service: &Service, parameters: &str, body: &Value) -> Answer {
    let path = format!("/main/_delete_by_query{parameters}");
    let request = service.client.request(Method::POST, &path).json(body);
    service.client.send(request).await
}

async fn open_search_deletes_by_query(layout: Layout) {
    let site = site(layout).await;
    let (ana, bob) = (memories::of("ana", 7), memories::of("bob", 2));
    add(&site, &ana, &json!({"n": 5, "meta": {"tags": ["red"]}})).await;
    add(&site, &bob, &json!({"n": "5"})).await;
    let service = site.start().await;

    for (query, said) in [
        (json!({"prefix": {"owner_id": "a"}}), "[prefix] is not supported here"),
        (
            json!({"range": {"n": {"gte": "2025-01-01"}}}),
            "[range] is not supported here",
        ),
        (
            json!({"term": {"n": 9_007_199_254_740_992_i64}}),
            "[term] is not supported here",
        ),
    ] {
        let answer = by_query(&service, "", &json!({"query": query})).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        let reason = answer.body["error"]["reason"].as_str().unwrap();
        assert!(reason.contains(said), "{reason}");
    }
    assert_eq!(site.vectors.count().await, 9);
    let red = json!({"query": {"bool": {"must": [{"term": {"tags": "red"}}, {"exists": {"field": "owner_id"}}]}}});
    let answer = by_query(&service, "?max_docs=3", &red).await;
    assert_eq!(
        (answer.status, &answer.body["deleted"]),
        (StatusCode::OK, &json!(3)),
        "{}",
        answer.text
    );
    assert_eq!(site.vectors.count().await, 6);
    // A keyword matches the number and the text.
    let answer = by_query(&service, "", &json!({"query": {"term": {"n": "5"}}})).await;
    assert_eq!(answer.body["deleted"], 6, "{}", answer.text);
    holds(&site, &[]).await;

    add(&site, &ana, &json!({"n": 1})).await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let body = json!({"query": {"range": {"n": {"lte": 1}}}});
    let (answer, ()) = tokio::join!(by_query(&service, "?conflicts=proceed", &body), async {
        deletion.caught().await;
        change(&site, &ana[0].id, json!({"n": 2})).await;
        deletion.release();
    });
    assert_eq!(answer.body["version_conflicts"], 1, "{}", answer.text);
    assert_eq!(answer.body["deleted"], 6, "{}", answer.text);
    holds(&site, &ana[..1]).await;
}

async fn few_points_among_many_are_found_without_the_filter(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 5).set("worker.store_timeout", "500ms"));
    let (ana, bob) = (memories::of("ana", 3), memories::of("bob", 60));
    add(&site, &[ana, bob.clone()].concat(), &json!({})).await;
    site.tap.search();
    let service = site.start().await;

    let asked = job(of_user("ana"));
    let seen = run(&service, with(asked.clone(), "dry_run", true)).await;
    assert_eq!(counts(&seen), json!({"vector": {"found": 3}}), "{seen:#}");
    let done = run(&service, with(asked, "expect", seen["preview"]["digest"].clone())).await;
    assert_eq!(counts(&done), json!({"vector": {"erased": 3}}), "{done:#}");
    holds(&site, &bob).await;
}

async fn the_totals_add_up(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 5));
    add(&site, &memories::of("ana", 60), &json!({})).await;
    add(&site, &memories::of("bob", 7), &json!({})).await;
    let service = site.start().await;
    run(&service, job(of_user("ana"))).await;
    run(&service, with(job(of_user("bob")), "limit", 3)).await;

    let totals = ledger::beside(&site).totals().await.unwrap();
    let sum = |metric: &str| -> u64 {
        let of_store = totals
            .iter()
            .filter(|row| row.metric == metric && row.store == "vector");
        of_store.map(|row| row.n).sum()
    };
    assert_eq!((sum("selected"), sum("memories")), (67, 67), "{totals:?}");
}

async fn another_spelling_of_an_id_hides_no_point(layout: Layout) {
    let site = site(layout).await;
    let all = memories::of("ana", 3);
    add(&site, &all, &json!({})).await;
    let service = site.start().await;
    let id = &all[0].id;

    // Without a row, a UUID in capitals reaches no point. It must not hide the spelling that does.
    let asked = json!({"select": {"ids": [id.to_uppercase(), id]}});
    let done = service.client.succeeds(&asked).await;

    assert_eq!(counts(&done), json!({"vector": {"absent": 1, "erased": 1}}), "{done:#}");
    holds(&site, &all[1..]).await;
}
