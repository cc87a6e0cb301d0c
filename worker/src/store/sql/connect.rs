//! Connections to a customer's database, and what every one of them is told first.

use std::time::Duration;

use lethe_common::config::SqlEndpoint;
use secrecy::ExposeSecret;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection, Executor};

use super::dialect::Dialect;
use super::{table, text};
use crate::store::StoreError;
use crate::store::error::shows_life;

// A connection that was used this recently is not asked whether it still lives: the question would
// double the round trips of a busy worker.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

// Less than the store's own limit (in eighths of it), so that the server gives up first and says
// why, and a call whose client is gone does not go on.
const STATEMENT_EIGHTHS: u32 = 7;
const LOCK_EIGHTHS: u32 = 6;
// Connecting gets half, so that a server that is down is told from one that is slow.
const CONNECT_EIGHTHS: u32 = 4;

// `row_security = off` turns rows hidden by a policy into an error. Read committed is what the
// deleting statements were written for: they re-check a row after waiting for its lock. Notices
// may quote rows, and would be logged. Moments are written and read alike, whatever the server, the database or
// the user was set to, and so are floating-point numbers, with all of their digits.
const POSTGRES_SESSION: &str = "
-- store::sql::connect
SELECT set_config('row_security', 'off', false),
       set_config('default_transaction_isolation', 'read committed', false),
       set_config('client_min_messages', 'error', false),
       set_config('application_name', 'lethe', false),
       set_config('TimeZone', 'UTC', false),
       set_config('DateStyle', 'ISO, YMD', false),
       set_config('extra_float_digits', '1', false),
       set_config('statement_timeout', $1, false),
       set_config('lock_timeout', $2, false),
       set_config('idle_in_transaction_session_timeout', $1, false)";

// Identifiers are quoted as everywhere else, and nothing escapes a quote but another. What a value
// cannot be is an error, not another value. Joined answers (1,000 rows, each with its owner) are below the limit that
// is set for them; a longer one is cut silently, which their number of rows tells. A session that somebody set
// back (a pooler) has lost `ANSI_QUOTES` too, and with it every statement is an error. The others are
// what a server may be set to that would leave references dangling or deletions uncommitted. `{wait}`
// is in seconds, the least InnoDB knows; MariaDB's limits end every statement and idle transactions,
// MySQL's ends a query only: there the wait for a lock is what bounds a deletion.
const MYSQL_SESSION: &str = "
-- store::sql::connect
SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
    autocommit = 1, foreign_key_checks = 1, sql_safe_updates = 0, sql_select_limit = DEFAULT,
    group_concat_max_len = 16777216, time_zone = '+00:00',
    innodb_lock_wait_timeout = {wait}, lock_wait_timeout = {wait}
    /*M!100301 , max_statement_time = {statement_s}, idle_transaction_timeout = {idle} */
    /*!50708 , max_execution_time = {statement_ms} */";
const MYSQL_ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
// In the order of code points, so that a text and what it is compared with never have two collations
// of the same right.
const MYSQL_NAMES: &str = "SET NAMES utf8mb4 COLLATE utf8mb4_bin";

// `secure_delete` overwrites what is deleted. The journal mode is the owner's affair. The busy
// timeout is the driver's default of 5 seconds.
const SQLITE_WRITER: &str = "PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;";
const SQLITE_READER: &str = "PRAGMA query_only = ON;";

/// A customer's SQL database.
#[derive(Debug, Clone)]
pub struct SqlStore {
    pub(super) dialect: Dialect,
    pub(super) readers: AnyPool,
    // SQLite has one writer at a time: a second connection would only wait inside the driver,
    // where nothing is fair. Elsewhere the same pool as `readers`.
    pub(super) writers: AnyPool,
    pub(super) timeout: Duration,
}

