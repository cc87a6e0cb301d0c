//! The ledger as its users hold it: opening, migrations, transactions.

use std::sync::Arc;

use secrecy::ExposeSecret;
use sqlx::{Any, AnyPool, AssertSqlSafe, SqlSafeStr, Transaction};
use tokio::sync::Semaphore;

use super::dialect::Dialect;
use super::emptied::Emptied;
use super::error::LedgerError;
use super::group::Groups;
use super::options::LedgerOptions;
use super::pools::Pools;

/// The ledger of one installation.
#[derive(Clone)]
pub struct Ledger {
    pub(in crate::ledger) inner: Arc<Inner>,
}

/// What every method of the ledger works with.
pub(in crate::ledger) struct Inner {
    pub(in crate::ledger) dialect: Dialect,
    /// Writes: on SQLite a single connection, since it has one writer at a time anyway.
    pub(in crate::ledger) write: AnyPool,
    pub(in crate::ledger) read: AnyPool,
    pub(in crate::ledger) options: LedgerOptions,
    /// This process' row of the totals.
    pub(in crate::ledger) slot: i64,
    /// What is done together with what else waits.
    pub(in crate::ledger) groups: Groups,
    /// Permits for reading on one connection while writing on another: one fewer than there are connections, so
    /// that of those who hold the first one somebody always gets the second.
    pub(in crate::ledger) pairs: Semaphore,
    /// When SQLite's log was emptied.
    pub(in crate::ledger) emptied: Emptied,
}

impl Ledger {
    /// Opens the ledger without connecting yet: the database may come up later.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Url`] for a URL of another kind.
    pub fn open(options: LedgerOptions) -> Result<Self, LedgerError> {
        let pools = Pools::to(options.url.expose_secret(), options.max_connections)?;
        Ok(Self {
            inner: Arc::new_cyclic(|weak| Inner {
                dialect: pools.dialect,
                pairs: Semaphore::new(pools.readers - 1),
                emptied: Emptied::default(),
                write: pools.write,
                read: pools.read,
                options,
                slot: rand::random_range(0..SLOTS),
                groups: Groups::new(weak.clone()),
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
        let migrated = super::migrations::all()
            .run(&mut *connection)
            .await
            .map_err(|error| match error {
                sqlx::migrate::MigrateError::Execute(error) => LedgerError::from(error),
                other => LedgerError::Migration(other),
            });
        migrated?;
        if self.inner.dialect == Dialect::Postgres {
            super::personal::keep_no_statistics(&mut connection).await?;
            super::storage::leave_room(&mut connection).await?;
        }
        Ok(())
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
