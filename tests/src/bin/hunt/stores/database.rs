//! A database of any kind.

use std::path::Path;

use lethe_tests::{mysql, postgres, wait};
use sqlx::mysql::{MySqlPool, MySqlPoolOptions};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Row};

use crate::shape::Engine;

/// The number of connections to each server.
const CONNECTIONS: u32 = 8;

/// A database.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) url: String,
    pool: Pool,
}

#[derive(Debug, Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    Mariadb(MySqlPool),
}

macro_rules! on_pool {
    ($self:ident, $pool:ident => $done:expr) => {
        match &$self.pool {
            Pool::Sqlite($pool) => $done,
            Pool::Postgres($pool) => $done,
            Pool::Mariadb($pool) => $done,
        }
    };
}

impl Database {
    /// Makes a database of a server, or a file in `directory`.
    pub(crate) async fn make(engine: Engine, directory: &Path, name: &str) -> Self {
        match engine {
            Engine::Sqlite => {
                let url = format!("sqlite://{}", directory.join(format!("{name}.sqlite")).display());
                let options: SqliteConnectOptions = url.parse().unwrap();
                let options = options
                    .create_if_missing(true)
                    .busy_timeout(wait::DEADLINE)
                    .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
                    // The data need not survive a crash of the machine.
                    .synchronous(sqlx::sqlite::SqliteSynchronous::Off);
                let pool = SqlitePoolOptions::new().max_connections(2).connect_lazy_with(options);
                Self {
                    url,
                    pool: Pool::Sqlite(pool),
                }
            }
            Engine::Postgres => {
                let url = postgres::database_on(&postgres::shared(), "hunt").await;
                let pool = PgPoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .connect_lazy(&url)
                    .unwrap();
                Self {
                    url,
                    pool: Pool::Postgres(pool),
                }
            }
            Engine::Mariadb => {
                let url = mysql::database_on(&mysql::shared(), "hunt").await;
                let pool = MySqlPoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .connect_lazy(&url)
                    .unwrap();
                Self {
                    url,
                    pool: Pool::Mariadb(pool),
                }
            }
        }
    }

    /// Drops the database. A file goes with its directory.
    pub(crate) async fn drop(&self) {
        // An open connection would keep the database from being dropped.
        match &self.pool {
            Pool::Sqlite(_) => {}
            Pool::Postgres(pool) => {
                pool.close().await;
                postgres::drop_database(&self.url).await;
            }
            Pool::Mariadb(pool) => {
                pool.close().await;
                mysql::drop_database(&self.url).await;
            }
        }
    }

    /// Runs statements in one transaction.
    pub(crate) async fn run(&self, statements: &str) {
        let statements = statements.trim_end_matches(';');
        if !statements.is_empty() {
            let text = format!("BEGIN; {statements}; COMMIT");
            on_pool!(self, pool => {
                Box::pin(async {
                    let mut connection = Box::pin(pool.acquire()).await.unwrap();
                    loop {
                        match sqlx::raw_sql(AssertSqlSafe(text.as_str())).execute(&mut *connection).await {
                            // Deadlock with a worker's transaction: retry.
                            Err(sqlx::Error::Database(error)) if is_deadlock(error.code().as_deref()) => {
                                sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.unwrap();
                            }
                            done => {
                                done.unwrap();
                                break;
                            }
                        }
                    }
                })
                .await;
            });
        }
    }

    /// Returns the rows of a query, as texts.
    pub(crate) async fn texts(&self, query: &str) -> Vec<Vec<Option<String>>> {
        on_pool!(self, pool => {
            let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(pool).await.unwrap();
            rows.iter().map(|row| (0..row.len()).map(|n| row.get(n)).collect()).collect()
        })
    }

    /// Returns the SQL type that values are read as.
    pub(crate) fn text(&self) -> &'static str {
        match &self.pool {
            Pool::Sqlite(_) | Pool::Postgres(_) => "TEXT",
            Pool::Mariadb(_) => "CHAR",
        }
    }
}

/// Returns whether a SQLSTATE is a deadlock of PostgreSQL (40P01) or MariaDB (40001).
fn is_deadlock(code: Option<&str>) -> bool {
    matches!(code, Some("40P01" | "40001"))
}

/// Returns a text as a literal that all databases read.
pub(super) fn literal(text: Option<&str>) -> String {
    match text {
        // No text of a world has a backslash.
        Some(text) => format!("'{}'", text.replace('\'', "''")),
        None => "NULL".to_owned(),
    }
}