impl SqlStore {
    /// Prepares connections to `endpoint` without making one: the database may be down.
    ///
    /// Every call is bounded by `store_timeout`, at the client and, where there is a way to say
    /// so, at the server.
    ///
    /// # Errors
    /// Fails if the URL cannot be read or names a database that is not supported.
    pub fn connect_lazy(endpoint: &SqlEndpoint, store_timeout: Duration) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let url = endpoint.url.expose_secret();
        let dialect = Dialect::of(url).ok_or(StoreError::Misuse(
            "the database's URL must begin with postgres://, mysql:// or sqlite://",
        ))?;
        let connections = endpoint.max_connections.max(1);
        match dialect {
            Dialect::Postgres | Dialect::Mysql => {
                // The driver knows one name.
                let options = match url.strip_prefix("mariadb:") {
                    Some(rest) => options(&format!("mysql:{rest}"))?,
                    None => options(url)?,
                };
                let pool = pool(dialect, Role::Writer, connections, store_timeout).connect_lazy_with(options);
                Ok(Self {
                    dialect,
                    readers: pool.clone(),
                    writers: pool,
                    timeout: store_timeout,
                })
            }
            Dialect::Sqlite => {
                let options = options(&existing_file(url)?)?;
                let pool = |role, most| pool(dialect, role, most, store_timeout);
                Ok(Self {
                    dialect,
                    readers: pool(Role::Reader, connections).connect_lazy_with(options.clone()),
                    writers: pool(Role::Writer, 1).connect_lazy_with(options),
                    timeout: store_timeout,
                })
            }
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// Fails with what keeps calls from working; [`StoreError::ReadOnly`] on a standby.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let alive = text::alive(self.dialect);
        self.bounded(async {
            let row = alive.about(Vec::new()).fetch_one(&self.readers).await?;
            table::writes(&row)
        })
        .await
    }

    /// Returns whether the database answers within a time limit. A new connection is asked first: those of the pool may
    /// all be waiting for slow statements. Where there is no new one to be had, an idle one of the pool is asked.
    pub async fn answers(&self, within: Duration) -> bool {
        let fresh = self.admits();
        let answer = async {
            tokio::pin!(fresh);
            if let Ok(answers) = tokio::time::timeout(within / 2, &mut fresh).await {
                return answers || self.idle_answers().await;
            }
            tokio::select! {
                true = &mut fresh => true,
                true = self.idle_answers() => true,
                else => false,
            }
        };
        tokio::time::timeout(within, answer).await.unwrap_or(false)
    }

    /// Returns whether the database answers on a connection of its own. Refusing it is an answer too: the
    /// role may have as many connections as it is allowed.
    async fn admits(&self) -> bool {
        let asked = async {
            let mut connection = self.readers.connect_options().connect().await?;
            connection.execute("SELECT 1").await?;
            connection.close().await
        };
        asked.await.map_or_else(|error| shows_life(&error), |()| true)
    }

    /// Returns whether the database answers on a connection of the pool that is idle.
    async fn idle_answers(&self) -> bool {
        match self.dialect {
            Dialect::Postgres | Dialect::Mysql => {}
            // It asks no server: its file may be gone while a connection has it open.
            Dialect::Sqlite => return false,
        }
        match self.readers.try_acquire() {
            Some(mut connection) => connection
                .ping()
                .await
                .map_or_else(|error| shows_life(&error), |()| true),
            None => false,
        }
    }

    /// Runs one call within the store's time limit.
    pub(super) async fn bounded<T>(&self, call: impl Future<Output = Result<T, CallError>>) -> Result<T, StoreError> {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(value)) => Ok(value),
            // One writer at a time is the rule for SQLite: to wait for it in vain is no outage.
            Ok(Err(CallError::Sql(sqlx::Error::PoolTimedOut))) if self.dialect == Dialect::Sqlite => {
                Err(StoreError::Busy {
                    status: crate::store::error::Status::Silent,
                })
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(StoreError::timed_out()),
        }
    }
}

/// An error inside a call, before it is reduced to what may be shown.
#[derive(Debug)]
pub(super) enum CallError {
    Sql(sqlx::Error),
    Store(StoreError),
}

