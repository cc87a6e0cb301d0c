//! The ways to install Lethe, over which one suite runs.

/// The databases of the ledger and the memories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sql {
    /// In SQLite files.
    Sqlite,
    /// In PostgreSQL databases.
    Postgres,
    /// The ledger in a SQLite file, the memories in a database of MySQL or MariaDB.
    Mysql,
}

/// The way in which processes wake each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doorbell {
    /// Within the process.
    Local,
    /// Through Redis.
    Redis,
}

/// One way to install Lethe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The databases of the ledger and the memories.
    pub sql: Sql,
    /// The way in which processes wake each other.
    pub doorbell: Doorbell,
}

impl Layout {
    /// One process over files.
    pub const SQLITE: Self = Self {
        sql: Sql::Sqlite,
        doorbell: Doorbell::Local,
    };
    /// One process over files, with Redis.
    pub const SQLITE_REDIS: Self = Self {
        sql: Sql::Sqlite,
        doorbell: Doorbell::Redis,
    };
    /// One process over PostgreSQL.
    pub const POSTGRES: Self = Self {
        sql: Sql::Postgres,
        doorbell: Doorbell::Local,
    };
    /// One process over MySQL or MariaDB.
    pub const MYSQL: Self = Self {
        sql: Sql::Mysql,
        doorbell: Doorbell::Local,
    };
    /// Many processes over PostgreSQL and Redis.
    pub const POSTGRES_REDIS: Self = Self {
        sql: Sql::Postgres,
        doorbell: Doorbell::Redis,
    };
}

/// Makes a test of each function in each layout: `on_every_layout!(erases, cancels);`.
#[macro_export]
macro_rules! on_every_layout {
    ($($name:ident),* $(,)?) => {
        $crate::on_layouts!(sqlite_local = SQLITE: $($name),*);
        $crate::on_layouts!(sqlite_redis = SQLITE_REDIS: $($name),*);
        $crate::on_layouts!(postgres_local = POSTGRES: $($name),*);
        $crate::on_layouts!(postgres_redis = POSTGRES_REDIS: $($name),*);
    };
}

/// Makes a test of each function on both databases.
#[macro_export]
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {
        $crate::on_layouts!(sqlite = SQLITE: $($name),*);
        $crate::on_layouts!(postgres = POSTGRES_REDIS: $($name),*);
    };
}

/// Makes a test of each function on each database that memories may be in.
#[macro_export]
macro_rules! on_each_database {
    ($($name:ident),* $(,)?) => {
        $crate::on_both_databases!($($name),*);
        $crate::on_layouts!(mysql = MYSQL: $($name),*);
    };
}

/// Makes a module of tests for one layout.
#[macro_export]
macro_rules! on_layouts {
    ($module:ident = $layout:ident: $($name:ident),*) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                Box::pin(super::$name($crate::layout::Layout::$layout)).await;
            })*
        }
    };
}
