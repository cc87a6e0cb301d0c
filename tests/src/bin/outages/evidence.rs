//! The ledger's rows of a job, read past the proxy. They are shown with a fault, never judged.

use std::fmt::Write as _;

use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Row};

/// The maximum number of rows shown per table.
const SHOWN: usize = 12;

/// The ledger's database.
#[derive(Debug, Clone)]
pub(crate) struct Ledger(PgPool);

impl Ledger {
    pub(crate) fn at(url: &str) -> Self {
        Self(lethe_tests::postgres::connect(url))
    }

    /// Returns the rows of a job as JSON, without nulls and without memory ids.
    pub(crate) async fn rows(&self, job: &str) -> String {
        let mut text = String::new();
        let tables = [
            ("jobs", "id", "1"),
            ("partitions", "job_id", "ordinal"),
            ("counts", "job_id", "ordinal"),
        ];
        for (table, key, order) in tables {
            let query = format!(
                "SELECT left((jsonb_strip_nulls(to_jsonb(t)) - 'work' - 'intent')::text, 1200) FROM {table} t WHERE {key} = $1 ORDER BY {order}"
            );
            let rows = sqlx::query(AssertSqlSafe(query)).bind(job).fetch_all(&self.0).await;
            let rows = match rows {
                Ok(rows) => rows,
                Err(error) => return format!("the ledger cannot be read: {error}"),
            };
            for row in rows.iter().take(SHOWN) {
                writeln!(text, "    {table} {}", row.get::<String, _>(0)).expect("a String takes any text");
            }
            if rows.len() > SHOWN {
                writeln!(text, "    {table} … {} rows", rows.len()).expect("a String takes any text");
            }
        }
        text
    }
}
