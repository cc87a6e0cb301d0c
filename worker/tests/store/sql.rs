//! SQL databases. A test that takes a `Database` runs once on each kind.

mod advice;
mod agreeing;
mod bytes;
mod circles;
mod conditions;
mod dependents;
mod filter;
pub(crate) mod harness;
mod holding;
mod locks;
mod mapping;
mod moments;
mod mysql;
mod outliving;
mod owners;
mod paging;
mod postgres;
mod scan;
mod scope;
mod sqlite;
mod stretch;
mod values;

/// Declares each function as one test on PostgreSQL and one on MySQL.
macro_rules! on_servers {
    ($($name:ident),+ $(,)?) => {
        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::sql::harness::Database::postgres().await).await;
            })+
        }
        mod on_mysql {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::sql::harness::Database::mysql().await).await;
            })+
        }
    };
}
use on_servers;

/// Declares each function as one test on SQLite, one on PostgreSQL and one on MySQL.
macro_rules! on_each {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::sql::harness::Database::sqlite().await).await;
            })+
        }
        crate::sql::on_servers! { $($name),+ }
    };
}
use on_each;
