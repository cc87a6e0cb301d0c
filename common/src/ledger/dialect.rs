//! The few places where PostgreSQL and SQLite read different SQL.

/// The kind of database that holds the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// PostgreSQL 13 or newer.
    Postgres,
    /// SQLite, as linked into this program.
    Sqlite,
}

impl Dialect {
    /// Replaces the named differences in a text:
    ///
    /// * `{now}`: milliseconds since 1970 by the database's clock, at this very moment
    /// * `{each}`: the rows of the JSON array in `$1`, as `e.value`
    /// * `{list}`: the aggregate that makes a JSON array of a column
    /// * `{ids}`: the ids of a partition `p` that is a list of them, as `e.value`
    /// * `{bytes}`: texts are told apart, and sorted, by their bytes
    /// * `{skip_locked}`: take the rows, leaving out what others hold
    /// * `{locked}`: take the rows, waiting for those who hold them
    pub(super) fn text(self, sql: &str) -> String {
        let [now, each, list, ids, bytes, skip_locked, locked] = match self {
            Self::Postgres => [
                "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT",
                // In a query of its own, so that planning does not read the list for nothing.
                "jsonb_array_elements((SELECT $1::jsonb)) AS e(value)",
                "jsonb_agg",
                "jsonb_array_elements_text(p.work::jsonb -> 'ids') AS e(value)",
                "COLLATE \"C\"",
                "FOR UPDATE SKIP LOCKED",
                "FOR UPDATE",
            ],
            // SQLite has one writer at a time: nothing to lock, nothing to skip.
            Self::Sqlite => [
                "CAST(unixepoch('subsec') * 1000 AS BIGINT)",
                "json_each($1) AS e",
                "json_group_array",
                "json_each(p.work, '$.ids') AS e",
                "",
                "",
                "",
            ],
        };
        sql.replace("{now}", now)
            .replace("{each}", each)
            .replace("{list}", list)
            .replace("{ids}", ids)
            .replace("{bytes}", bytes)
            .replace("{skip_locked}", skip_locked)
            .replace("{locked}", locked)
    }
}
