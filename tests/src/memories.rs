//! The SQL half of a test's memories, read and written over the test's own connections.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use crate::{mysql, postgres};

/// How long another connection may lock a SQLite file: longer than an outage lasts.
const LOCKED: Duration = Duration::from_mins(10);

/// 5,011 memories of 100 invented people, written by Agno's own code.
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/agno-memories.sqlite");

// Agno's own schema.
const SCHEMA: &str = "CREATE TABLE agno_memories (
    memory_id VARCHAR NOT NULL PRIMARY KEY, memory JSON NOT NULL, input VARCHAR, agent_id VARCHAR, team_id VARCHAR,
    user_id VARCHAR, topics JSON, feedback VARCHAR, created_at BIGINT NOT NULL, updated_at BIGINT);
    CREATE INDEX idx_agno_memories_user_id ON agno_memories (user_id)";

/// A memory: its id, which is a UUID and its point's id, and its owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Memory {
    /// The id.
    pub id: String,
    /// The owner.
    pub user: String,
}

/// Returns `n` memories of `user`.
pub fn of(user: &str, n: usize) -> Vec<Memory> {
    let memory = || Memory {
        id: uuid::Uuid::new_v4().to_string(),
        user: user.to_owned(),
    };
    std::iter::repeat_with(memory).take(n).collect()
}

/// Returns the ids of memories.
pub fn ids(memories: &[Memory]) -> Vec<&str> {
    memories.iter().map(|memory| memory.id.as_str()).collect()
}

/// A database with the table `agno_memories`.
#[derive(Debug, Clone)]
pub struct Memories {
    url: String,
    pool: Pool,
}

#[derive(Debug, Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(sqlx::PgPool),
    Mysql(sqlx::MySqlPool),
}

macro_rules! on_pool {
    ($self:ident, $pool:ident => $done:expr) => {
        match &$self.pool {
            Pool::Sqlite($pool) => $done,
            Pool::Postgres($pool) => $done,
            Pool::Mysql($pool) => $done,
        }
    };
}

impl Memories {
    /// Makes the table in a new SQLite file.
    pub async fn sqlite(directory: &Path) -> Self {
        let url = format!("sqlite://{}", directory.join("memories.sqlite").display());
        let memories = Self::open_sqlite(&url);
        memories.run(SCHEMA).await;
        memories
    }

    /// Opens a SQLite file, which is created if it does not exist.
    pub fn open_sqlite(url: &str) -> Self {
        let options: SqliteConnectOptions = url.parse().unwrap();
        let options = options
            .create_if_missing(true)
            .busy_timeout(LOCKED)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        Self {
            url: url.to_owned(),
            pool: Pool::Sqlite(SqlitePool::connect_lazy_with(options)),
        }
    }

    /// Makes the table in a new PostgreSQL database on the server of `url`.
    pub async fn postgres(url: &str) -> Self {
        let url = postgres::database_on(url, "memories").await;
        let memories = Self {
            pool: Pool::Postgres(postgres::connect(&url)),
            url,
        };
        memories.run(SCHEMA).await;
        memories
    }

    /// Makes the table in a new database of MySQL or MariaDB on the server of `url`.
    pub async fn mysql(url: &str) -> Self {
        let url = mysql::database_on(url, "memories").await;
        let memories = Self {
            pool: Pool::Mysql(mysql::connect(&url)),
            url,
        };
        memories.run(SCHEMA).await;
        memories
    }

    /// Returns the database's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements, separated by semicolons.
    pub async fn run(&self, statements: &str) {
        // MySQL needs a length for VARCHAR.
        let lengths = statements.replace("VARCHAR", "VARCHAR(191)");
        let statements = match &self.pool {
            Pool::Mysql(_) => lengths.as_str(),
            Pool::Sqlite(_) | Pool::Postgres(_) => statements,
        };
        on_pool!(self, pool => {
            sqlx::raw_sql(AssertSqlSafe(statements)).execute(pool).await.unwrap();
        });
    }

    /// Returns the first column of the only row of a query.
    pub async fn number(&self, query: &str) -> i64 {
        on_pool!(self, pool => sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(pool).await.unwrap())
    }

    /// Returns the first column of the only row of a query.
    pub async fn text(&self, query: &str) -> String {
        on_pool!(self, pool => sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(pool).await.unwrap())
    }

    /// Writes rows.
    pub async fn add(&self, memories: &[Memory]) {
        for some in memories.chunks(5_000) {
            let list: Vec<Value> = some
                .iter()
                .map(|memory| json!({"id": memory.id, "user": memory.user}))
                .collect();
            let list = json!(list).to_string();
            match &self.pool {
                Pool::Sqlite(pool) => {
                    sqlx::query(
                        "INSERT INTO agno_memories (memory_id, user_id, memory, created_at)
                         SELECT value->>'id', value->>'user', '\"a memory\"', 0 FROM json_each($1)",
                    )
                    .bind(list)
                    .execute(pool)
                    .await
                    .unwrap();
                }
                Pool::Mysql(pool) => {
                    sqlx::query(
                        "INSERT INTO agno_memories (memory_id, user_id, memory, created_at)
                         SELECT e.id, e.owner, '\"a memory\"', 0 FROM JSON_TABLE(?, '$[*]' COLUMNS
                             (id VARCHAR(191) PATH '$.id', owner VARCHAR(191) PATH '$.user')) AS e",
                    )
                    .bind(list)
                    .execute(pool)
                    .await
                    .unwrap();
                }
                Pool::Postgres(pool) => {
                    sqlx::query(
                        "INSERT INTO agno_memories (memory_id, user_id, memory, created_at)
                         SELECT value->>'id', value->>'user', '\"a memory\"', 0 FROM json_array_elements($1::json)",
                    )
                    .bind(list)
                    .execute(pool)
                    .await
                    .unwrap();
                }
            }
        }
    }

