//! Requests that the HTTP library refuses before Lethe sees them get an empty answer, as the pages say. All others get
//! an answer in their system's form.

use lethe_tests::config::KEY;
use lethe_tests::layout::Layout;
use lethe_tests::service::Site;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends bytes unchanged. Returns the status, the head and the body of the answer.
async fn send(address: &str, request: &[u8]) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let mut answer = Vec::new();
    let (_, read) = tokio::join!(writing.write_all(request), reading.read_to_end(&mut answer));
    // The connection may end in a reset after the answer, since the server did not read the whole request.
    drop(read);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

fn request(path: &str, more: &str) -> Vec<u8> {
    let key = format!("authorization: Bearer {KEY}");
    format!("DELETE {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{key}\r\n{more}\r\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_parsed_is_an_empty_answer_and_everything_else_has_a_shape() {
    let site = Site::new(Layout::SQLITE).await;
    let service = site.up().await;
    let address = service.client.url().strip_prefix("http://").unwrap().to_owned();
    for (request, status) in [
        (request(&format!("/memories/{}", "x".repeat(70_000)), ""), 414),
        (request("/memories/a", &format!("x: {}\r\n", "x".repeat(600_000))), 431),
        (request("/memories/a", &"x: y\r\n".repeat(200)), 431),
        (b"DELETE /memories/a HTTP/9.9\r\n\r\n".to_vec(), 400),
        (b"DELETE /memories/a b HTTP/1.1\r\n\r\n".to_vec(), 400),
        (
            request("/memories/a", "content-length: 1\r\ncontent-length: 2\r\n"),
            400,
        ),
    ] {
        let (met, head, body) = send(&address, &request).await;
        assert_eq!((met, body.as_str()), (status, ""), "{head}");
        assert!(
            !head.contains("content-type") && head.contains("connection: close"),
            "{head}"
        );
    }
    let id = |length: usize| format!("/memories/{}", "x".repeat(length - "/memories/".len()));
    for (request, status) in [
        (request(&id(65_534), ""), 422),
        (request(&id(60_000), ""), 422),
        (request("/memories/a%00", ""), 422),
        (request("/memories/%ff", ""), 422),
        (request("/memories/a?user_id=%ff", ""), 422),
        (request("/memories/a", "content-length: 5\r\n\r\n[{}]]"), 422),
        (
            request(
                "/memories",
                "content-type: application/json\r\ncontent-length: 99999999999\r\n",
            ),
            413,
        ),
        (
            request(
                "/memories",
                "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz",
            ),
            400,
        ),
        (request("/api/v2", ""), 400),
        (
            b"BREW /memories/a HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n".to_vec(),
            401,
        ),
        (
            b"DELETE http://other/memories/a HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n".to_vec(),
            401,
        ),
        (b"DELETE /memories/a HTTP/1.0\r\n\r\n".to_vec(), 401),
    ] {
        let (met, head, body) = send(&address, &request).await;
        let start = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
        assert_eq!(met, status, "{start}: {body}");
        assert!(head.contains("content-type: application/json"), "{start}: {head}");
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{start}: {body}"));
        assert!(
            body["detail"].is_string() || body["error"].is_string(),
            "{start}: {body}"
        );
    }
}
