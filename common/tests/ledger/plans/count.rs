//! The pages that statements have read, by PostgreSQL's own counts.

use std::collections::HashMap;

use sqlx::{AnyPool, Executor, Row};

/// The calls of each statement, and the pages that they have read.
// Without the texts. PostgreSQL reads those from one file, which has the statements of all tests of the server.
const READ: &str = "
    SELECT queryid, CAST(SUM(calls) AS BIGINT) AS calls,
        CAST(SUM(shared_blks_hit + shared_blks_read) AS BIGINT) AS pages
    FROM pg_stat_statements(false) WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY queryid";

/// The names of the ledger's statements. Other statements have none.
const NAMES: &str = "
    SELECT queryid, substring(query from '^-- (ledger::[a-z_ ]+)') AS name FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Calls of a statement, and the pages that they have read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    calls: i64,
    pages: i64,
}

impl Count {
    /// Returns the pages of a call since `before`, if there was a call.
    pub(super) fn pages_since(self, before: Self) -> Option<i64> {
        let calls = self.calls - before.calls;
        (calls > 0).then(|| (self.pages - before.pages) / calls)
    }
}

/// Returns the counts of all statements of the database, by PostgreSQL's id of a statement.
pub(super) async fn read(pool: &AnyPool) -> HashMap<i64, Count> {
    let rows = pool.fetch_all(READ).await.unwrap();
    let counts = rows.iter().map(|row| {
        let (calls, pages) = (row.get("calls"), row.get("pages"));
        (row.get("queryid"), Count { calls, pages })
    });
    counts.collect()
}

/// Returns the names of all statements of the database, by PostgreSQL's id of a statement.
pub(super) async fn names(pool: &AnyPool) -> HashMap<i64, Option<String>> {
    let rows = pool.fetch_all(NAMES).await.unwrap();
    let names = rows.iter().map(|row| {
        let name: Option<String> = row.get("name");
        (row.get("queryid"), name.map(|name| name.trim().to_owned()))
    });
    names.collect()
}
