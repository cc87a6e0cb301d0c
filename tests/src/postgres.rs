//! PostgreSQL: a test's own database on the shared server, or its own server to be killed and restarted.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use crate::certificates::Shown;
use crate::memories::Memories;
use crate::process::Process;
use crate::{variable, wait};

/// Returns the URL of the shared server.
pub fn shared() -> String {
    variable("LETHE_TEST_POSTGRES_URL").expect(
        "set LETHE_TEST_POSTGRES_URL to a PostgreSQL server where databases may be created, \
         such as postgres://postgres@127.0.0.1:5432/postgres",
    )
}

/// Makes a database on the server of `url`, and returns its URL.
pub async fn database_on(url: &str, purpose: &str) -> String {
    let name = format!("lethe_{purpose}_{}", uuid::Uuid::now_v7().simple());
    let mut admin = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut admin)
        .await
        .unwrap();
    admin.close().await.unwrap();
    let (base, parameters) = url.split_once('?').map_or((url, String::new()), |(base, parameters)| {
        (base, format!("?{parameters}"))
    });
    format!("{}/{name}{parameters}", base.rsplit_once('/').unwrap().0)
}

/// Drops a database of [`database_on`], also with open connections.
pub async fn drop_database(url: &str) {
    let url = url.split('?').next().unwrap();
    let name = url.rsplit_once('/').unwrap().1;
    let mut admin = PgConnection::connect(&shared()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")))
        .execute(&mut admin)
        .await
        .unwrap();
}

/// Returns a few connections to a database.
pub fn connect(url: &str) -> PgPool {
    let options: PgConnectOptions = url.parse().unwrap();
    PgPoolOptions::new().max_connections(3).connect_lazy_with(options)
}

/// Waits until a statement on the database of `memories` waits for a lock.
pub async fn until_locked_out(memories: &Memories) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()";
    wait::until_true("a statement waits for a lock", || async {
        memories.number(waiting).await > 0
    })
    .await;
}

/// A test's own server, with full durability.
#[derive(Debug)]
pub struct Postgres {
    data: PathBuf,
    directory: TempDir,
    process: Option<Process>,
    port: u16,
}

impl Postgres {
    /// Makes a data directory, and starts a server on it.
    pub async fn start() -> Self {
        let mut server = Self::prepare();
        server.restart().await;
        server
    }

    /// Makes a data directory. [`Postgres::restart`] starts the server.
    pub fn prepare() -> Self {
        let directory = readable();
        let data = directory.path().join("data");
        let made = command("initdb")
            .arg("-D")
            .arg(&data)
            .args([
                "-U",
                "postgres",
                "--auth=trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self {
            data,
            directory,
            process: None,
            port: 0,
        }
    }

    /// Makes a hot standby of the server, which only reads.
    pub async fn standby(&self) -> Self {
        let directory = readable();
        let data = directory.path().join("data");
        let mut copy = command("pg_basebackup");
        copy.args([
            "--host=127.0.0.1",
            "--username=postgres",
            "--checkpoint=fast",
            "--no-sync",
        ]);
        copy.args(["--wal-method=stream", "--write-recovery-conf", "--port"]);
        let made = copy
            .arg(self.port.to_string())
            .arg("--pgdata")
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut standby = Self {
            data,
            directory,
            process: None,
            port: 0,
        };
        standby.restart().await;
        standby
    }

    /// Starts the server, or restarts it, on a port that is free now.
    pub async fn restart(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
        let start = std::time::Instant::now();
        loop {
            self.port = free_port();
            let mut command = command("postgres");
            command.arg("-D").arg(&self.data).arg("-k").arg(&self.data);
            command.args([
                "-p",
                &self.port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "fsync=on",
            ]);
            let mut process = Process::start("postgres", &mut command, self.directory.path());
            while process.ended().is_none() {
                if PgConnection::connect(&self.url()).await.is_ok() {
                    self.process = Some(process);
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            // The port was taken, or processes of the killed server still run.
            assert!(
                start.elapsed() < wait::DEADLINE,
                "PostgreSQL does not start: {}",
                process.log()
            );
        }
    }

    /// Makes the server offer TLS with a certificate.
    pub async fn speak_tls(&self, shown: &Shown) {
        for (name, text) in [("server.crt", &shown.certificate), ("server.key", &shown.key)] {
            let path = self.data.join(name);
            std::fs::write(&path, text).unwrap();
            let private = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
            std::fs::set_permissions(&path, private).unwrap();
            if let Some((user, group)) = user() {
                std::os::unix::fs::chown(&path, Some(user), Some(group)).unwrap();
            }
        }
        let mut admin = PgConnection::connect(&self.url()).await.unwrap();
        sqlx::raw_sql("ALTER SYSTEM SET ssl = on")
            .execute(&mut admin)
            .await
            .unwrap();
        // The postmaster reads the files a moment later.
        let loaded = "SELECT pg_conf_load_time()::text";
        let before: String = sqlx::query_scalar(loaded).fetch_one(&mut admin).await.unwrap();
        sqlx::raw_sql("SELECT pg_reload_conf()")
            .execute(&mut admin)
            .await
            .unwrap();
        wait::until_true("the server has read its certificate", || async {
            let mut later = PgConnection::connect(&self.url()).await.unwrap();
            let after: String = sqlx::query_scalar(loaded).fetch_one(&mut later).await.unwrap();
            after != before
        })
        .await;
    }

    /// Kills the server, without a checkpoint.
    pub fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// Returns the URL of its first database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Returns the server's address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Makes a directory with a directory `data` that belongs to the server's user.
fn readable() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let private = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o700);
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, private).unwrap();
    if let Some((user, group)) = user() {
        std::os::unix::fs::chown(&data, Some(user), Some(group)).unwrap();
        // The server's user needs access to the parent.
        let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
        std::fs::set_permissions(directory.path(), open).unwrap();
    }
    directory
}

/// Returns a port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Returns the user that servers run as when the tests run as root: PostgreSQL refuses root.
fn user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> u32 {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}

fn command(program: &str) -> Command {
    let mut command = Command::new(binaries().join(program));
    if let Some((user, group)) = user() {
        command.uid(user).gid(group);
    }
    command.current_dir("/");
    command
}

fn binaries() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|version| version.unwrap().path().join("bin"))
        .filter(|bin| bin.join("postgres").exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| {
        let path = variable("PATH").unwrap_or_default();
        let bin = path.split(':').map(Path::new).find(|bin| bin.join("postgres").exists());
        bin.expect("PostgreSQL's server is installed").to_owned()
    })
}
