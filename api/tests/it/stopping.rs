//! Stopping: waiting requests are answered, event streams end, and no connection waits for the drain.

use std::time::Duration;

use lethe_api::serve;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::app::{App, MAIN};

/// Longer than any correct run takes, and far from the drain below.
const PATIENCE: Duration = Duration::from_mins(1);

/// Reads until the server has sent `what`.
async fn until(connection: &mut TcpStream, what: &str) -> String {
    let mut text = Vec::new();
    loop {
        let said = String::from_utf8_lossy(&text).into_owned();
        if said.contains(what) {
            return said;
        }
        let read = timeout(PATIENCE, connection.read_buf(&mut text))
            .await
            .expect("an answer");
        assert_ne!(read.expect("the connection holds"), 0, "it ended after {said}");
    }
}

#[tokio::test]
async fn streams_and_waits_end_when_the_process_is_to_end() {
    let app = App::with(&format!("worker.drain = \"1h\"\n{MAIN}")).await;
    let id = app.accepted("eraser").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let served = tokio::spawn(serve(listener, app.state.clone(), stop.clone()));

    let key = "host: x\r\nauthorization: Bearer key-of-eraser\r\n";
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET /v1/jobs/{id}/events HTTP/1.1\r\n{key}\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    until(&mut stream, "event: job").await;

    let mut waiting = TcpStream::connect(address).await.expect("it listens");
    let body = json!({"select": {"ids": ["a"]}}).to_string();
    let headers = format!(
        "{key}prefer: wait=60\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    let mut rings = app.doorbell.subscribe();
    let request = format!("POST /v1/jobs HTTP/1.1\r\n{headers}\r\n{body}");
    waiting.write_all(request.as_bytes()).await.expect("it reads");
    // The job is accepted, and its request waits.
    rings.recv().await;

    // A connection without a request is not waited for.
    let _silent = TcpStream::connect(address).await.expect("it listens");
    stop.cancel();
    assert!(until(&mut waiting, "\r\n\r\n").await.starts_with("HTTP/1.1 202"));
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest))
        .await
        .expect("the stream ends")
        .expect("it ends well");
    let ended = timeout(PATIENCE, served).await.expect("serving ends");
    ended.expect("it does not panic");
}
