//! Bytes that break the rules of HTTP or JSON: nothing is accepted that was not sent whole, and nothing beyond it is done.

use lethe_tests::config::KEY;
use lethe_tests::layout::Layout;
use lethe_tests::service::{Service, Site};
use lethe_tests::wait;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The head of a request, without its last line.
fn head(line: &str) -> String {
    format!("{line}\r\nhost: h\r\nauthorization: Bearer {KEY}\r\n")
}

/// A submission with a body whose length is said to be `said`.
fn submission(body: &str, said: usize) -> Vec<u8> {
    let head = head("POST /v1/jobs HTTP/1.1");
    format!("{head}content-type: application/json\r\ncontent-length: {said}\r\n\r\n{body}").into_bytes()
}

fn job() -> String {
    json!({"select": {"ids": ["a"]}}).to_string()
}

async fn site(change: &[(&str, &str)]) -> (Site, Service, String) {
    let mut site = Site::new(Layout::SQLITE).await;
    site.configure(|config| {
        let set = |config: lethe_tests::config::Config, (key, value): &(&str, &str)| config.set(key, *value);
        change.iter().fold(config, set)
    });
    let service = site.up().await;
    let address = service.client.url().strip_prefix("http://").unwrap().to_owned();
    (site, service, address)
}

/// Returns the statuses of the answers in a text.
fn statuses(text: &str) -> Vec<u16> {
    let lines = text.split("HTTP/1.1 ").skip(1);
    lines
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect()
}

/// Sends bytes, and reads until the server closes the connection. `leaves`: nothing follows the bytes, and the server
/// sees that. Returns the statuses of the answers.
async fn send(address: &str, bytes: &[u8], leaves: bool) -> Vec<u16> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let mut answer = Vec::new();
    let sending = async {
        // The server may close the connection before it has read everything.
        drop(writing.write_all(bytes).await);
        if leaves {
            drop(writing.shutdown().await);
        }
    };
    let both = async { tokio::join!(sending, reading.read_to_end(&mut answer)) };
    drop(wait::ends("the server closes the connection", both).await);
    statuses(&String::from_utf8_lossy(&answer))
}

/// Sends parts of a body without end, until the server closes the connection. Returns the statuses of the answers.
async fn pour(address: &str, head: &str, part: &[u8]) -> Vec<u16> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    writing.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let pouring = async { while writing.write_all(part).await.is_ok() {} };
    let both = async { tokio::join!(pouring, reading.read_to_end(&mut answer)) };
    drop(wait::ends("the server closes the connection", both).await);
    statuses(&String::from_utf8_lossy(&answer))
}

