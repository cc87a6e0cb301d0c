//! Callers that send nothing, never finish or never read: their share of connections is limited, and they are closed.

use std::net::SocketAddr;
use std::process::Command;

use lethe_tests::client::Client;
use lethe_tests::config::Config;
use lethe_tests::layout::Layout;
use lethe_tests::service::{Service, Site, lethe, up_by};
use lethe_tests::wait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const ALIVE: &[u8] = b"GET /livez HTTP/1.1\r\nhost: lethe\r\n\r\n";

/// Starts an API with changed limits.
async fn hasty(change: impl FnOnce(Config) -> Config) -> (Site, Service) {
    let mut site = Site::new(Layout::SQLITE).await;
    site.configure(change);
    let service = site.up().await;
    (site, service)
}

fn address(client: &Client) -> SocketAddr {
    let url: reqwest::Url = client.url().parse().unwrap();
    *url.socket_addrs(|| None).unwrap().first().unwrap()
}

/// Connects from a local address.
async fn from(local: [u8; 4], client: &Client) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((local, 0))).unwrap();
    socket.connect(address(client)).await.unwrap()
}

async fn connect(client: &Client) -> TcpStream {
    from([127, 0, 0, 1], client).await
}

/// Returns all input until the server closes the connection.
async fn rest(what: &str, stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A close with unread input resets the connection, which counts as closed too.
    drop(wait::ends(what, stream.read_to_end(&mut bytes)).await);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let (_site, service) = hasty(|config| config.set("api.header_timeout", "300ms")).await;
    let mut slow = connect(&service.client).await;
    slow.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    // Further header lines arrive slowly, without an end.
    let (mut read, mut write) = slow.split();
    let dripping = async {
        while write.write_all(b"a: b\r\n").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let mut answer = Vec::new();
    let closed = wait::ends("it is closed", async {
        tokio::select! {
            () = dripping => {}
            _ = read.read_to_end(&mut answer) => {}
        }
    });
    closed.await;
    assert_eq!(String::from_utf8_lossy(&answer), "");
    // The time limit of a request head does not close an idle connection.
    let mut idle = connect(&service.client).await;
    for _ in 0..2 {
        idle.write_all(ALIVE).await.unwrap();
        let mut answer = [0; 15];
        idle.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        rest_of_answer(&mut idle).await;
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    }
}

/// Reads the rest of an answer.
async fn rest_of_answer(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.split_once('\r'));
    let length: usize = length.unwrap().0.parse().unwrap();
    stream.read_exact(&mut vec![0; length]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_closed() {
    let (_site, service) = hasty(|config| config.set("api.idle_timeout", "300ms")).await;
    let mut silent = connect(&service.client).await;
    assert_eq!(rest("the silent one is closed", &mut silent).await, "");
    let mut idle = connect(&service.client).await;
    idle.write_all(ALIVE).await.unwrap();
    let answer = rest("the idle one is closed", &mut idle).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_answers_is_closed() {
    let (_site, service) = hasty(|config| config.set("api.idle_timeout", "500ms")).await;
    let mut deaf = connect(&service.client).await;
    // The answers exceed the buffers between server and client.
    let closed = async {
        while deaf
            .write_all(b"GET /openapi.json HTTP/1.1\r\nhost: lethe\r\n\r\n")
            .await
            .is_ok()
        {
            tokio::task::yield_now().await;
        }
    };
    wait::ends("the deaf one is closed", closed).await;
}

/// Sends a request on a new connection from `local`. Returns the connection if it is kept, else the answer.
async fn take(local: [u8; 4], client: &Client) -> Result<TcpStream, String> {
    let mut stream = from(local, client).await;
    stream.write_all(ALIVE).await.unwrap();
    let mut status = [0; 15];
    wait::ends("an answer", stream.read_exact(&mut status)).await.unwrap();
    if &status == b"HTTP/1.1 200 OK" {
        rest_of_answer(&mut stream).await;
        return Ok(stream);
    }
    let rest = rest("the rest of an answer", &mut stream).await;
    Err(String::from_utf8_lossy(&status).into_owned() + &rest)
}

/// Opens connections from `local` until one is refused. Returns them, and the refusal.
async fn take_all(local: [u8; 4], client: &Client) -> (Vec<TcpStream>, String) {
    let mut held = Vec::new();
    loop {
        match take(local, client).await {
            Ok(stream) => held.push(stream),
            Err(told) => return (held, told),
        }
    }
}

const GREEDY: [u8; 4] = [127, 0, 0, 2];
const MODEST: [u8; 4] = [127, 0, 0, 3];

#[tokio::test(flavor = "multi_thread")]
async fn an_address_gets_no_more_connections_than_are_left_for_others() {
    let (_site, service) = hasty(|config| config.set("api.max_connections", 16)).await;
    let client = &service.client;
    let (mut held, told) = take_all(GREEDY, client).await;
    assert!((4..=8).contains(&held.len()), "{}", held.len());
    let told = told.to_lowercase();
    for part in [
        "http/1.1 503 ",
        "\r\nretry-after: 1\r\n",
        "\r\ncontent-type: application/problem+json\r\n",
        "/problems#too-many-connections",
        "trusted_proxies",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    take(MODEST, client).await.expect("there is one for another address");
    let refused = client.metrics().await["lethe_http_connections_refused_total{reason=\"address\"}"];
    assert!(refused > 0.5, "{refused}");

    held.pop();
    wait::until("it may have another one for the one that it closed", || {
        take_one(GREEDY, client)
    })
    .await;
}

async fn take_one(local: [u8; 4], client: &Client) -> Option<TcpStream> {
    take(local, client).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_one_address_may_have_all_there_are() {
    let change = |config: Config| config.set("api.max_connections", 16).set("api.trusted_proxies", 1);
    let (_site, service) = hasty(change).await;
    let (held, told) = take_all(GREEDY, &service.client).await;
    assert!(held.len() > 8, "{}", held.len());
    assert!(
        told.starts_with("HTTP/1.1 503 ") && told.contains("all connections are taken"),
        "{told}"
    );
    drop(held);
    wait::until("there are some again", || take_one(MODEST, &service.client)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_may_open_few_files_serves_fewer_connections() {
    let directory = tempfile::tempdir().unwrap();
    let lethe = lethe();
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 600 && exec \"$@\"", "sh"])
        .arg(lethe.get_program());
    for (name, _) in lethe.get_envs() {
        command.env_remove(name);
    }
    let service = up_by(command, &directory.path().join("data"), None, directory.path()).await;
    let (held, _) = take_all(GREEDY, &service.client).await;
    assert!((150..=172).contains(&held.len()), "{}", held.len());
    take(MODEST, &service.client)
        .await
        .expect("there are some for another address");
    let log = service.process.log();
    assert!(log.contains("too few files"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workers_port_is_as_bounded() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let worker = site.worker().await;
    let worker = &worker.client;
    let (held, told) = take_all(GREEDY, worker).await;
    assert!((16..=32).contains(&held.len()), "{}", held.len());
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    take(MODEST, worker).await.expect("there are some for another address");
    // The type of the problem leads there.
    assert_eq!(worker.get("/problems").await.status, 200);
}
