//! The ledger of a site, opened beside its processes.

use lethe_common::config::Config;
use lethe_common::ledger::{Ledger, LedgerOptions};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::service::Site;
use crate::wait::DEADLINE;

/// Returns the ledger of a site, as its processes open it.
pub fn beside(site: &Site) -> Ledger {
    let config = Config::from_toml(&site.config.text()).unwrap();
    let file = site.directory.path().join("data/ledger.sqlite");
    let url = config.ledger.url.clone();
    Ledger::open(LedgerOptions {
        url: url.unwrap_or_else(|| format!("sqlite://{}", file.display()).into()),
        max_connections: 2,
        ..LedgerOptions::from(&config)
    })
    .unwrap()
}

/// The name of the trigger that refuses rows.
const TRIGGER: &str = "refused_by_a_test";

/// Makes the ledger's database refuse rows of a table: the rows that an `event` (`INSERT`, `UPDATE`) would write and
/// that match `when`.
pub async fn refuse(site: &Site, table: &str, event: &str, when: &str) {
    let statements = if site.ledger.is_some() {
        format!(
            "CREATE FUNCTION {TRIGGER}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
             CREATE TRIGGER {TRIGGER} BEFORE {event} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION {TRIGGER}()"
        )
    } else {
        let raise = "SELECT RAISE(ABORT, 'refused')";
        format!("CREATE TRIGGER {TRIGGER} BEFORE {event} ON {table} WHEN {when} BEGIN {raise}; END")
    };
    run(site, &statements).await;
}

/// Removes the trigger of [`refuse`].
pub async fn refuse_nothing(site: &Site, table: &str) {
    let of = if site.ledger.is_some() {
        format!(" ON {table}")
    } else {
        String::new()
    };
    run(site, &format!("DROP TRIGGER {TRIGGER}{of}")).await;
}

/// Makes the text of an applied migration another one than the program's.
pub async fn change_a_migration(site: &Site) {
    run(site, "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 1").await;
}

/// Runs statements directly on the ledger's database.
async fn run(site: &Site, statements: &str) {
    let statements = sqlx::raw_sql(AssertSqlSafe(statements));
    if let Some(url) = &site.ledger {
        let mut connection = PgConnection::connect(url).await.unwrap();
        statements.execute(&mut connection).await.unwrap();
    } else {
        let file = site.directory.path().join("data/ledger.sqlite");
        let options = SqliteConnectOptions::new().filename(file).busy_timeout(DEADLINE);
        let mut connection = options.connect().await.unwrap();
        statements.execute(&mut connection).await.unwrap();
    }
}
