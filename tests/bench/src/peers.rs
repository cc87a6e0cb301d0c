//! What deletes memories elsewhere, as its documentation has it, beside Lethe: Celery, `BullMQ`, and Agno's own server.
//!
//! `tests/run bench peers` installs them from `PyPI` and npm into the directory that `LETHE_BENCH_PEERS` names. They delete from
//! the same table and the same collection as Lethe does. None of them reads back what it deleted.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lethe_tests::client::Client;
use lethe_tests::memories::{self, Memory};
use lethe_tests::service::Site;
use lethe_tests::{variable, wait};
use reqwest::Method;
use sqlx::postgres::PgPool;

use crate::figures::{Figures, Sample};
use crate::load::{Bare, each};
use crate::processes::Cpu;
use crate::singles::{CONNECTIONS, all_ended, erased, ready};
use crate::sizes::Sizes;

/// Compares single deletions with task queues, and waiting callers with Agno's own server.
pub(crate) async fn peers(sizes: &Sizes, figures: &mut Figures) {
    let directory = variable("LETHE_BENCH_PEERS").expect("LETHE_BENCH_PEERS; tests/run bench peers sets it");
    let directory = PathBuf::from(directory);
    let site = ready().await;
    let service = site.start().await;
    let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    let bare = Bare::new(&site, CONNECTIONS).await;
    for _ in 0..sizes.times {
        for (case, both) in [("both stores", true), ("rows alone", false)] {
            for queue in [Queue::Celery, Queue::BullMq] {
                let sample = queue.run(&directory, &site, sizes.singles, both).await;
                figures.add("peers", case, queue.name(), sample);
            }
        }
        let [_, ended] = all_ended(&site, &service, &ledger, sizes.singles).await;
        figures.add("peers", "both stores", "Lethe, read back", ended);
        let all = Arc::new(memories::of("ben", sizes.singles));
        site.add(&all).await;
        let run = each(CONNECTIONS, &all, bare.clone(), Bare::delete).await;
        figures.add("peers", "both stores", "bare loop", run.sample());
    }
    let agno = agno(&directory, &site).await;
    for connections in [1, 16, 64] {
        let case = format!("answered when gone, {connections} connection(s)");
        for _ in 0..sizes.times {
            let all = Arc::new(memories::of("cal", sizes.waited));
            site.memories.add(&all).await;
            let run = each(connections, &all, agno.client.clone(), of_agno).await;
            figures.add("peers", &case, "Agno's own server, rows alone", run.sample());
            let all = Arc::new(memories::of("ana", sizes.waited));
            site.add(&all).await;
            let run = each(connections, &all, service.client.clone(), erased).await;
            figures.add("peers", &case, "Lethe, both stores, read back", run.sample());
        }
    }
}

/// A task queue.
#[derive(Clone, Copy)]
enum Queue {
    Celery,
    BullMq,
}

impl Queue {
    fn name(self) -> &'static str {
        match self {
            Self::Celery => "Celery, prefork 2",
            Self::BullMq => "BullMQ, 10 at a time",
        }
    }

    /// Returns the command of its worker, and of a caller that enqueues the ids of a file.
    fn commands(self, directory: &Path) -> [Command; 2] {
        let (python, node) = (directory.join("venv/bin/python"), Path::new("node"));
        let arguments: [&[&str]; 2] = match self {
            Self::Celery => [
                &["-m", "celery", "-A", "celery_peer", "worker", "--concurrency", "2"],
                &["celery_peer.py"],
            ],
            Self::BullMq => [&["bullmq_peer.mjs"], &["bullmq_peer.mjs"]],
        };
        arguments.map(|arguments| {
            let program = match self {
                Self::Celery => &python,
                Self::BullMq => node,
            };
            let mut command = Command::new(program);
            command.args(arguments).current_dir(directory);
            command
        })
    }

    /// Enqueues so many deletions, and waits until all rows are gone.
    async fn run(self, directory: &Path, site: &Site, n: usize, both: bool) -> Sample {
        let all = memories::of("dan", n);
        if both {
            site.add(&all).await;
        } else {
            site.memories.add(&all).await;
        }
        let file = site.directory.path().join("ids");
        std::fs::write(&file, memories::ids(&all).join("\n")).unwrap();
        let [worker, caller] = self.commands(directory);
        let _worker = Peer::start(worker, site, both, None);
        let mut caller = Peer::start(caller, site, both, Some(&file));
        caller.says("ready");
        // The worker's own start is no part of it.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (before, start) = (Cpu::now(), Instant::now());
        caller.goes_on();
        while site.memories.count().await > 0 {
            assert!(
                start.elapsed() < Duration::from_mins(10),
                "{} does not end",
                self.name()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Sample::of(n, start.elapsed(), &before)
    }
}

/// A process that is killed when this is dropped.
struct Peer {
    process: Child,
}

impl Peer {
    /// Starts a peer with the addresses of the site's stores.
    fn start(mut command: Command, site: &Site, both: bool, file: Option<&Path>) -> Self {
        let (_, address) = site.vectors.url.split_once("://").unwrap();
        let (host, port) = address.trim_end_matches('/').split_once(':').unwrap();
        if both {
            command.env("PEER_COLLECTION", &site.vectors.collection);
        }
        let redis = variable("LETHE_TEST_REDIS_URL").expect("LETHE_TEST_REDIS_URL");
        command
            .args(file)
            // A database of its own.
            .env("PEER_REDIS", format!("{}/15", redis.trim_end_matches('/')))
            .env("PEER_SQL", site.memories.url())
            .envs([
                ("PEER_HOST", host),
                ("PEER_PORT", port),
                ("PEER_KEY", &site.vectors.key),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let process = command.spawn().unwrap();
        Self { process }
    }

    /// Waits for a line of its output.
    fn says(&mut self, expected: &str) {
        let output = BufReader::new(self.process.stdout.as_mut().unwrap());
        let said = output.lines().map_while(Result::ok).any(|line| line == expected);
        assert!(said, "a peer did not say {expected}");
    }

    /// Lets it go on.
    fn goes_on(&mut self) {
        self.process.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Agno's own server.
struct Agno {
    client: Client,
    _process: Peer,
}

async fn agno(directory: &Path, site: &Site) -> Agno {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut command = Command::new(directory.join("venv/bin/python"));
    command.args(["agno_peer.py", &port.to_string()]).current_dir(directory);
    let process = Peer::start(command, site, false, None);
    let client = Client::new(&format!("http://127.0.0.1:{port}"), "none");
    wait::until_true("Agno answers", || async {
        client.try_send(client.request(Method::GET, "/health")).await.is_ok()
    })
    .await;
    Agno {
        client,
        _process: process,
    }
}

/// Deletes a memory by Agno's own route.
async fn of_agno(client: Client, memory: Memory) {
    let path = format!("/memories/{}?user_id={}", memory.id, memory.user);
    let answer = client.send(client.request(Method::DELETE, &path)).await;
    assert!(answer.status.is_success(), "{}", answer.body);
}
