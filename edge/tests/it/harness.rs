//! Servers to test: one in this process, and one in its own process, which can be killed.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use lethe_edge::{EdgeError, EdgeOptions, serve};
use qdrant_client::{
    Payload, Qdrant,
    qdrant::{CreateCollectionBuilder, Distance, PointStruct, UpsertPointsBuilder, VectorParamsBuilder},
};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub(crate) const KEY: &str = "a key for tests";

/// A server inside this process.
pub(crate) struct Server {
    pub(crate) port: u16,
    shutdown: CancellationToken,
    serving: JoinHandle<Result<(), EdgeError>>,
}

impl Server {
    pub(crate) async fn start(directory: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = EdgeOptions {
            directory: directory.to_owned(),
            api_key: KEY.into(),
        };
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, options, shutdown.clone()));
        Self {
            port,
            shutdown,
            serving,
        }
    }

    pub(crate) fn client(&self) -> Qdrant {
        client(self.port, KEY)
    }

    /// Stops the server, which flushes everything.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.serving.await.unwrap().unwrap();
    }
}

/// A server in its own process.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
}

impl Process {
    pub(crate) fn start(directory: &Path) -> Self {
        let mut child = Command::new(example())
            .arg(directory)
            .args(["0", KEY])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.trim().parse().unwrap();
        Self { child, port }
    }

    pub(crate) fn client(&self) -> Qdrant {
        client(self.port, KEY)
    }

    /// Kills the process as a power cut would: no handler runs.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

// A test that fails must not leave its server behind.
impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn example() -> PathBuf {
    // target/<profile>/deps/it-… → target/<profile>/examples/serve, which cargo builds with the tests.
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().with_file_name("examples").join("serve");
    assert!(
        example.exists(),
        "the example `serve` is not built: run the tests without `--test`"
    );
    example
}

pub(crate) fn client(port: u16, key: &str) -> Qdrant {
    Qdrant::from_url(&format!("http://127.0.0.1:{port}"))
        .api_key(key)
        .skip_compatibility_check()
        .timeout(Duration::from_mins(1))
        .build()
        .unwrap()
}

pub(crate) async fn create(client: &Qdrant, name: &str) {
    let vectors = VectorParamsBuilder::new(4, Distance::Dot);
    let request = CreateCollectionBuilder::new(name).vectors_config(vectors);
    client.create_collection(request).await.unwrap();
}

/// Returns a point with its number in the payload.
pub(crate) fn point(number: u64) -> PointStruct {
    let payload = json!({"n": number, "user": format!("user-{}", number % 3), "text": text(number)});
    #[expect(clippy::cast_precision_loss, reason = "numbers of tests are small")]
    let vector = vec![number as f32, 1.0, 0.0, 0.0];
    PointStruct::new(number, vector, Payload::try_from(payload).unwrap())
}

/// Returns a text that is in no other point.
pub(crate) fn text(number: u64) -> String {
    format!("memory<{number}>of a user")
}

pub(crate) async fn upsert(client: &Qdrant, name: &str, numbers: impl IntoIterator<Item = u64>) {
    let points: Vec<_> = numbers.into_iter().map(point).collect();
    let request = UpsertPointsBuilder::new(name, points).wait(true);
    client.upsert_points(request).await.unwrap();
}
