//! The connection pools, and the settings of each connection.

use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Connection as _, Executor};

use super::dialect::Dialect;
use super::error::LedgerError;

/// The connection pools of a process.
pub(super) struct Pools {
    pub(super) dialect: Dialect,
    pub(super) write: AnyPool,
    pub(super) read: AnyPool,
    /// The most connections that read.
    pub(super) readers: usize,
}

impl Pools {
    /// Prepares connections to a database, without connecting yet.
    pub(super) fn to(url: &str, most: u32) -> Result<Self, LedgerError> {
        sqlx::any::install_default_drivers();
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
                .test_before_acquire(false)
                .before_acquire(|connection, meta| {
                    Box::pin(async move { Ok(meta.idle_for < FRESH || connection.ping().await.is_ok()) })
                })
                .after_connect(move |connection, _| Box::pin(prepare(dialect, connection)))
                .connect_lazy_with(connect.clone())
        };
        let readers = match dialect {
            Dialect::Postgres => most.max(2),
            Dialect::Sqlite => most.clamp(2, 4),
        };
        let (write, read) = match dialect {
            Dialect::Postgres => {
                let both = pool(readers);
                (both.clone(), both)
            }
            Dialect::Sqlite => (pool(1), pool(readers)),
        };
        Ok(Self {
            dialect,
            write,
            read,
            readers: readers as usize,
        })
    }
}

/// The time for which an idle connection needs no test. The pool tests each connection when it becomes idle.
// A test is a round trip before each statement. Under load a connection is idle for a few milliseconds. A connection that
// breaks within this time fails one call, as a connection in use does.
const FRESH: Duration = Duration::from_millis(100);

/// The time for which SQLite waits for another writer: 5 s.
pub(in crate::ledger) const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

async fn prepare(dialect: Dialect, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let settings = match dialect {
        // A statement of the ledger that takes longer than the time limit is stuck behind a lock. Lists of ids hardly
        // compress, so the fast lz4 is used if the server has it. Every statement has an index and finds few rows.
        // Reading a whole table, which the planner prefers while a table is small, costs ten times as much.
        Dialect::Postgres => {
            "SET statement_timeout = '30s'; SET application_name = 'lethe'; SET synchronous_commit = on;
            SET enable_seqscan = off; SET random_page_cost = 1.1; SET jit = off;
            SELECT set_config(name, 'lz4', false) FROM pg_catalog.pg_settings
                WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"
        }
        // FULL: an acknowledged commit is on disk. secure_delete: forgotten ids leave the file too.
        Dialect::Sqlite => "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON",
    };
    if dialect == Dialect::Sqlite {
        // This comes first: the other settings may have to wait for another process.
        connection.execute(BUSY_TIMEOUT).await?;
    }
    connection.execute(settings).await?;
    Ok(())
}
