//! The vector half of a test's memories, read and written over the test's own connection. The store is the embedded
//! engine in its own process, or a Qdrant server that the environment names.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use qdrant_client::qdrant::{
    CountPointsBuilder, CreateCollectionBuilder, CreateFieldIndexCollectionBuilder, Distance, FieldType, PointId,
    PointStruct, ScrollPointsBuilder, UpsertPointsBuilder, VectorParamsBuilder, point_id::PointIdOptions,
};
use qdrant_client::{Payload, Qdrant};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::memories::Memory;
use crate::process::Process;
use crate::{variable, wait};

const KEY: &str = "a key for tests";

/// A test's own collection.
pub struct Vectors {
    /// The server's URL.
    pub url: String,
    /// Its key.
    pub key: String,
    /// The collection.
    pub collection: String,
    dimensions: u64,
    edge: Option<Edge>,
}

/// The embedded engine, served by its own process.
struct Edge {
    directory: TempDir,
    process: Process,
}

impl Vectors {
    /// Starts a server, unless the environment names one, and makes a collection.
    pub async fn start() -> Self {
        let Some(url) = variable("LETHE_TEST_QDRANT_URL") else {
            return Self::own().await;
        };
        let key = variable("LETHE_TEST_QDRANT_API_KEY").unwrap_or_default();
        Self::on(url, key, None).await
    }

