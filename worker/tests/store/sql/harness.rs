//! A database of a test's own.

use std::time::Duration;

use lethe_common::config::{SqlEndpoint, Table};
use lethe_worker::store::MappingFault;
use lethe_worker::store::StoreError;
use lethe_worker::store::sql::{SqlStore, SqlTable};
use serde_json::json;
use sqlx::{AnyPool, AssertSqlSafe};
use tempfile::TempDir;

use crate::{TIMEOUT, variable};

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
        let (base, parameters) = server.split_once('?').unwrap_or((&server, ""));
        let base = base.rsplit_once('/').unwrap().0;
        let url = format!("{base}/{name}?{parameters}");
        let pool = AnyPool::connect(&url).await.unwrap();
        Self {
            url,
            pool,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }

    /// Runs statements, separated by semicolons.
    pub(crate) async fn run(&self, statements: &str) {
        run(&self.pool, statements).await;
    }

    pub(crate) fn endpoint(&self) -> SqlEndpoint {
        SqlEndpoint {
            url: self.url.clone().into(),
            max_connections: 4,
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
            Err(StoreError::Mapping { faults }) => faults,
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

    /// Returns what is left in a column, sorted.
    pub(crate) async fn left(&self, table: &str, column: &str) -> Vec<String> {
        let text = format!("SELECT CAST({column} AS TEXT) FROM {table}");
        let mut left: Vec<String> = sqlx::query_scalar(AssertSqlSafe(text))
            .fetch_all(&self.pool)
            .await
            .unwrap();
        left.sort();
        left
    }
}

/// The mapping of `memories`.
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
