//! MySQL or MariaDB: a database of a test's own on the shared server.

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, Connection};

use crate::variable;

/// Where the shared server is.
pub fn shared() -> String {
    variable("LETHE_TEST_MYSQL_URL").expect(
        "set LETHE_TEST_MYSQL_URL to a server of MySQL or MariaDB where databases may be created, \
         such as mysql://root@127.0.0.1:3306/mysql",
    )
}

/// Makes a database on the server of `url`, with the collation that servers give it, and returns its URL.
pub async fn database_on(url: &str, purpose: &str) -> String {
    let name = format!("lethe_{purpose}_{}", uuid::Uuid::now_v7().simple());
    let mut admin = MySqlConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")))
        .execute(&mut admin)
        .await
        .unwrap();
    admin.close().await.unwrap();
    let base = url.split('?').next().unwrap();
    format!("{}/{name}", base.rsplit_once('/').unwrap().0)
}

/// Takes a database of [`database_on`] away.
pub async fn drop_database(url: &str) {
    let name = url.rsplit_once('/').unwrap().1;
    let mut admin = MySqlConnection::connect(&shared()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}")))
        .execute(&mut admin)
        .await
        .unwrap();
}

/// Returns a few connections to a database.
pub fn connect(url: &str) -> MySqlPool {
    let options: MySqlConnectOptions = url.parse().unwrap();
    MySqlPoolOptions::new().max_connections(3).connect_lazy_with(options)
}
