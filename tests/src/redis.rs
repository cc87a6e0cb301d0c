//! Redis: a test's own prefix on the shared server, or its own server.

use std::process::Command;

use tempfile::TempDir;

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
}

impl Redis {
    /// Starts a server.
    pub async fn start() -> Self {
        let mut server = Self {
            directory: tempfile::tempdir().unwrap(),
            process: None,
            port: 0,
        };
        server.restart().await;
        server
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
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd(name).query_async(&mut connection).await
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Returns its address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}
