//! Tests against a real Redis, which is stopped, frozen and replaced.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

use super::*;

/// Short enough for a test that waits for the detection of an outage. No test depends on the numbers.
const TIMING: Timing = Timing {
    answer: Duration::from_millis(500),
    ping: Duration::from_millis(50),
    base: Duration::from_millis(10),
    cap: Duration::from_millis(50),
};

/// A Redis server of one test.
struct Redis {
    process: Child,
    port: u16,
    _home: tempfile::TempDir,
}

impl Redis {
    fn free_port() -> u16 {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
    }

    fn start(port: u16) -> Self {
        let home = tempfile::tempdir().unwrap();
        let process = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
            ])
            .arg(home.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server must be installed");
        Self {
            process,
            port,
            _home: home,
        }
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill")
            .args([signal, &self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(done.success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn doorbell(port: u16) -> Doorbell {
    let url = SecretString::from(format!("redis://127.0.0.1:{port}"));
    Doorbell::with_timing(&url, "test", TIMING).unwrap()
}

/// Waits until both directions work, or until one does not.
async fn until_up(doorbell: &Doorbell, up: bool) {
    let mut state = doorbell.0.wire.as_ref().unwrap().links.watch();
    state.wait_for(|state| state.is_up() == up).await.unwrap();
}

/// Waits for a ring, and skips others.
async fn hears(listener: &mut Listener, ring: Ring) {
    while listener.recv().await != ring {}
}

async fn publish(port: u16, channel: &str, payload: &[u8]) {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("PUBLISH")
        .arg(channel)
        .arg(payload)
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_ring_is_heard_by_everybody_in_the_process() {
    let doorbell = Doorbell::local();
    let (mut one, mut other) = (doorbell.subscribe(), doorbell.subscribe());
    let job = JobId::new();
    doorbell.ring(Ring::Work);
    doorbell.ring(Ring::Changed(job));
    for listener in [&mut one, &mut other] {
        assert_eq!(listener.recv().await, Ring::Work);
        assert_eq!(listener.recv().await, Ring::Changed(job));
    }
    assert!(doorbell.state().is_up());
}

#[tokio::test]
async fn a_listener_that_is_too_slow_looks_at_everything_once() {
    let doorbell = Doorbell::local();
    let mut listener = doorbell.subscribe();
    for _ in 0..2 * BACKLOG {
        doorbell.ring(Ring::Changed(JobId::new()));
    }
    assert_eq!(listener.recv().await, Ring::Everything);
    doorbell.ring(Ring::Work);
    assert_eq!(listener.recv().await, Ring::Work);
}

#[test]
fn what_cannot_be_read_is_a_reason_to_look() {
    let channels = Channels::new("p");
    let job = JobId::new();
    assert_eq!(channels.read("p:work", b"\xff"), Ring::Work);
    assert_eq!(
        channels.read("p:changed", job.to_string().as_bytes()),
        Ring::Changed(job)
    );
    for payload in [&b""[..], b"x", b"\xff", &[b'0'; 4096]] {
        assert_eq!(channels.read("p:changed", payload), Ring::Everything);
    }
    assert!(Ring::Everything.means_work() && Ring::Everything.concerns(job));
    assert!(!Ring::Work.concerns(job) && !Ring::Changed(job).means_work());
}

#[tokio::test]
async fn rings_reach_other_processes_through_redis() {
    let redis = Redis::start(Redis::free_port());
    let (here, there) = (doorbell(redis.port), doorbell(redis.port));
    let mut listener = there.subscribe();
    until_up(&here, true).await;
    until_up(&there, true).await;
    assert!(here.state().latency.is_some());
    let job = JobId::new();
    here.ring(Ring::Changed(job));
    hears(&mut listener, Ring::Changed(job)).await;
    here.ring(Ring::Work);
    hears(&mut listener, Ring::Work).await;
    publish(redis.port, "test:changed", b"forged").await;
    hears(&mut listener, Ring::Everything).await;
}

#[tokio::test]
async fn it_starts_without_redis_and_says_so_when_it_comes_back() {
    let port = Redis::free_port();
    let (here, there) = (doorbell(port), doorbell(port));
    let mut listener = there.subscribe();
    assert!(!here.state().is_up());
    // Rung while Redis is down: this process gets it at once, the other one later.
    let mut own = here.subscribe();
    here.ring(Ring::Work);
    assert_eq!(own.recv().await, Ring::Work);
    for _ in 0..2 {
        let redis = Redis::start(port);
        hears(&mut listener, Ring::Everything).await;
        until_up(&here, true).await;
        until_up(&there, true).await;
        // After an outage, a ring may be merged into the ring for everything.
        let changed = Ring::Changed(JobId::new());
        here.ring(changed);
        while listener.recv().await != changed {
            here.ring(changed);
        }
        drop(redis);
        until_up(&here, false).await;
        until_up(&there, false).await;
    }
}

#[tokio::test]
async fn a_redis_that_does_not_answer_is_noticed_and_delays_nobody() {
    let redis = Redis::start(Redis::free_port());
    let doorbell = doorbell(redis.port);
    let mut listener = doorbell.subscribe();
    until_up(&doorbell, true).await;
    redis.signal("-STOP");
    let mut state = doorbell.0.wire.as_ref().unwrap().links.watch();
    state
        .wait_for(|state| !state.publishing && !state.listening)
        .await
        .unwrap();
    for _ in 0..10_000 {
        doorbell.ring(Ring::Changed(JobId::new()));
    }
    assert_eq!(listener.recv().await, Ring::Everything);
    redis.signal("-CONT");
    until_up(&doorbell, true).await;
}

#[tokio::test]
async fn a_listener_that_skips_hears_later_rings_only() {
    let doorbell = Doorbell::local();
    let mut listener = doorbell.subscribe();
    doorbell.ring(Ring::Work);
    listener.skip();
    doorbell.ring(Ring::Everything);
    assert_eq!(listener.recv().await, Ring::Everything);
    assert!(!doorbell.is_shared());
}