    /// Returns all rows, sorted.
    pub async fn left(&self) -> Vec<Memory> {
        let query = "SELECT memory_id, user_id FROM agno_memories";
        let mut left: Vec<Memory> = on_pool!(self, pool => {
            let rows = sqlx::query(query).fetch_all(pool).await.unwrap();
            rows.iter().map(|row| Memory { id: row.get(0), user: row.get(1) }).collect()
        });
        left.sort();
        left
    }

    /// Returns the number of rows.
    pub async fn count(&self) -> u64 {
        u64::try_from(self.number("SELECT count(*) FROM agno_memories").await).unwrap()
    }

    /// Locks the table's rows against deletes and changes. Reads pass.
    pub async fn lock(&self) -> Lock {
        match &self.pool {
            Pool::Sqlite(pool) => {
                let mut connection = pool.acquire().await.unwrap();
                sqlx::raw_sql("BEGIN IMMEDIATE")
                    .execute(&mut *connection)
                    .await
                    .unwrap();
                Lock::Sqlite(connection)
            }
            Pool::Postgres(pool) => {
                let mut connection = pool.acquire().await.unwrap();
                sqlx::raw_sql("BEGIN; LOCK TABLE agno_memories IN SHARE ROW EXCLUSIVE MODE")
                    .execute(&mut *connection)
                    .await
                    .unwrap();
                Lock::Postgres(connection)
            }
            Pool::Mysql(pool) => {
                let mut connection = Box::pin(pool.acquire()).await.unwrap();
                sqlx::raw_sql("BEGIN; SELECT memory_id FROM agno_memories FOR UPDATE")
                    .execute(&mut *connection)
                    .await
                    .unwrap();
                Lock::Mysql(connection)
            }
        }
    }
}

impl Memories {
    /// Locks the rows that match a condition of PostgreSQL. Other rows can be written.
    pub async fn lock_rows(&self, which: &str) -> Lock {
        let Pool::Postgres(pool) = &self.pool else {
            panic!("SQLite locks its whole file")
        };
        let mut connection = pool.acquire().await.unwrap();
        let text = format!("BEGIN; SELECT 1 FROM agno_memories WHERE {which} FOR UPDATE");
        sqlx::raw_sql(AssertSqlSafe(text))
            .execute(&mut *connection)
            .await
            .unwrap();
        Lock::Postgres(connection)
    }
}

/// A transaction that blocks other writers.
#[derive(Debug)]
pub enum Lock {
    /// On a SQLite file.
    Sqlite(sqlx::pool::PoolConnection<sqlx::Sqlite>),
    /// On a PostgreSQL table.
    Postgres(sqlx::pool::PoolConnection<sqlx::Postgres>),
    /// On the rows of a table of MySQL.
    Mysql(sqlx::pool::PoolConnection<sqlx::MySql>),
}

impl Lock {
    /// Runs statements under the lock, and releases it.
    pub async fn commit(self, statements: &str) {
        let text = format!("{statements}; COMMIT");
        match self {
            Self::Sqlite(mut connection) => {
                sqlx::raw_sql(AssertSqlSafe(text))
                    .execute(&mut *connection)
                    .await
                    .unwrap();
            }
            Self::Postgres(mut connection) => {
                sqlx::raw_sql(AssertSqlSafe(text))
                    .execute(&mut *connection)
                    .await
                    .unwrap();
            }
            Self::Mysql(mut connection) => {
                sqlx::raw_sql(AssertSqlSafe(text))
                    .execute(&mut *connection)
                    .await
                    .unwrap();
            }
        }
    }
}

/// Returns the memories of the Agno fixture.
pub async fn fixture() -> Vec<Memory> {
    let mut file = SqliteConnection::connect(&format!("sqlite://{FIXTURE}?mode=ro&immutable=true"))
        .await
        .unwrap();
    let rows = sqlx::query("SELECT memory_id, user_id FROM agno_memories")
        .fetch_all(&mut file)
        .await
        .unwrap();
    let mut memories: Vec<Memory> = rows
        .iter()
        .map(|row| Memory {
            id: row.get(0),
            user: row.get(1),
        })
        .collect();
    memories.sort();
    assert_eq!(memories.len(), 5_011, "the fixture");
    memories
}

/// Copies the Agno fixture to the path of a database.
pub fn copy_fixture(to: &Path) {
    std::fs::copy(FIXTURE, to).unwrap();
}

/// Returns the number of memories of each owner.
pub fn by_owner(memories: &[Memory]) -> BTreeMap<&str, usize> {
    memories.iter().fold(BTreeMap::new(), |mut owners, memory| {
        *owners.entry(memory.user.as_str()).or_default() += 1;
        owners
    })
}
