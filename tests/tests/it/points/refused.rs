//! Queries that the vector store cannot answer, or refuses: nothing is touched.

use lethe_tests::layout::Layout;
use lethe_tests::memories;
use lethe_tests::on_both_databases;
use lethe_tests::service::Site;
use lethe_tests::tap::SCROLL;
use qdrant_client::qdrant::{CollectionInfo, PayloadSchemaInfo, PayloadSchemaType, StrictModeConfig};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{add, holds, job, of_user, run, site};

on_both_databases!(
    what_the_store_cannot_say_is_refused_and_nothing_is_touched,
    in_strict_mode_a_query_needs_an_index,
    a_store_that_refuses_to_look_is_not_asked_again,
);

async fn what_the_store_cannot_say_is_refused_and_nothing_is_touched(layout: Layout) {
    let site = site(layout).await;
    let ana = memories::of("ana", 3);
    add(&site, &ana, &json!({"n": 1})).await;
    let service = site.start().await;
    for (query, place) in [
        (json!({"prefix": {"user_id": "a"}}), "prefix.user_id"),
        (json!({"contains": {"tags": "a"}}), "contains.tags"),
        (json!({"prefix": {"id": "a"}}), "prefix.id"),
        (json!({"range": {"n": {"lt": "2025-01-01"}}}), "range.n"),
        (json!({"range": {"n": {"lt": {"ago": "90d"}}}}), "range.n"),
        (json!({"eq": {"n": 9_007_199_254_740_992_i64}}), "eq.n"),
        (json!({"exists": "created_at"}), "exists"),
        (json!({"exists": "id"}), "exists"),
        (json!({"eq": {"tags.\"x\"": 1}}), "eq.tags"),
    ] {
        for (query, place) in [
            (query.clone(), place.to_owned()),
            (
                json!({"and": [{"all": true}, {"not": query}]}),
                format!("and[1].not.{place}"),
            ),
        ] {
            let request = service
                .client
                .request(Method::POST, "/v1/jobs")
                .json(&job(query.clone()));
            let answer = service.client.send(request).await;
            assert_eq!(
                answer.status,
                StatusCode::UNPROCESSABLE_ENTITY,
                "{query}: {}",
                answer.text
            );
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(
                detail.starts_with(&format!("`select.query.{place}")),
                "{query}: {detail}"
            );
        }
    }
    holds(&site, &ana).await;
}

/// Makes the collection report strict mode, with an index of each of some fields.
async fn strict(site: &Site, indexes: &[(&str, PayloadSchemaType)]) {
    let name = &site.vectors.collection;
    let mut answer = site.vectors.client().collection_info(name).await.unwrap();
    let info: &mut CollectionInfo = answer.result.as_mut().unwrap();
    info.config.as_mut().unwrap().strict_mode_config = Some(StrictModeConfig {
        enabled: Some(true),
        unindexed_filtering_retrieve: Some(false),
        unindexed_filtering_update: Some(false),
        ..StrictModeConfig::default()
    });
    for (field, index) in indexes {
        let index = PayloadSchemaInfo {
            data_type: (*index).into(),
            ..PayloadSchemaInfo::default()
        };
        info.payload_schema.insert((*field).to_owned(), index);
    }
    site.tap.pretend(answer);
}

async fn in_strict_mode_a_query_needs_an_index(layout: Layout) {
    let site = site(layout).await;
    let (ana, bob) = (memories::of("ana", 3), memories::of("bob", 2));
    add(&site, &[ana.clone(), bob.clone()].concat(), &json!({"n": 1})).await;
    let keyword = PayloadSchemaType::Keyword;
    strict(&site, &[("user_id", keyword), ("workspace", keyword)]).await;
    let service = site.start().await;

    let refused = run(&service, job(json!({"eq": {"n": 1}}))).await;
    assert_eq!(
        (&refused["state"], &refused["error_code"], &refused["selected"]),
        (&json!("failed"), &json!("unindexed"), &json!(0)),
        "{refused:#}"
    );
    holds(&site, &[ana, bob.clone()].concat()).await;
    let done = run(&service, job(of_user("ana"))).await;
    assert_eq!(done["state"], "succeeded", "{done:#}");
    holds(&site, &bob).await;
}

async fn a_store_that_refuses_to_look_is_not_asked_again(layout: Layout) {
    let site = site(layout).await;
    let ana = memories::of("ana", 3);
    add(&site, &ana, &json!({})).await;
    site.tap.refuse(SCROLL);
    let service = site.start().await;

    let refused = run(&service, job(of_user("ana"))).await;
    assert_eq!(
        (&refused["state"], &refused["error_code"]),
        (&json!("failed"), &json!("rejected")),
        "{refused:#}"
    );
    assert_eq!(site.tap.calls()[SCROLL], 1);
    holds(&site, &ana).await;
}
