//! Unsupported calls are refused by name, with Qdrant's codes.

use lethe_edge::{EdgeError, EdgeOptions, serve};
use qdrant_client::{
    Payload, Qdrant, QdrantError,
    qdrant::{
        ClearPayloadPointsBuilder, Condition, CountPointsBuilder, CreateCollectionBuilder, DeletePointsBuilder,
        Distance, Filter, GeoRadius, HnswConfigDiffBuilder, NamedVectors, OrderByBuilder, PointId, PointStruct,
        PointsIdsList, QueryPointsBuilder, ScrollPointsBuilder, UpdateBatchPointsBuilder, UpsertPointsBuilder, Vector,
        VectorParamsBuilder,
    },
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::harness::{Server, client, create, point, upsert};

fn status<T>(result: Result<T, QdrantError>) -> Status {
    match result {
        Ok(_) => panic!("expected a refusal"),
        Err(QdrantError::ResponseError { status }) => status,
        Err(other) => panic!("expected a refusal by the server, not {other}"),
    }
}

async fn started() -> (tempfile::TempDir, Server, Qdrant) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let client = server.client();
    create(&client, "memories").await;
    (directory, server, client)
}

#[tokio::test]
async fn without_the_key_nothing_is_answered() {
    let (_directory, server, _) = started().await;
    let stranger = client(server.port, "another key");
    let keyless = Qdrant::from_url(&format!("http://127.0.0.1:{}", server.port)).skip_compatibility_check();
    let keyless = keyless.build().unwrap();
    for client in [stranger, keyless] {
        assert_eq!(status(client.health_check().await).code(), Code::Unauthenticated);
        assert_eq!(status(client.list_collections().await).code(), Code::Unauthenticated);
        let request = UpsertPointsBuilder::new("memories", vec![point(1)]);
        assert_eq!(
            status(client.upsert_points(request).await).code(),
            Code::Unauthenticated
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn collections_that_are_missing_exist_or_are_badly_named_are_told_apart() {
    let (directory, server, client) = started().await;
    let missing = status(client.count(CountPointsBuilder::new("nobody")).await);
    assert_eq!(missing.code(), Code::NotFound);
    assert!(missing.message().contains("Collection `nobody` doesn't exist!"));

    let request =
        |name: &str| CreateCollectionBuilder::new(name).vectors_config(VectorParamsBuilder::new(4, Distance::Dot));
    let twice = status(client.create_collection(request("memories")).await);
    assert_eq!(twice.code(), Code::AlreadyExists);
    for name in ["../outside", "a/b", "..", "", &"x".repeat(300)] {
        assert_eq!(
            status(client.create_collection(request(name)).await).code(),
            Code::InvalidArgument
        );
    }
    assert_eq!(
        std::fs::read_dir(directory.path().join("collections")).unwrap().count(),
        1
    );
    server.stop().await;
}

#[tokio::test]
async fn calls_that_are_not_served_are_named() {
    let (_directory, server, client) = started().await;
    let request = ClearPayloadPointsBuilder::new("memories").points(PointsIdsList { ids: vec![1.into()] });
    let clear = status(client.clear_payload(request).await);
    let batch = status(
        client
            .update_points_batch(UpdateBatchPointsBuilder::new("memories", []))
            .await,
    );
    let snapshot = status(client.create_snapshot("memories").await);
    let aliases = status(client.list_aliases().await);
    for (refused, name) in [
        (clear, "qdrant.Points/ClearPayload"),
        (batch, "qdrant.Points/UpdateBatch"),
        (snapshot, "qdrant.Snapshots/Create"),
        (aliases, "qdrant.Collections/ListAliases"),
    ] {
        assert_eq!(refused.code(), Code::Unimplemented);
        assert!(refused.message().contains(name), "{}", refused.message());
    }
    server.stop().await;
}

#[tokio::test]
async fn options_that_would_be_ignored_are_named() {
    let (_directory, server, client) = started().await;
    let geo = Condition::geo_radius("place", GeoRadius::default());
    let delete = DeletePointsBuilder::new("memories")
        .points(Filter::must([geo]))
        .wait(true);
    let ordered = ScrollPointsBuilder::new("memories").order_by(OrderByBuilder::new("n"));
    let tuned = CreateCollectionBuilder::new("tuned")
        .vectors_config(VectorParamsBuilder::new(4, Distance::Dot))
        .hnsw_config(HnswConfigDiffBuilder::default().m(8));
    let sparse = NamedVectors::default().add_vector("s", Vector::new_sparse(vec![1], vec![1.0]));
    let sparse = UpsertPointsBuilder::new("memories", vec![PointStruct::new(1, sparse, Payload::new())]);
    for (refused, name) in [
        (status(client.delete_points(delete).await), "geo_radius"),
        (status(client.scroll(ordered).await), "order_by"),
        (status(client.create_collection(tuned).await), "hnsw_config"),
        (status(client.upsert_points(sparse).await), "sparse"),
        (
            status(
                client
                    .query(QueryPointsBuilder::new("memories").query(PointId::from(7)))
                    .await,
            ),
            "query",
        ),
    ] {
        assert_eq!(refused.code(), Code::Unimplemented);
        assert!(refused.message().contains(name), "{}", refused.message());
    }
    server.stop().await;
}

#[tokio::test]
async fn a_batch_with_one_bad_point_changes_nothing() {
    let (_directory, server, client) = started().await;
    upsert(&client, "memories", 0..3).await;
    let short = PointStruct::new(50, vec![1.0], Payload::new());
    let unnamed = PointStruct::new(
        51,
        NamedVectors::default().add_vector("x", vec![1.0; 4]),
        Payload::new(),
    );
    let id = PointStruct::new("not a uuid", vec![1.0; 4], Payload::new());
    for bad in [short, unnamed, id] {
        let request = UpsertPointsBuilder::new("memories", vec![point(49), bad]).wait(true);
        assert_eq!(
            status(client.upsert_points(request).await).code(),
            Code::InvalidArgument
        );
    }
    let nothing = DeletePointsBuilder::new("memories").wait(true);
    assert_eq!(
        status(client.delete_points(nothing).await).code(),
        Code::InvalidArgument
    );
    let left = client.count(CountPointsBuilder::new("memories")).await.unwrap();
    assert_eq!(left.result.unwrap().count, 3);
    server.stop().await;
}

#[tokio::test]
async fn a_directory_is_served_once_and_only_with_a_key() {
    let (directory, server, _) = started().await;
    let again = |key: &'static str| {
        let directory = directory.path().to_owned();
        async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let options = EdgeOptions {
                directory,
                api_key: key.into(),
            };
            serve(listener, options, CancellationToken::new()).await
        }
    };
    assert!(matches!(again("key").await, Err(EdgeError::InUse { .. })));
    assert!(matches!(again("").await, Err(EdgeError::EmptyKey)));
    server.stop().await;
}
