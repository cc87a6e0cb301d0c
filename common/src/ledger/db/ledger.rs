//! The handle of the ledger: opening, migrations, transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use secrecy::ExposeSecret;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Connection as _, SqlSafeStr, Transaction};
use tokio::sync::{Notify, Semaphore, SetOnce};

use super::dialect::Dialect;
use super::emptied::Emptied;
use super::error::LedgerError;
use super::group::Groups;
use super::options::LedgerOptions;
use super::pools::Pools;
use super::reported::Reported;

/// The ledger of one installation.
#[derive(Clone)]
pub struct Ledger {
    pub(in crate::ledger) inner: Arc<Inner>,
}

/// The state that all methods of the ledger share.
pub(in crate::ledger) struct Inner {
    pub(in crate::ledger) dialect: Dialect,
    /// The connection pool for writes. On SQLite it has a single connection, since SQLite has one writer at a time.
    pub(in crate::ledger) write: AnyPool,
    pub(in crate::ledger) read: AnyPool,
    /// Set once the migrations are complete, and this process may use them.
    migrated: SetOnce<()>,
    pub(in crate::ledger) options: LedgerOptions,
    /// The rows of the totals to which this process adds.
    pub(in crate::ledger) slot: i64,
    /// The calls that run in groups.
    pub(in crate::ledger) groups: Groups,
    /// Permits for reading on one connection while writing on another. There is one permit fewer than connections, so
    /// that at least one holder of a permit gets its second connection.
    pub(in crate::ledger) pairs: Semaphore,
    /// The time at which SQLite's write-ahead log was last emptied.
    pub(in crate::ledger) emptied: Emptied,
    /// Whether events of the audit trail were past their retention at the last look of a user who may not delete them.
    pub(in crate::ledger) overdue_events: AtomicBool,
    /// Whether receipts were past their retention at the last look of a user who may not change them.
    pub(in crate::ledger) overdue_receipts: AtomicBool,
    /// The receipts that cannot be made.
    pub(in crate::ledger) unmade_receipts: Reported,
    /// The held jobs that cannot be queued again.
    pub(in crate::ledger) unqueued_jobs: Reported,
    /// The events of the audit trail that the database has refused to this process.
    pub(in crate::ledger) unwritten_events: AtomicU64,
    /// Notifies the sequencer of this process that something may need a place in the log.
    pub(in crate::ledger) log: Notify,
}

impl Ledger {
    /// Opens the ledger without connecting yet. The database may start later.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Url`] for a URL with an unknown scheme.
    pub fn open(options: LedgerOptions) -> Result<Self, LedgerError> {
        let pools = Pools::to(options.url.expose_secret(), options.max_connections)?;
        Ok(Self {
            inner: Arc::new_cyclic(|weak| Inner {
                dialect: pools.dialect,
                pairs: Semaphore::new(pools.readers - 1),
                emptied: Emptied::default(),
                overdue_events: AtomicBool::new(false),
                overdue_receipts: AtomicBool::new(false),
                unmade_receipts: Reported::default(),
                unqueued_jobs: Reported::default(),
                unwritten_events: AtomicU64::new(0),
                log: Notify::new(),
                write: pools.write,
                read: pools.read,
                migrated: SetOnce::new(),
                options,
                slot: rand::random_range(0..SLOTS),
                groups: Groups::new(weak.clone()),
            }),
        })
    }

    /// Applies the missing migrations. Many processes may do so at once. If none is missing, the user of the URL needs
    /// no right to change the schema.
    ///
    /// # Cancel safety
    ///
    /// A dropped call leaves each migration applied or not.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database cannot be reached. [`LedgerError::Unmigrated`] if this user may not
    /// apply what is missing. [`LedgerError::Migration`] if another version of Lethe has migrated the ledger.
    pub async fn migrate(&self) -> Result<(), LedgerError> {
        // It leaves the pool. A run that fails or is dropped may keep its lock on PostgreSQL until the session ends, or
        // wait for the lock of another process. Neither the pool nor other processes wait for that.
        let mut connection = self.inner.write.acquire().await?.detach();
        let migrated = self.migrate_on(&mut connection).await;
        drop(connection.close().await);
        migrated?;
        // Another call may have set it.
        self.inner.migrated.set(()).ok();
        Ok(())
    }

    async fn migrate_on(&self, connection: &mut AnyConnection) -> Result<(), LedgerError> {
        if !super::migrations::are_applied(connection).await? {
            super::migrations::all().run(&mut *connection).await?;
        }
        if self.inner.dialect == Dialect::Postgres {
            super::personal::keep_no_statistics(connection).await?;
            super::storage::leave_room(connection).await?;
        }
        Ok(())
    }

    /// Returns whether [`Ledger::migrate`] has succeeded in this process.
    pub fn is_migrated(&self) -> bool {
        self.inner.migrated.initialized()
    }

    /// Waits until [`Ledger::migrate`] has succeeded in this process.
    pub async fn migrated(&self) {
        self.inner.migrated.wait().await;
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

/// The number of rows over which one sum of the totals is spread.
// More than the processes of a large installation that write at the same moment, and few enough to sum.
const SLOTS: i64 = 64;

impl Inner {
    /// Begins a transaction that may write.
    // On SQLite a deferred transaction that becomes a writer may fail at once, whatever the busy timeout.
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

    /// Returns a connection for one statement that writes. The statement is a transaction of its own: the database applies
    /// all of it or nothing.
    // Without `BEGIN` and `COMMIT`, which are round trips of their own. The settings of [`Pools`], such as
    // `synchronous_commit`, are the session's, so they hold for this statement too.
    pub(in crate::ledger) async fn once(&self) -> Result<PoolConnection<Any>, LedgerError> {
        Ok(self.write.acquire().await?)
    }

    /// Returns whether a statement may consist of several writes (`WITH … AS (UPDATE … RETURNING …) …`).
    // SQLite has no such statements. Its calls have no round trips either, so a transaction costs it little.
    pub(in crate::ledger) fn merges(&self) -> bool {
        self.dialect == Dialect::Postgres
    }

    /// Returns the text of a statement in this database's dialect.
    // Texts are made of constants of this module. Values are bound; only numbers and parsed UUIDs are part of a text.
    pub(in crate::ledger) fn sql(&self, text: &str) -> sqlx::SqlStr {
        AssertSqlSafe(self.dialect.text(text)).into_sql_str()
    }
}