/// Asserts that so many jobs were accepted, and nothing was paused.
async fn did(service: &Service, jobs: usize) {
    let accepted = service.client.get("/v1/jobs").await.body;
    assert_eq!(accepted["jobs"].as_array().map(Vec::len), Some(jobs), "{accepted:#}");
    let paused = service.client.get("/v1/audit?act=pause").await.body;
    assert_eq!(paused["events"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_shorter_than_said_is_not_accepted() {
    let (_site, service, address) = site(&[("api.request_timeout", "2s"), ("api.idle_timeout", "10s")]).await;
    let whole = job();
    let lines = head("POST /v1/jobs HTTP/1.1") + "content-type: application/x-ndjson\r\n";
    let chunked = "transfer-encoding: chunked\r\n\r\n4\r\n\"a\"\n\r\n";
    for bytes in [
        submission(&whole, whole.len() + 1),
        submission("", whole.len()),
        format!("{lines}content-length: 100\r\n\r\n\"a\"\n").into_bytes(),
        // The last chunk is missing.
        format!("{lines}{chunked}").into_bytes(),
        format!("{lines}{chunked}ffff\r\nx").into_bytes(),
    ] {
        // The client leaves, or says nothing more.
        let left = send(&address, &bytes, true).await;
        assert!(left.is_empty() || left == [400], "{left:?}");
        assert_eq!(send(&address, &bytes, false).await, [408]);
    }
    did(&service, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_body_is_a_request_of_its_own() {
    let (_site, service, address) = site(&[]).await;
    let whole = job();
    let nobodys = "POST /v1/pause HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    let rights = head("POST /v1/pause HTTP/1.1");
    for (more, expected) in [
        ("garbage\r\n\r\n", [202, 400]),
        ("\0\0\0\0\r\n\r\n", [202, 400]),
        // The credentials of the first request count for it alone.
        (nobodys, [202, 401]),
    ] {
        let bytes = submission(&(whole.clone() + more), whole.len());
        assert_eq!(send(&address, &bytes, false).await, expected, "{more}");
    }
    // What follows garbage is not read.
    for garbage in [
        "garbage\r\n\r\n",
        "GET\r\n\r\n",
        "\u{1}\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
    ] {
        let bytes = format!("{garbage}{rights}connection: close\r\n\r\n").into_bytes();
        assert_eq!(send(&address, &bytes, false).await, [400], "{garbage}");
    }
    let alive = "GET /livez HTTP/1.1\r\nhost: h\r\n\r\n";
    let pipelined = format!("{alive}{alive}garbage\r\n\r\n{alive}");
    assert_eq!(send(&address, pipelined.as_bytes(), false).await, [200, 200, 400]);
    did(&service, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_with_two_lengths_hides_no_request() {
    let (_site, service, address) = site(&[]).await;
    let hidden = head("POST /v1/pause HTTP/1.1") + "connection: close\r\n\r\n";
    let json = "content-type: application/json\r\n";
    let outer = head("POST /v1/jobs HTTP/1.1");
    for lengths in [
        "content-length: LENGTH\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: LENGTH\r\n",
        "content-length: LENGTH\r\ncontent-length: 0\r\n",
        "content-length: +LENGTH\r\n",
        "content-length: LENGTH, 0\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding : chunked\r\n",
    ] {
        let lengths = lengths.replace("LENGTH", &(hidden.len() + 5).to_string());
        let bytes = format!("{outer}{json}connection: close\r\n{lengths}\r\n0\r\n\r\n{hidden}");
        let answers = send(&address, bytes.as_bytes(), true).await;
        // A proxy that took the other length would forward one request.
        assert!(answers.len() <= 1, "{lengths}: {answers:?}");
        assert!(answers.iter().all(|status| *status >= 400), "{lengths}: {answers:?}");
    }
    did(&service, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_is_refused_at_its_limit() {
    let limits = [
        ("api.max_body", "64KiB"),
        ("api.max_upload", "64KiB"),
        ("api.request_timeout", "2s"),
    ];
    let (_site, service, address) = site(&limits).await;
    let spaces = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let ids = format!("1000\r\n{}\r\n", "\"a\"\n".repeat(0x400));
    for (kind, part) in [("json", spaces), ("x-ndjson", ids)] {
        let head = head("POST /v1/jobs HTTP/1.1");
        let head = format!("{head}content-type: application/{kind}\r\ntransfer-encoding: chunked\r\n\r\n");
        // The answer may be lost when the connection is reset, since the client never stops sending.
        let answers = pour(&address, &head, part.as_bytes()).await;
        assert!(answers.is_empty() || answers == [413], "{kind}: {answers:?}");
    }
    // The length of a chunk and its extensions may be endless too.
    let head = head("POST /v1/jobs HTTP/1.1") + "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    for part in ["0", "1;x=", "f"] {
        let answers = pour(&address, &head, part.repeat(0x1000).as_bytes()).await;
        assert!(answers.iter().all(|status| *status >= 400), "{part}: {answers:?}");
    }
    did(&service, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_parameters_or_headers_are_refused() {
    let (_site, service, address) = site(&[]).await;
    let get = |query: &str, more: &str| {
        let head = head(&format!("GET /v1/jobs?{query} HTTP/1.1"));
        format!("{head}{more}connection: close\r\n\r\n").into_bytes()
    };
    for (bytes, expected) in [
        (get(&"a&".repeat(100_000), ""), 431),
        // As many as fit into a path.
        (get(&"a&".repeat(30_000), ""), 422),
        (get(&"limit=1&".repeat(8_000), ""), 422),
        (get("", &"a: b\r\n".repeat(100_000)), 431),
        (get("", &format!("cookie: {}\r\n", "a=b; ".repeat(100_000))), 431),
    ] {
        let start = String::from_utf8_lossy(&bytes[..40]).into_owned();
        assert_eq!(send(&address, &bytes, false).await, [expected], "{start}");
    }
    let fields: Vec<String> = (0..100_000).map(|n| format!("\"f{n}\": 0")).collect();
    let fields = format!("{{{}}}", fields.join(","));
    let refused = post(&service, fields).await;
    assert_eq!(refused["status"], 422, "{refused:#}");
    did(&service, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_version_of_http_is_answered_once() {
    let (_site, service, address) = site(&[]).await;
    let old = head("GET /v1/jobs HTTP/1.0") + "\r\n";
    // HTTP/1.0 has no pipelines: the connection is closed after the first answer.
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(old.repeat(2).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The second request is not read, so the connection may end in a reset.
    drop(wait::ends("it is closed", stream.read_to_end(&mut answer)).await);
    let answer = String::from_utf8(answer).unwrap();
    assert_eq!(answer.matches("HTTP/1.").count(), 1, "{answer}");
    assert!(answer.contains(" 200 OK\r\n"), "{answer}");
    for older in [
        "GET /v1/jobs\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /livez HTTP/3\r\n\r\n",
    ] {
        let answers = send(&address, older.as_bytes(), true).await;
        assert!(answers.is_empty() || answers == [400], "{older}: {answers:?}");
    }
    did(&service, 0).await;
}

/// Posts a body of JSON, and returns the problem.
async fn post(service: &Service, body: String) -> Value {
    let request = service.client.request(reqwest::Method::POST, "/v1/jobs");
    let request = request.header("content-type", "application/json").body(body);
    service.client.send(request).await.body
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_deep_doubled_or_no_json_is_refused() {
    let (_site, service, _) = site(&[]).await;
    let nested = |open: &str, close: &str| open.repeat(1_000) + "1" + &close.repeat(1_000);
    let with = |name: &str, value: &str| format!(r#"{{"select": {{"ids": ["a"]}}, "{name}": {value}}}"#);
    for (body, expected) in [
        (nested("[", "]"), 422),
        (nested("{\"select\":", "}"), 422),
        (with("limit", &nested("{\"a\":", "}")), 422),
        (
            format!(r#"{{"select": {{"query": {}}}}}"#, nested(r#"{"not": "#, "}")),
            400,
        ),
        (with("per_second", "NaN"), 400),
        (with("per_second", "Infinity"), 400),
        (with("per_second", "-Infinity"), 400),
        (with("per_second", "1e999"), 400),
        // The number ends before the `x`, and is refused as the limit 0.
        (with("limit", "0x10"), 422),
        (with("limit", "1x10"), 400),
        (with("limit", "01"), 400),
        (with("select", r#"{"ids": ["b"]}"#), 422),
        (with("dry_run", r#"true, "dry_run": false"#), 422),
        (with("owner", r#""ana", "owner": "ben""#), 422),
        (with("owner", "\"a\0b\""), 400),
        (with("owner", r#""a\u0000b""#), 422),
        (with("owner", r#""\ud800""#), 400),
    ] {
        let start: String = body.chars().take(60).collect();
        let problem = post(&service, body).await;
        assert_eq!(problem["status"], expected, "{start}: {problem:#}");
    }
    did(&service, 0).await;
}