impl From<CallError> for StoreError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Sql(error) => error.into(),
            CallError::Store(error) => error,
        }
    }
}

impl From<sqlx::Error> for CallError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Reader,
    Writer,
}

fn options(url: &str) -> Result<AnyConnectOptions, StoreError> {
    // The texts of statements are built of names that are nobody's business in a log.
    let options: AnyConnectOptions = url
        .parse()
        .map_err(|_| StoreError::Misuse("the database's URL cannot be read"))?;
    Ok(options.disable_statement_logging())
}

// The file is the customer's: one that is missing is an error, never a new, empty database.
fn existing_file(url: &str) -> Result<String, StoreError> {
    let (file, parameters) = url.split_once('?').unwrap_or((url, ""));
    let mut kept: Vec<&str> = parameters
        .split('&')
        .filter(|part| !part.is_empty() && !part.starts_with("mode="))
        .collect();
    if file.ends_with(":memory:") || parameters.contains("mode=memory") {
        return Err(StoreError::Misuse(
            "a SQLite database in memory belongs to one connection; name a file",
        ));
    }
    kept.push("mode=rw");
    Ok(format!("{file}?{}", kept.join("&")))
}

fn pool(dialect: Dialect, role: Role, most: u32, store_timeout: Duration) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(eighths(store_timeout, CONNECT_EIGHTHS))
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| Box::pin(introduce(connection, dialect, role, store_timeout)))
}

async fn introduce(
    connection: &mut AnyConnection,
    dialect: Dialect,
    role: Role,
    store_timeout: Duration,
) -> Result<(), sqlx::Error> {
    match (dialect, role) {
        (Dialect::Postgres, _) => {
            sqlx::query(POSTGRES_SESSION)
                .bind(milliseconds(eighths(store_timeout, STATEMENT_EIGHTHS)))
                .bind(milliseconds(eighths(store_timeout, LOCK_EIGHTHS)))
                .execute(connection)
                .await?;
        }
        (Dialect::Mysql, _) => {
            for text in [MYSQL_NAMES, MYSQL_ISOLATION] {
                sqlx::raw_sql(text).execute(&mut *connection).await?;
            }
            sqlx::raw_sql(AssertSqlSafe(mysql_session(store_timeout)))
                .execute(connection)
                .await?;
        }
        (Dialect::Sqlite, Role::Writer) => {
            sqlx::raw_sql(SQLITE_WRITER).execute(connection).await?;
        }
        (Dialect::Sqlite, Role::Reader) => {
            sqlx::raw_sql(SQLITE_READER).execute(connection).await?;
        }
    }
    Ok(())
}

// Only numbers go into the text.
fn mysql_session(store_timeout: Duration) -> String {
    let statement = eighths(store_timeout, STATEMENT_EIGHTHS);
    // Never 0, which is no limit for some of them and at once for others.
    let seconds = |limit: Duration| limit.as_secs().max(1).to_string();
    MYSQL_SESSION
        .replace("{wait}", &seconds(eighths(store_timeout, LOCK_EIGHTHS)))
        .replace("{idle}", &seconds(statement))
        .replace("{statement_s}", &format!("{:.3}", statement.as_secs_f64().max(0.001)))
        .replace("{statement_ms}", &milliseconds(statement))
}

fn eighths(whole: Duration, eighths: u32) -> Duration {
    whole / 8 * eighths
}

// PostgreSQL takes 0 for "no limit".
fn milliseconds(limit: Duration) -> String {
    limit.as_millis().max(1).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_never_created() {
        assert_eq!(existing_file("sqlite:///a/b.db").unwrap(), "sqlite:///a/b.db?mode=rw");
        assert_eq!(
            existing_file("sqlite:///a/b.db?mode=rwc&cache=private").unwrap(),
            "sqlite:///a/b.db?cache=private&mode=rw"
        );
        assert!(existing_file("sqlite::memory:").is_err());
    }
}
