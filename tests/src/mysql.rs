//! MySQL or MariaDB: a test's own database on the shared server, or its own server.

use std::process::Command;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

use crate::certificates::Shown;
use crate::postgres::free_port;
use crate::process::Process;
use crate::{variable, wait};

/// Returns the URL of the shared server.
pub fn shared() -> String {
    variable("LETHE_TEST_MYSQL_URL").expect(
        "set LETHE_TEST_MYSQL_URL to a server of MySQL or MariaDB where databases may be created, \
         such as mysql://root@127.0.0.1:3306/mysql",
    )
}

/// Makes a database on the server of `url`, with the server's default collation, and returns its URL.
pub async fn database_on(url: &str, purpose: &str) -> String {
    let name = format!("lethe_{purpose}_{}", uuid::Uuid::now_v7().simple());
    let mut admin = MySqlConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")))
        .execute(&mut admin)
        .await
        .unwrap();
    admin.close().await.unwrap();
    let base = url.split('?').next().unwrap();
    format!("{}/{name}", base.rsplit_once('/').unwrap().0)
}

/// Drops a database of [`database_on`].
pub async fn drop_database(url: &str) {
    let name = url.rsplit_once('/').unwrap().1;
    let mut admin = MySqlConnection::connect(&shared()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}")))
        .execute(&mut admin)
        .await
        .unwrap();
}

/// Returns a few connections to a database.
pub fn connect(url: &str) -> MySqlPool {
    let options: MySqlConnectOptions = url.parse().unwrap();
    MySqlPoolOptions::new().max_connections(3).connect_lazy_with(options)
}

/// A test's own server: MariaDB.
#[derive(Debug)]
pub struct Mysql {
    directory: TempDir,
    _process: Process,
    port: u16,
}

impl Mysql {
    /// Makes a data directory, and starts a server on it.
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), &[]).await
    }

    /// Starts a server that offers TLS with a certificate.
    pub async fn speaking_tls(shown: &Shown) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let [certificate, key] = shown.write(directory.path(), "server");
        let more = [
            format!("--ssl-cert={}", certificate.display()),
            format!("--ssl-key={}", key.display()),
        ];
        Self::start_in(directory, &more).await
    }

    /// Changes the certificate of a server that offers TLS.
    pub async fn show(&self, shown: &Shown) {
        shown.write(self.directory.path(), "server");
        let mut admin = MySqlConnection::connect(&self.url()).await.unwrap();
        sqlx::raw_sql("FLUSH SSL").execute(&mut admin).await.unwrap();
    }

    async fn start_in(directory: TempDir, more: &[String]) -> Self {
        let data = directory.path().join("data");
        let mut install = Command::new("mariadb-install-db");
        // Ignores the machine's settings, which name the machine's own server. The server may run as the test's user.
        install.args([
            "--no-defaults",
            "--user=root",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]);
        let made = install.arg(format!("--datadir={}", data.display())).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let start = std::time::Instant::now();
        loop {
            let port = free_port();
            let mut command = Command::new("mariadbd");
            command.args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1"]);
            command
                .arg(format!("--port={port}"))
                .arg(format!("--datadir={}", data.display()));
            command
                .args(more)
                .arg(format!("--socket={}", directory.path().join("socket").display()));
            let mut process = Process::start("mariadbd", &mut command, directory.path());
            let url = format!("mysql://root@127.0.0.1:{port}/mysql");
            while process.ended().is_none() {
                if MySqlConnection::connect(&url).await.is_ok() {
                    return Self {
                        directory,
                        _process: process,
                        port,
                    };
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            assert!(
                start.elapsed() < wait::DEADLINE,
                "MariaDB does not start: {}",
                process.log()
            );
        }
    }

    /// Returns the URL of a database on the server.
    pub fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/mysql", self.port)
    }
}
