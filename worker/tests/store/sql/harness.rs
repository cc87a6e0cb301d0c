//! A test's own database.

use std::time::Duration;

use lethe_common::config::{SqlEndpoint, Table};
use lethe_worker::store::MappingFault;
use lethe_worker::store::StoreError;
use lethe_worker::store::sql::{SqlStore, SqlTable};
use serde_json::json;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, AssertSqlSafe};
use tempfile::TempDir;

use crate::{TIMEOUT, variable};

// Makes MariaDB match the other two: names in double quotes, no escapes, recursion without a limit.
const MYSQL_SESSION: &str =
    "SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES',
    time_zone = '+00:00' /*M! , max_recursive_iterations = 100000 */";

pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) pool: AnyPool,
    pub(crate) directory: TempDir,
}

impl Database {
    pub(crate) async fn sqlite() -> Self {
        sqlx::any::install_default_drivers();
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("memories.db").display());
        let pool = AnyPool::connect(&format!("{url}?mode=rwc")).await.unwrap();
        Self { url, pool, directory }
    }

    pub(crate) async fn postgres() -> Self {
        sqlx::any::install_default_drivers();
        let server = variable("LETHE_TEST_POSTGRES_URL").expect(
            "set LETHE_TEST_POSTGRES_URL to a PostgreSQL server where databases may be created, \
             such as postgres://postgres@127.0.0.1:5432/postgres",
        );
        let name = format!("lethe_{}", uuid::Uuid::now_v7().simple());
        let admin = AnyPool::connect(&server).await.unwrap();
        run(&admin, &format!("CREATE DATABASE {name}")).await;
        admin.close().await;
        let url = of_server(&server, &name);
        let pool = AnyPool::connect(&url).await.unwrap();
        Self {
            url,
            pool,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// Makes a database of MySQL or MariaDB, which is dropped with this value. It compares texts by their bytes unless
    /// a test says otherwise.
    pub(crate) async fn mysql() -> Self {
        sqlx::any::install_default_drivers();
        let server = mysql_server();
        let name = format!("lethe_{}", uuid::Uuid::now_v7().simple());
        let admin = AnyPool::connect(&server).await.unwrap();
        run(
            &admin,
            &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"),
        )
        .await;
        admin.close().await;
        let url = of_server(&server, &name);
        let options = AnyPoolOptions::new().after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(MYSQL_SESSION).execute(connection).await?;
                Ok(())
            })
        });
        let pool = options.connect(&url).await.unwrap();
        Self {
            url,
            pool,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn is_mysql(&self) -> bool {
        self.url.starts_with("mysql")
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite")
    }

    /// Returns the name of the database, as statements write it before a table's.
    pub(crate) fn name(&self) -> &str {
        let path = self.url.split('?').next().unwrap();
        path.rsplit_once('/').unwrap().1
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }

    /// Runs statements, separated by semicolons. MySQL cannot index a whole `TEXT`, so it gets `VARCHAR`.
    pub(crate) async fn run(&self, statements: &str) {
        if self.is_mysql() {
            let statements = statements
                .replace("AS TEXT)", "AS CHAR)")
                .replace(" TEXT", " VARCHAR(191)");
            run(&self.pool, &statements).await;
        } else {
            run(&self.pool, statements).await;
        }
    }

    pub(crate) fn endpoint(&self) -> SqlEndpoint {
        SqlEndpoint {
            url: self.url.clone().into(),
            max_connections: 4,
            tls: None,
        }
    }

    pub(crate) fn store(&self) -> SqlStore {
        self.store_within(TIMEOUT)
    }

    pub(crate) fn store_within(&self, timeout: Duration) -> SqlStore {
        SqlStore::connect_lazy(&self.endpoint(), timeout).unwrap()
    }

    pub(crate) async fn open(&self, table: &Table) -> SqlTable {
        SqlTable::open(&self.store(), table).await.unwrap()
    }

    pub(crate) async fn faults(&self, table: &Table) -> Vec<MappingFault> {
        match SqlTable::open(&self.store(), table).await {
            Err(StoreError::Mapping { faults, .. }) => faults,
            other => panic!("not a mapping fault: {other:?}"),
        }
    }

    /// Makes `memories (id, user_id, workspace_id)` with ids and owners of the given type, and
    /// returns its mapping.
    pub(crate) async fn memories(&self, kind: &str) -> Table {
        self.run(&format!(
            "CREATE TABLE memories (id {kind} PRIMARY KEY, user_id {kind}, workspace_id TEXT, body TEXT)"
        ))
        .await;
        mapping()
    }

    /// Adds rows `(id, user, workspace)` to `memories`.
    pub(crate) async fn add(&self, rows: &[(&str, &str, &str)]) {
        for (id, user, workspace) in rows {
            self.run(&format!(
                "INSERT INTO memories (id, user_id, workspace_id) VALUES ({}, {}, {})",
                literal(id),
                literal(user),
                literal(workspace),
            ))
            .await;
        }
    }

    /// Returns the values left in a column, sorted.
    pub(crate) async fn left(&self, table: &str, column: &str) -> Vec<String> {
        let kind = if self.is_mysql() { "CHAR" } else { "TEXT" };
        let text = format!("SELECT CAST({column} AS {kind}) FROM {table}");
        let mut left: Vec<String> = sqlx::query_scalar(AssertSqlSafe(text))
            .fetch_all(&self.pool)
            .await
            .unwrap();
        left.sort();
        left
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.is_mysql() {
            return;
        }
        let text = format!("DROP DATABASE IF EXISTS {}", self.name());
        // `drop` cannot wait inside a runtime, so another thread drops the database.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let admin = AnyPool::connect(&mysql_server()).await.unwrap();
                // A test that has failed may have left a lock.
                run(&admin, &format!("SET SESSION lock_wait_timeout = 5; {text}")).await;
            });
        });
        // A failure to drop is no failure of the test.
        drop(dropping.join());
    }
}

fn mysql_server() -> String {
    variable("LETHE_TEST_MYSQL_URL").expect(
        "set LETHE_TEST_MYSQL_URL to a server of MySQL or MariaDB where databases may be created, \
         such as mysql://root@127.0.0.1:3306/mysql",
    )
}

/// Returns the URL of a database on a server.
fn of_server(server: &str, name: &str) -> String {
    let (base, parameters) = server.split_once('?').unwrap_or((server, ""));
    let base = base.rsplit_once('/').unwrap().0;
    format!("{base}/{name}?{parameters}")
}

/// Returns the mapping of `memories`.
pub(crate) fn mapping() -> Table {
    table(json!({
        "name": "memories",
        "columns": {"id": "id", "user": "user_id", "workspace": "workspace_id"},
    }))
}

pub(crate) fn table(mapping: serde_json::Value) -> Table {
    serde_json::from_value(mapping).unwrap()
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

async fn run(pool: &AnyPool, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(pool).await.unwrap();
}
