//! Every call that the server supports, with its answer.

use std::collections::HashSet;

use qdrant_client::qdrant::{
    CollectionStatus, Condition, CountPointsBuilder, CreateCollectionBuilder, CreateFieldIndexCollectionBuilder,
    DatetimeRange, DeletePointsBuilder, Distance, FieldCondition, FieldType, Filter, GetPointsBuilder,
    KeywordIndexParamsBuilder, NamedVectors, PayloadSchemaType, PointId, PointStruct, PointsIdsList,
    QueryPointsBuilder, Range, ScrollPointsBuilder, SearchPointsBuilder, SetPayloadPointsBuilder, Timestamp,
    UpdateStatus, UpsertPointsBuilder, ValuesCount, VectorParamsBuilder, VectorsConfigBuilder, vectors_config,
};
use qdrant_client::{Payload, Qdrant};
use serde_json::json;

use crate::harness::{Server, create, point, text, upsert};

async fn count(client: &Qdrant, filter: Filter) -> u64 {
    let request = CountPointsBuilder::new("memories").filter(filter).exact(true);
    client.count(request).await.unwrap().result.unwrap().count
}

#[tokio::test]
async fn collections_come_and_go() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let client = server.client();
    let health = client.health_check().await.unwrap();
    assert!(health.version.starts_with("1."));

    assert!(!client.collection_exists("memories").await.unwrap());
    create(&client, "memories").await;
    assert!(client.collection_exists("memories").await.unwrap());
    let names = client.list_collections().await.unwrap().collections;
    assert_eq!(
        names.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
        ["memories"]
    );

    let info = client.collection_info("memories").await.unwrap().result.unwrap();
    assert_eq!(info.status(), CollectionStatus::Green);
    assert_eq!(info.points_count, Some(0));
    let params = info.config.unwrap().params.unwrap();
    let Some(vectors_config::Config::Params(vectors)) = params.vectors_config.unwrap().config else {
        panic!("one unnamed vector");
    };
    assert_eq!((vectors.size, vectors.distance()), (4, Distance::Dot));

    assert!(client.delete_collection("memories").await.unwrap().result);
    assert!(!client.delete_collection("memories").await.unwrap().result);
    assert!(!client.collection_exists("memories").await.unwrap());
    // The name is free again, and none of the old points remains.
    create(&client, "memories").await;
    server.stop().await;
}

#[tokio::test]
async fn points_are_written_and_read() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let client = server.client();
    create(&client, "memories").await;
    let written = client.upsert_points(UpsertPointsBuilder::new(
        "memories",
        (0..25).map(point).collect::<Vec<_>>(),
    ));
    assert_eq!(
        written.await.unwrap().result.unwrap().status(),
        UpdateStatus::Acknowledged
    );
    upsert(&client, "memories", 25..30).await;

    let mut seen = Vec::new();
    let mut offset: Option<PointId> = None;
    loop {
        let mut request = ScrollPointsBuilder::new("memories").limit(7).with_vectors(true);
        if let Some(offset) = offset {
            request = request.offset(offset);
        }
        let page = client.scroll(request).await.unwrap();
        assert!(page.result.len() <= 7);
        seen.extend(page.result);
        offset = page.next_page_offset;
        if offset.is_none() {
            break;
        }
    }
    let ids: Vec<_> = seen.iter().map(|point| point.id.clone().unwrap()).collect();
    assert_eq!(ids, (0..30).map(PointId::from).collect::<Vec<_>>());
    for (number, found) in (0..30).zip(seen) {
        assert_eq!(found.payload["text"].as_str(), Some(&text(number)));
        assert!(found.vectors.is_some());
    }

    let ids: Vec<PointId> = vec![3.into(), 1000.into(), 5.into()];
    let got = client
        .get_points(GetPointsBuilder::new("memories", ids).with_payload(true))
        .await
        .unwrap();
    let got: HashSet<_> = got
        .result
        .iter()
        .map(|point| point.payload["n"].as_integer().unwrap())
        .collect();
    assert_eq!(got, HashSet::from([3, 5]));

    let request = SearchPointsBuilder::new("memories", vec![1.0, 0.0, 0.0, 0.0], 2).with_payload(true);
    let nearest = client.search_points(request).await.unwrap().result;
    assert_eq!(nearest[0].id, Some(29.into()));
    let request = QueryPointsBuilder::new("memories")
        .query(vec![1.0, 0.0, 0.0, 0.0])
        .limit(1);
    let request = request.filter(Filter::must([Condition::range(
        "n",
        Range {
            lt: Some(9.0),
            ..Range::default()
        },
    )]));
    assert_eq!(client.query(request).await.unwrap().result[0].id, Some(8.into()));
    server.stop().await;
}