    /// Starts a server of the test's own, and makes a collection.
    pub async fn own() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (process, url) = serve(&directory).await;
        Self::on(url, KEY.to_owned(), Some(Edge { directory, process })).await
    }

    async fn on(url: String, key: String, edge: Option<Edge>) -> Self {
        let vectors = Self {
            url,
            key,
            collection: format!("lethe_{}", uuid::Uuid::now_v7().simple()),
            dimensions: 4,
            edge,
        };
        vectors.create().await;
        vectors
    }

    /// Makes another collection in the same store.
    pub async fn beside(&self, name: &str) -> Self {
        let name = format!("{}-{name}", self.collection);
        let other = Self::existing(&self.url, &self.key, &name, self.dimensions);
        other.create().await;
        other
    }

    async fn create(&self) {
        let parameters = VectorParamsBuilder::new(self.dimensions, Distance::Dot);
        let request = CreateCollectionBuilder::new(&self.collection).vectors_config(parameters);
        self.client().create_collection(request).await.unwrap();
    }

    /// Uses an existing collection.
    pub fn existing(url: &str, key: &str, collection: &str, dimensions: u64) -> Self {
        Self {
            url: url.to_owned(),
            key: key.to_owned(),
            collection: collection.to_owned(),
            dimensions,
            edge: None,
        }
    }

    /// Returns a client that goes to the server directly.
    pub fn client(&self) -> Qdrant {
        Qdrant::from_url(&self.url)
            .api_key(self.key.as_str())
            .skip_compatibility_check()
            .timeout(Duration::from_mins(1))
            .build()
            .unwrap()
    }

    /// Kills the test's own server.
    pub fn kill(&mut self) {
        self.edge.as_mut().expect("the server is the test's own").process.kill();
    }

    /// Restarts the test's own server on the same data. Its URL changes.
    pub async fn restart(&mut self) {
        let edge = self.edge.as_mut().expect("the server is the test's own");
        edge.process.kill();
        (edge.process, self.url) = serve(&edge.directory).await;
    }

    /// Writes a vector for each memory.
    pub async fn add(&self, memories: &[Memory]) {
        let client = self.client();
        let vector = vec![0.5_f32; usize::try_from(self.dimensions).unwrap()];
        for some in memories.chunks(1_000) {
            let points: Vec<PointStruct> = some
                .iter()
                .map(|memory| {
                    let payload = json!({"memory_id": memory.id, "user_id": memory.user});
                    PointStruct::new(memory.id.as_str(), vector.clone(), Payload::try_from(payload).unwrap())
                })
                .collect();
            client
                .upsert_points(UpsertPointsBuilder::new(&self.collection, points).wait(true))
                .await
                .unwrap();
        }
    }

    /// Writes points, each with its own payload.
    pub async fn put(&self, points: impl IntoIterator<Item = (PointId, Value)>) {
        let vector = vec![0.5_f32; usize::try_from(self.dimensions).unwrap()];
        let point =
            |(id, payload): (PointId, Value)| PointStruct::new(id, vector.clone(), Payload::try_from(payload).unwrap());
        let points: Vec<PointStruct> = points.into_iter().map(point).collect();
        for some in points.chunks(2_000) {
            let request = UpsertPointsBuilder::new(&self.collection, some.to_vec()).wait(true);
            self.client().upsert_points(request).await.unwrap();
        }
    }

    /// Returns the ids of all points, as texts, sorted.
    pub async fn ids(&self) -> Vec<String> {
        let client = self.client();
        let mut ids = Vec::new();
        let mut offset = None;
        loop {
            let mut request = ScrollPointsBuilder::new(&self.collection).limit(5_000);
            if let Some(offset) = offset {
                request = request.offset(offset);
            }
            let page = client.scroll(request).await.unwrap();
            ids.extend(
                page.result
                    .into_iter()
                    .map(|point| match point.id.unwrap().point_id_options {
                        Some(PointIdOptions::Num(number)) => number.to_string(),
                        Some(PointIdOptions::Uuid(id)) => id,
                        None => panic!("a point without an id"),
                    }),
            );
            offset = page.next_page_offset;
            if offset.is_none() {
                ids.sort();
                return ids;
            }
        }
    }

    /// Makes an index of a payload field.
    pub async fn index(&self, field: &str, kind: FieldType) {
        let request = CreateFieldIndexCollectionBuilder::new(&self.collection, field, kind).wait(true);
        self.client().create_field_index(request).await.unwrap();
    }

    /// Returns all points, as memories, sorted.
    pub async fn left(&self) -> Vec<Memory> {
        let client = self.client();
        let mut left = Vec::new();
        let mut offset = None;
        loop {
            let mut request = ScrollPointsBuilder::new(&self.collection)
                .limit(2_000)
                .with_payload(true);
            if let Some(offset) = offset {
                request = request.offset(offset);
            }
            let page = client.scroll(request).await.unwrap();
            for point in page.result {
                let id = match point.id.and_then(|id| id.point_id_options) {
                    Some(PointIdOptions::Uuid(id)) => id,
                    other => panic!("not a UUID: {other:?}"),
                };
                let user = point.payload.get("user_id").and_then(|user| user.as_str()).unwrap();
                left.push(Memory { id, user: user.clone() });
            }
            offset = page.next_page_offset;
            if offset.is_none() {
                break;
            }
        }
        left.sort();
        left
    }

    /// Returns the number of points.
    pub async fn count(&self) -> u64 {
        let request = CountPointsBuilder::new(&self.collection).exact(true);
        self.client().count(request).await.unwrap().result.unwrap().count
    }
}

async fn serve(directory: &TempDir) -> (Process, String) {
    let mut command = Command::new(example());
    command.arg(directory.path().join("vectors")).args(["0", KEY]);
    let mut process = Process::start("vectors", &mut command, directory.path());
    let port: u16 = process
        .says("it listens", |process| {
            process.output().lines().next()?.trim().parse().ok()
        })
        .await;
    let url = format!("http://127.0.0.1:{port}");
    wait::until_true("the vector store answers", || {
        let client = Qdrant::from_url(&url)
            .api_key(KEY)
            .skip_compatibility_check()
            .build()
            .unwrap();
        async move { client.health_check().await.is_ok() }
    })
    .await;
    (process, url)
}

fn example() -> PathBuf {
    crate::service::built_beside_the_tests("examples/serve")
}
