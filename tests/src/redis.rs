//! Redis: a test's own prefix on the shared server, or its own server.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::certificates::Shown;
use crate::postgres::free_port;
use crate::process::Process;
use crate::{variable, wait};

/// Returns the URL of the shared server.
pub fn shared() -> String {
    variable("LETHE_TEST_REDIS_URL")
        .expect("set LETHE_TEST_REDIS_URL to a Redis server, such as redis://127.0.0.1:6379")
}

/// A test's own server.
#[derive(Debug)]
pub struct Redis {
    directory: TempDir,
    process: Option<Process>,
    port: u16,
    tls: Option<Tls>,
}

/// The second port of a server, which speaks TLS.
#[derive(Debug)]
struct Tls {
    port: u16,
    /// The certificate and its key.
    files: [PathBuf; 2],
}

impl Redis {
    /// Starts a server.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Starts a server that also has a port for TLS.
    pub async fn speaking_tls(shown: &Shown) -> Self {
        Self::start_with(Some(shown)).await
    }

    async fn start_with(shown: Option<&Shown>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut server = Self {
            tls: shown.map(|shown| Tls {
                port: 0,
                files: shown.write(directory.path(), "first"),
            }),
            directory,
            process: None,
            port: 0,
        };
        server.restart().await;
        server
    }

    /// Changes the certificate of the port for TLS. Open connections stay.
    pub async fn show(&mut self, shown: &Shown) {
        let name = uuid::Uuid::now_v7().simple().to_string();
        let files = shown.write(self.directory.path(), &name);
        let [certificate, key] = &files;
        let mut command = redis::cmd("CONFIG");
        command
            .arg("SET")
            .arg("tls-cert-file")
            .arg(certificate.to_str().unwrap());
        command.arg("tls-key-file").arg(key.to_str().unwrap());
        self.send(&command).await.unwrap();
        self.tls.as_mut().expect("it speaks TLS").files = files;
    }

    /// Starts the server, or restarts it, empty and on a port that is free now.
    pub async fn restart(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
        let start = std::time::Instant::now();
        loop {
            self.port = free_port();
            let mut command = Command::new("redis-server");
            command.args([
                "--bind",
                "127.0.0.1",
                "--port",
                &self.port.to_string(),
                "--save",
                "",
                "--dir",
            ]);
            command.arg(self.directory.path());
            if let Some(Tls { port, files }) = &mut self.tls {
                *port = free_port();
                let [certificate, key] = files;
                command.args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"]);
                command.arg("--tls-cert-file").arg(certificate);
                command.arg("--tls-key-file").arg(key);
            }
            let mut process = Process::start("redis", &mut command, self.directory.path());
            while process.ended().is_none() {
                if self.command("PING").await.is_ok() {
                    self.process = Some(process);
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            assert!(
                start.elapsed() < wait::DEADLINE,
                "Redis does not start: {}",
                process.output()
            );
        }
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// Runs a command without arguments.
    pub async fn command(&self, name: &str) -> redis::RedisResult<redis::Value> {
        self.send(&redis::cmd(name)).await
    }

    async fn send(&self, command: &redis::Cmd) -> redis::RedisResult<redis::Value> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        command.query_async(&mut connection).await
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Returns the URL of its port for TLS.
    pub fn tls_url(&self) -> String {
        let Tls { port, .. } = self.tls.as_ref().expect("it speaks TLS");
        format!("rediss://127.0.0.1:{port}")
    }

    /// Returns its address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}