#[tokio::test]
async fn deletes_take_what_was_asked_for_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let client = server.client();
    create(&client, "memories").await;
    upsert(&client, "memories", 0..30).await;
    let user = |name: &str| Filter::must([Condition::matches("user", name.to_owned())]);
    assert_eq!(count(&client, user("user-1")).await, 10);

    // By ids. An absent one is no error.
    let ids: Vec<PointId> = vec![0.into(), 1.into(), 99.into()];
    let request = DeletePointsBuilder::new("memories")
        .points(PointsIdsList { ids })
        .wait(true);
    let deleted = client.delete_points(request).await.unwrap().result.unwrap();
    assert_eq!(deleted.status(), UpdateStatus::Completed);
    assert_eq!(count(&client, Filter::default()).await, 28);

    // By filter, in a nested form.
    let kept = Condition::has_id([4]);
    let filter = Filter {
        must: vec![Condition::from(user("user-1"))],
        must_not: vec![kept],
        ..Filter::default()
    };
    let request = DeletePointsBuilder::new("memories").points(filter).wait(true);
    client.delete_points(request).await.unwrap();
    assert_eq!(count(&client, user("user-1")).await, 1);
    assert_eq!(count(&client, Filter::default()).await, 20);
    server.stop().await;
}

#[tokio::test]
async fn conditions_match_as_in_qdrant() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let client = server.client();
    create(&client, "memories").await;
    upsert(&client, "memories", 0..30).await;
    // Written whole, since `set_payload` removes a field that is null.
    let payload = json!({
        "flag": true, "none": null, "list": [], "n": 7, "user": "user-1", "text": text(7),
        "at": "2024-05-01T00:00:00Z", "tags": ["a", "b"], "parts": [{"kind": "x", "size": 1}, {"kind": "y", "size": 2}],
    });
    let odd = PointStruct::new(7, vec![0.0; 4], Payload::try_from(payload).unwrap());
    client
        .upsert_points(UpsertPointsBuilder::new("memories", vec![odd]).wait(true))
        .await
        .unwrap();

    let field = |key: &str| FieldCondition {
        key: key.to_owned(),
        ..FieldCondition::default()
    };
    let empty = |is_empty| FieldCondition {
        is_empty: Some(is_empty),
        ..field("at")
    };
    let tagged = FieldCondition {
        values_count: Some(ValuesCount {
            gt: Some(1),
            ..ValuesCount::default()
        }),
        ..field("tags")
    };
    let since = |seconds| DatetimeRange {
        gte: Some(Timestamp { seconds, nanos: 0 }),
        ..DatetimeRange::default()
    };
    let part = |kind: &str, size| {
        let same = [
            Condition::matches("kind", kind.to_owned()),
            Condition::matches("size", size),
        ];
        Condition::nested("parts", Filter::must(same))
    };
    let two_of_three = [3, 4].map(|n| Condition::matches("n", n)).into_iter();
    let two_of_three = two_of_three.chain([Condition::matches("user", "user-0".to_owned())]);
    let at_least = |n| Range {
        gte: Some(n),
        ..Range::default()
    };
    for (condition, matched) in [
        (Condition::matches("user", "user-2".to_owned()), 10),
        (
            Condition::matches("user", vec!["user-1".to_owned(), "user-2".to_owned()]),
            20,
        ),
        (Condition::matches("n", 3), 1),
        (Condition::matches("n", vec![3, 4, 500]), 2),
        (
            Condition::matches("n", !qdrant_client::qdrant::r#match::MatchValue::from(vec![3, 4])),
            28,
        ),
        (Condition::matches("flag", true), 1),
        (Condition::matches_text("text", "memory<7>"), 1),
        (Condition::range("n", at_least(20.0)), 10),
        (Condition::is_null("none"), 1),
        (Condition::from(empty(true)), 29),
        (Condition::from(empty(false)), 1),
        (Condition::from(tagged), 1),
        (Condition::datetime_range("at", since(1_700_000_000)), 1),
        (Condition::datetime_range("at", since(1_800_000_000)), 0),
        (part("x", 1), 1),
        (part("x", 2), 0),
        (Condition::from(Filter::min_should(2, two_of_three)), 1),
        (Condition::is_empty("list"), 30),
        (Condition::is_empty("n"), 0),
        (Condition::has_id([1, 2, 77]), 2),
        (Condition::from(Filter::must_not([Condition::matches("n", 3)])), 29),
    ] {
        let name = format!("{condition:?}");
        assert_eq!(count(&client, Filter::must([condition])).await, matched, "{name}");
    }
    let either = Filter::should([Condition::matches("n", 1), Condition::matches("n", 2)]);
    assert_eq!(count(&client, either).await, 2);
    server.stop().await;
}

