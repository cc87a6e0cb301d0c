//! A test's own collection: in the embedded server, or in a Qdrant server that the environment names.

use std::collections::{HashMap, HashSet};

use lethe_common::config::{Collection, VectorEndpoint};
use lethe_edge::{EdgeOptions, serve};
use lethe_worker::store::vector::{Point, PointId, VectorCollection, VectorStore};
use qdrant_client::qdrant::{
    CreateCollectionBuilder, CreateFieldIndexCollectionBuilder, Distance, FieldType, PointStruct, SearchPointsBuilder,
    SetPayloadPointsBuilder, UpsertPointsBuilder, VectorParamsBuilder, VectorsConfigBuilder, point_id::PointIdOptions,
};
use qdrant_client::{Payload, Qdrant};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{TIMEOUT, variable};

const KEY: &str = "a key for tests";

pub(crate) struct Vectors {
    pub(crate) client: Qdrant,
    pub(crate) endpoint: VectorEndpoint,
    pub(crate) name: String,
    _server: Option<(DropGuard, TempDir)>,
}

impl Vectors {
    pub(crate) async fn start() -> Self {
        let (url, key, server) = if let Some(url) = variable("LETHE_TEST_QDRANT_URL") {
            (url, variable("LETHE_TEST_QDRANT_API_KEY"), None)
        } else {
            let directory = tempfile::tempdir().unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let options = EdgeOptions {
                directory: directory.path().join("vectors"),
                api_key: KEY.into(),
            };
            let shutdown = CancellationToken::new();
            tokio::spawn(serve(listener, options, shutdown.clone()));
            (url, Some(KEY.to_owned()), Some((shutdown.drop_guard(), directory)))
        };
        let client = Qdrant::from_url(&url)
            .api_key(key.clone())
            .timeout(TIMEOUT)
            .skip_compatibility_check()
            .build()
            .unwrap();
        let name = format!("lethe_{}", uuid::Uuid::now_v7().simple());
        let vectors = VectorParamsBuilder::new(2, Distance::Dot);
        client
            .create_collection(CreateCollectionBuilder::new(&name).vectors_config(vectors))
            .await
            .unwrap();
        let endpoint = VectorEndpoint {
            url,
            api_key: key.map(Into::into),
            api_key_env: None,
            tls: None,
        };
        Self {
            client,
            endpoint,
            name,
            _server: server,
        }
    }

    /// Creates the collection anew, with two vectors per point.
    pub(crate) async fn with_two_vectors(self) -> Self {
        self.client.delete_collection(&self.name).await.unwrap();
        let mut vectors = VectorsConfigBuilder::default();
        vectors.add_named_vector_params("text", VectorParamsBuilder::new(2, Distance::Dot));
        vectors.add_named_vector_params("image", VectorParamsBuilder::new(3, Distance::Dot));
        let request = CreateCollectionBuilder::new(&self.name).vectors_config(vectors);
        self.client.create_collection(request).await.unwrap();
        self
    }

    /// Adds points with some of these vectors.
    pub(crate) async fn add_named(&self, points: impl IntoIterator<Item = (PointId, Value, Vec<(&str, Vec<f32>)>)>) {
        let named = |(id, payload, vectors): (PointId, Value, Vec<(&str, Vec<f32>)>)| {
            let vectors: HashMap<String, Vec<f32>> = vectors
                .into_iter()
                .map(|(name, vector)| (name.to_owned(), vector))
                .collect();
            PointStruct::new(id, vectors, Payload::try_from(payload).unwrap())
        };
        let points: Vec<PointStruct> = points.into_iter().map(named).collect();
        let request = UpsertPointsBuilder::new(&self.name, points).wait(true);
        self.client.upsert_points(request).await.unwrap();
    }

    /// Returns the points that a search by one of their vectors finds.
    pub(crate) async fn nearest(&self, name: &str, vector: Vec<f32>) -> Vec<PointId> {
        let request = SearchPointsBuilder::new(&self.name, vector, 100).vector_name(name);
        let found = self.client.search_points(request).await.unwrap().result;
        let number = |id: qdrant_client::qdrant::PointId| match id.point_id_options {
            Some(PointIdOptions::Num(number)) => num(number),
            other => panic!("not a number: {other:?}"),
        };
        found.into_iter().map(|point| number(point.id.unwrap())).collect()
    }

    pub(crate) fn store(&self) -> VectorStore {
        VectorStore::connect_lazy(&self.endpoint, self.endpoint.key(), TIMEOUT).unwrap()
    }

    /// Opens the collection with a rule for points and a mapping of payload fields.
    pub(crate) async fn open(&self, point: &str, payload: Value) -> VectorCollection {
        VectorCollection::open(&self.store(), &self.mapping(point, &payload))
            .await
            .unwrap()
    }

    /// Opens the collection with a scope.
    pub(crate) async fn open_in(&self, point: &str, payload: Value, scope: &Value) -> VectorCollection {
        let mut mapping = self.mapping(point, &payload);
        mapping.scope = serde_json::from_value(scope.clone()).unwrap();
        VectorCollection::open(&self.store(), &mapping).await.unwrap()
    }

    pub(crate) fn mapping(&self, point: &str, payload: &Value) -> Collection {
        serde_json::from_value(json!({"name": self.name, "point": point, "payload": payload})).unwrap()
    }

    pub(crate) async fn add(&self, points: impl IntoIterator<Item = (PointId, Value)>) {
        let points: Vec<PointStruct> = points
            .into_iter()
            .map(|(id, payload)| PointStruct::new(id, vec![0.5, 0.5], Payload::try_from(payload).unwrap()))
            .collect();
        self.client
            .upsert_points(UpsertPointsBuilder::new(&self.name, points).wait(true))
            .await
            .unwrap();
    }

    /// Makes a payload index.
    pub(crate) async fn index(&self, key: &str, kind: FieldType) {
        let request = CreateFieldIndexCollectionBuilder::new(&self.name, key, kind).wait(true);
        self.client.create_field_index(request).await.unwrap();
    }

    pub(crate) async fn change(&self, id: PointId, payload: Value) {
        let request = SetPayloadPointsBuilder::new(&self.name, Payload::try_from(payload).unwrap())
            .points_selector(vec![qdrant_client::qdrant::PointId::from(id)])
            .wait(true);
        self.client.set_payload(request).await.unwrap();
    }
}

pub(crate) fn num(id: u64) -> PointId {
    PointId::Num(id)
}

pub(crate) fn uuid(id: &str) -> PointId {
    PointId::Uuid(id.parse().unwrap())
}

pub(crate) fn ids(found: &[Point]) -> HashSet<PointId> {
    found.iter().map(|point| point.id).collect()
}
