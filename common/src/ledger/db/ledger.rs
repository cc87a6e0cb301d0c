//! Opening the ledger: connections, pragmas, migrations, transactions.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Executor, SqlSafeStr, Transaction};
use tokio::sync::Semaphore;

use super::dialect::Dialect;
use super::error::LedgerError;
use super::group::Groups;
use crate::config::Config;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// How the ledger is opened.
#[derive(Debug, Clone)]
pub struct LedgerOptions {
    /// `postgres://…` or `sqlite://path`.
    pub url: SecretString,
    /// The most connections this process opens, at least two.
    pub max_connections: u32,
    /// How long a lease lasts.
    pub lease: Duration,
    /// How many further rounds reading back may start.
    pub max_rounds: u32,
    /// After how long without progress a job fails: [`Ledger::give_up`].
    pub give_up_after: Duration,
    /// How many leases of a partition that cannot be read may run out before it fails.
    pub rescues: u32,
}

impl From<&Config> for LedgerOptions {
    /// Takes the settings of a process. Without a configured URL the ledger is a file whose place the caller knows.
    fn from(config: &Config) -> Self {
        Self {
            url: config.ledger.url.clone().unwrap_or_default(),
            max_connections: config.ledger.max_connections,
            lease: config.lease.duration,
            max_rounds: config.retry.rounds,
            give_up_after: config.retry.give_up_after,
            rescues: config.lease.rescues,
        }
    }
}

/// The ledger of one installation.
#[derive(Clone)]
pub struct Ledger {
    pub(in crate::ledger) inner: Arc<Inner>,
}

pub(in crate::ledger) struct Inner {
    pub(in crate::ledger) dialect: Dialect,
    /// Writes: on SQLite a single connection, since it has one writer at a time anyway.
    pub(in crate::ledger) write: AnyPool,
    pub(in crate::ledger) read: AnyPool,
    pub(in crate::ledger) options: LedgerOptions,
    /// This process' row of the totals.
    pub(in crate::ledger) slot: i64,
    /// What is written together with what else waits.
    pub(in crate::ledger) groups: Groups,
    /// Permits for reading on one connection while writing on another: one fewer than there are connections, so
    /// that of those who hold the first one somebody always gets the second.
    pub(in crate::ledger) pairs: Semaphore,
}

impl Ledger {
    /// Opens the ledger without connecting yet: the database may come up later.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Url`] for a URL of another kind.
    pub fn open(options: LedgerOptions) -> Result<Self, LedgerError> {
        sqlx::any::install_default_drivers();
        let url = options.url.expose_secret();
        let dialect = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Dialect::Postgres
        } else if url.starts_with("sqlite:") {
            Dialect::Sqlite
        } else {
            return Err(LedgerError::Url);
        };
        let connect: AnyConnectOptions = url.parse().map_err(|_| LedgerError::Url)?;
        let pool = |connections: u32| {
            AnyPoolOptions::new()
                .max_connections(connections)
                // Long enough for a burst, short enough that a caller still gets its 503.
                .acquire_timeout(Duration::from_secs(5))
                .after_connect(move |connection, _| Box::pin(prepare(dialect, connection)))
                .connect_lazy_with(connect.clone())
        };
        let readers = match dialect {
            Dialect::Postgres => options.max_connections.max(2),
            Dialect::Sqlite => options.max_connections.clamp(2, 4),
        };
        let pairs = readers as usize - 1;
        let (write, read) = match dialect {
            Dialect::Postgres => {
                let both = pool(readers);
                (both.clone(), both)
            }
            Dialect::Sqlite => (pool(1), pool(readers)),
        };
        Ok(Self {
            inner: Arc::new_cyclic(|weak| Inner {
                dialect,
                write,
                read,
                options,
                slot: rand::random_range(0..SLOTS),
                groups: Groups::new(weak.clone()),
                pairs: Semaphore::new(pairs),
            }),
        })
    }

    /// Applies the migrations that are missing; many processes may do so at once.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database cannot be reached.
    pub async fn migrate(&self) -> Result<(), LedgerError> {
        let mut connection = self.inner.write.acquire().await?;
        MIGRATIONS.run(&mut *connection).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) => LedgerError::from(error),
            other => LedgerError::Migration(other),
        })
    }

    /// Returns once the database has answered.
    pub async fn ping(&self) -> Result<(), LedgerError> {
        sqlx::query("SELECT 1").execute(&self.inner.read).await?;
        Ok(())
    }

    /// Closes the connections, waiting for those in use.
    pub async fn close(&self) {
        self.inner.write.close().await;
        self.inner.read.close().await;
    }
}

/// How many rows the totals of one metric may be spread over.
// More than the processes of a large installation write at the same moment, few enough to sum.
const SLOTS: i64 = 64;

impl Inner {
    /// Begins a transaction that may write.
    // On SQLite a deferred transaction that turns into a writer fails at once, whatever the timeout.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the ledger begins a transaction"
    )]
    pub(in crate::ledger) async fn begin(&self) -> Result<Transaction<'static, Any>, LedgerError> {
        Ok(match self.dialect {
            Dialect::Postgres => self.write.begin().await?,
            Dialect::Sqlite => self.write.begin_with("BEGIN IMMEDIATE").await?,
        })
    }

    /// Returns a text of the ledger in this database's dialect.
    // Texts of the ledger are constants of this module; values are always bound.
    pub(in crate::ledger) fn sql(&self, text: &str) -> sqlx::SqlStr {
        AssertSqlSafe(self.dialect.text(text)).into_sql_str()
    }
}

async fn prepare(dialect: Dialect, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let settings = match dialect {
        // A statement of the ledger that takes longer than this is stuck behind a lock. Lists of ids
        // hardly get smaller: where the server has a quick way to try, it is taken.
        Dialect::Postgres => {
            "SET statement_timeout = '30s'; SET application_name = 'lethe'; SET synchronous_commit = on;
            SELECT set_config(name, 'lz4', false) FROM pg_catalog.pg_settings
                WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"
        }
        // FULL: what was acknowledged is on the disk. secure_delete: forgotten ids leave the file too.
        Dialect::Sqlite => {
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; PRAGMA secure_delete = ON"
        }
    };
    connection.execute(settings).await?;
    Ok(())
}