#[tokio::test]
async fn payloads_indexes_named_vectors_and_uuids_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let client = server.client();
    let mut vectors = VectorsConfigBuilder::default();
    vectors.add_named_vector_params("text", VectorParamsBuilder::new(2, Distance::Cosine));
    vectors.add_named_vector_params("image", VectorParamsBuilder::new(3, Distance::Euclid));
    client
        .create_collection(CreateCollectionBuilder::new("named").vectors_config(vectors))
        .await
        .unwrap();
    let id = "5c56c793-69f3-4fbf-87e6-c4bf54c28c26";
    let vectors = NamedVectors::default().add_vector("text", vec![3.0, 4.0]);
    let payload = Payload::try_from(json!({"user": "a", "deep": {"kept": 1}})).unwrap();
    let points = vec![PointStruct::new(id, vectors, payload)];
    client
        .upsert_points(UpsertPointsBuilder::new("named", points).wait(true))
        .await
        .unwrap();

    let index = CreateFieldIndexCollectionBuilder::new("named", "user", FieldType::Keyword).wait(true);
    let params = KeywordIndexParamsBuilder::default().is_tenant(true);
    client
        .create_field_index(index.field_index_params(params))
        .await
        .unwrap();
    let request = SetPayloadPointsBuilder::new("named", Payload::try_from(json!({"added": 2})).unwrap()).key("deep");
    let everything = Filter::must([Condition::matches("user", "a".to_owned())]);
    client
        .set_payload(request.points_selector(everything).wait(true))
        .await
        .unwrap();
    drop(client);
    server.stop().await;

    let server = Server::start(directory.path()).await;
    let client = server.client();
    let ids: Vec<PointId> = vec![id.into()];
    let request = GetPointsBuilder::new("named", ids)
        .with_payload(true)
        .with_vectors(true);
    let found = client.get_points(request).await.unwrap().result.remove(0);
    assert_eq!(found.id, Some(id.into()));
    assert_eq!(found.payload["deep"], json!({"kept": 1, "added": 2}).into());
    let vectors = format!("{:?}", found.vectors);
    assert!(vectors.contains("text") && !vectors.contains("image"), "{vectors}");
    let info = client.collection_info("named").await.unwrap().result.unwrap();
    let schema = &info.payload_schema["user"];
    assert_eq!(
        (schema.data_type(), schema.points),
        (PayloadSchemaType::Keyword, Some(1))
    );
    assert!(format!("{:?}", schema.params).contains("is_tenant: Some(true)"));
    server.stop().await;
}

#[tokio::test]
async fn writers_do_not_disturb_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    create(&server.client(), "memories").await;
    let writer = |first: u64| {
        let client = server.client();
        tokio::spawn(async move {
            for batch in 0..40 {
                let start = first + batch * 10;
                upsert(&client, "memories", start..start + 10).await;
                // Ids that both writers write.
                upsert(&client, "memories", 0..5).await;
                let ids = vec![PointId::from(start)];
                let request = DeletePointsBuilder::new("memories").points(PointsIdsList { ids });
                client.delete_points(request.wait(true)).await.unwrap();
            }
        })
    };
    let (one, two) = (writer(1_000), writer(2_000));
    let reader = server.client();
    for _ in 0..20 {
        let page = reader
            .scroll(ScrollPointsBuilder::new("memories").limit(1_000))
            .await
            .unwrap();
        for point in page.result {
            let number = u64::try_from(point.payload["n"].as_integer().unwrap()).unwrap();
            assert_eq!(point.payload["text"].as_str(), Some(&text(number)));
        }
    }
    one.await.unwrap();
    two.await.unwrap();
    assert_eq!(count(&reader, Filter::default()).await, 2 * 40 * 9 + 5);
    server.stop().await;
}
