//! Connections to a customer's database, and the settings of each session.

use std::time::Duration;

use lethe_common::config::SqlEndpoint;
use lethe_common::job::StoreKind;
use secrecy::ExposeSecret;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection, Executor};

use super::dialect::Dialect;
use super::{table, text};
use crate::store::StoreError;
use crate::store::error::{Status, shows_life};

// A connection that was used this recently is not pinged first: a ping would double the round trips
// of a busy worker.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

// Less than the store's time limit (in eighths of it), so that the server stops first and reports the
// reason. A call does not go on after its client is gone.
const STATEMENT_EIGHTHS: u32 = 7;
const LOCK_EIGHTHS: u32 = 6;
// Connecting gets half: a server that is down then differs from a slow one.
const CONNECT_EIGHTHS: u32 = 4;

// `row_security = off` turns rows hidden by a policy into an error. The deleting statements need read
// committed: they check a row again after the wait for its lock. Notices may quote rows, and would be logged.
// The other settings fix the format of moments and of floating-point numbers (all digits), whatever the
// server, the database or the user have as defaults.
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

// Identifiers are quoted as in the other databases, and only a doubled quote escapes a quote. A value of the wrong
// type is an error, not another value. Joined answers (1,000 rows, each with its owner) stay below
// `group_concat_max_len`. The server cuts a longer answer silently, which its number of rows reveals. A session that
// a pooler has reset lacks `ANSI_QUOTES`, so every statement fails. The other settings override server defaults
// that would leave references dangling or deletions uncommitted. `{wait}` is in seconds, InnoDB's smallest unit.
// MariaDB's limits end every statement and idle transactions. MySQL's ends queries only: there the lock wait
// bounds a deletion.
const MYSQL_SESSION: &str = "
-- store::sql::connect
SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
    autocommit = 1, foreign_key_checks = 1, sql_safe_updates = 0, sql_select_limit = DEFAULT,
    group_concat_max_len = 16777216, time_zone = '+00:00',
    innodb_lock_wait_timeout = {wait}, lock_wait_timeout = {wait}
    /*M!100301 , max_statement_time = {statement_s}, idle_transaction_timeout = {idle} */
    /*!50708 , max_execution_time = {statement_ms} */";
const MYSQL_ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
// The order of code points, so that a comparison never has two collations of the same precedence,
// which is an error.
const MYSQL_NAMES: &str = "SET NAMES utf8mb4 COLLATE utf8mb4_bin";

// `secure_delete` overwrites deleted content. The customer chooses the journal mode. The busy timeout
// is the driver's default of 5 seconds.
const SQLITE_WRITER: &str = "PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;";
const SQLITE_READER: &str = "PRAGMA query_only = ON;";

/// A customer's SQL database.
#[derive(Debug, Clone)]
pub struct SqlStore {
    pub(super) dialect: Dialect,
    pub(super) readers: AnyPool,
    // SQLite has one writer at a time: a second connection would only wait inside the driver, in no
    // fair order. For the other databases this is the pool of `readers`.
    pub(super) writers: AnyPool,
    pub(super) timeout: Duration,
}

impl SqlStore {
    /// Prepares connections to `endpoint` without making one: the database may be down.
    ///
    /// Every call is bounded by `store_timeout` at the client, and at the server if it has such a
    /// limit.
    ///
    /// # Errors
    /// Fails if the URL cannot be read or names a database that is not supported.
    pub fn connect_lazy(endpoint: &SqlEndpoint, store_timeout: Duration) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let url = endpoint.url.expose_secret();
        let dialect = Dialect::of(url).ok_or(StoreError::Misuse(
            StoreKind::Sql,
            "the database's URL must begin with postgres://, mysql:// or sqlite://",
        ))?;
        let connections = endpoint.max_connections.max(1);
        match dialect {
            Dialect::Postgres | Dialect::Mysql => {
                // The driver knows only the scheme `mysql`.
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

    /// Checks that the database answers and accepts writes.
    ///
    /// # Errors
    /// Fails with the error that other calls would meet; [`StoreError::ReadOnly`] on a standby.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let alive = text::alive(self.dialect);
        self.bounded(async {
            let row = alive.about(Vec::new()).fetch_one(&self.readers).await?;
            table::writes(&row)
        })
        .await
    }

    /// Returns whether the database answers within a time limit. It tries a new connection first: those of the pool may
    /// all wait for slow statements. If that fails or takes half of the time, it tries an idle one of the pool.
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

    /// Returns whether the database answers on a new connection. A refusal is an answer too: the role may
    /// have reached its connection limit.
    async fn admits(&self) -> bool {
        let asked = async {
            let mut connection = self.readers.connect_options().connect().await?;
            connection.execute("SELECT 1").await?;
            connection.close().await
        };
        asked.await.map_or_else(|error| shows_life(&error), |()| true)
    }

    /// Returns whether the database answers on an idle connection of the pool.
    async fn idle_answers(&self) -> bool {
        match self.dialect {
            Dialect::Postgres | Dialect::Mysql => {}
            // A ping asks no server here: the file may be gone while a connection has it open.
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
            // SQLite has one writer at a time: a wait for it that times out is no outage.
            Ok(Err(CallError::Sql(sqlx::Error::PoolTimedOut))) if self.dialect == Dialect::Sqlite => {
                Err(StoreError::Busy {
                    status: Status::Silent(StoreKind::Sql),
                })
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(StoreError::timed_out(StoreKind::Sql)),
        }
    }
}

/// An error inside a call, before its text is dropped.
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
    // Statements contain the customer's names of tables and columns, which no log may show.
    let options: AnyConnectOptions = url
        .parse()
        .map_err(|_| StoreError::Misuse(StoreKind::Sql, "the database's URL cannot be read"))?;
    Ok(options.disable_statement_logging())
}

// The file belongs to the customer: a missing one is an error, never a new, empty database.
fn existing_file(url: &str) -> Result<String, StoreError> {
    let (file, parameters) = url.split_once('?').unwrap_or((url, ""));
    let mut kept: Vec<&str> = parameters
        .split('&')
        .filter(|part| !part.is_empty() && !part.starts_with("mode="))
        .collect();
    if file.ends_with(":memory:") || parameters.contains("mode=memory") {
        return Err(StoreError::Misuse(
            StoreKind::Sql,
            "use a file: a SQLite database in memory belongs to one connection",
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
    // Never 0, which means no limit for some of them and no wait for others.
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
