//! Filling the placeholders of a statement for the database that holds the ledger.
//!
//! Both databases share the texts of statements. Their few differences, and the words of closed sets, are placeholders.

use super::words;

/// The kind of database that holds the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) enum Dialect {
    /// PostgreSQL 13 or newer.
    Postgres,
    /// SQLite, as linked into this program.
    Sqlite,
}

impl Dialect {
    /// Fills the placeholders of a text:
    ///
    /// * `{now}`: milliseconds since 1970 by the database's clock, at this very moment
    /// * `{each}`: the elements of the JSON array in `$1`, as `e.value`
    /// * `{in_ids}`: equals the `id` of one of those elements. Write it beside a join with `{each}` too: then
    ///   PostgreSQL uses the index, whatever number of rows it expects in the table
    /// * `{in_jobs}`, `{in_requests}`: the same with their `job` or `request`
    /// * `{by_key}`: the partition has the `job` and `ordinal` of `e.value`. As with `{in_ids}`, PostgreSQL uses the
    ///   primary key: both job ids and ordinals, since one job may have a million partitions
    /// * `{list}`: the aggregate that makes a JSON array of a column
    /// * `{object}`: the function that makes a JSON object of names and values
    /// * `{ids}`: the ids of a partition `p` that is a list of ids, as `e.value`
    /// * `{bytes}`: compares and sorts texts by their bytes
    /// * `{skip_locked}`: locks the rows, and skips rows that another transaction has locked
    /// * `{locked}`: locks the rows, and waits for rows that another transaction has locked
    /// * `{partition.due}` and the like: a [word](words) of a closed set, as a literal
    /// * `{outcomes.settled}` and the like: a [list](words::list) of such words, in parentheses
    ///
    /// Other braces stay as they are: JSON has them too.
    // Words are literals, not bound values: a partial index serves only a statement that contains its condition.
    pub(in crate::ledger) fn text(self, sql: &str) -> String {
        let mut text = String::with_capacity(sql.len() * 2);
        let mut rest = sql;
        while let Some((before, from)) = rest.split_once('{') {
            text.push_str(before);
            rest = match from.split_once('}') {
                Some((name, after)) if self.fill(name, &mut text) => after,
                _ => {
                    text.push('{');
                    from
                }
            };
        }
        text.push_str(rest);
        text
    }

    /// Appends the text of a placeholder; returns whether `name` is a placeholder.
    fn fill(self, name: &str, text: &mut String) -> bool {
        if let Some(sql) = self.difference(name) {
            text.push_str(sql);
        } else if let Some(word) = words::word(name) {
            text.extend(["'", word, "'"]);
        } else if let Some(list) = words::list(name) {
            text.push_str(&list);
        } else {
            return false;
        }
        true
    }

    /// Returns the text of a placeholder that differs between the databases.
    fn difference(self, name: &str) -> Option<&'static str> {
        Some(match (name, self) {
            ("now", Self::Postgres) => "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT",
            ("now", Self::Sqlite) => "CAST(unixepoch('subsec') * 1000 AS BIGINT)",
            // In a subquery: otherwise PostgreSQL would also read the list to plan the statement.
            ("each", Self::Postgres) => "jsonb_array_elements((SELECT $1::jsonb)) AS e(value)",
            ("each", Self::Sqlite) => "json_each($1) AS e",
            // An array, not a join: PostgreSQL cannot estimate the rows of the join, and may compare each with each.
            ("in_ids", Self::Postgres) => {
                "= ANY (ARRAY(SELECT e.value->>'id' FROM jsonb_array_elements($1::jsonb) AS e(value)))"
            }
            ("in_ids", Self::Sqlite) => "IN (SELECT e.value->>'id' FROM json_each($1) AS e)",
            ("in_jobs", Self::Postgres) => {
                "= ANY (ARRAY(SELECT e.value->>'job' FROM jsonb_array_elements($1::jsonb) AS e(value)))"
            }
            ("in_jobs", Self::Sqlite) => "IN (SELECT e.value->>'job' FROM json_each($1) AS e)",
            ("in_requests", Self::Postgres) => {
                "= ANY (ARRAY(SELECT e.value->>'request' FROM jsonb_array_elements($1::jsonb) AS e(value)))"
            }
            ("in_requests", Self::Sqlite) => "IN (SELECT e.value->>'request' FROM json_each($1) AS e)",
            ("by_key", Self::Postgres) => {
                "partitions.job_id = e.value->>'job' AND partitions.ordinal = CAST(e.value->>'ordinal' AS BIGINT)
                AND partitions.job_id = ANY (ARRAY(SELECT e.value->>'job' FROM jsonb_array_elements($1::jsonb) AS e(value)))
                AND partitions.ordinal = ANY (ARRAY(SELECT CAST(e.value->>'ordinal' AS BIGINT)
                    FROM jsonb_array_elements($1::jsonb) AS e(value)))"
            }
            ("by_key", Self::Sqlite) => {
                "partitions.job_id = e.value->>'job' AND partitions.ordinal = CAST(e.value->>'ordinal' AS BIGINT)"
            }
            ("list", Self::Postgres) => "jsonb_agg",
            ("list", Self::Sqlite) => "json_group_array",
            ("object", Self::Postgres) => "json_build_object",
            ("object", Self::Sqlite) => "json_object",
            ("ids", Self::Postgres) => "jsonb_array_elements_text(p.work::jsonb -> 'ids') AS e(value)",
            ("ids", Self::Sqlite) => "json_each(p.work, '$.ids') AS e",
            ("bytes", Self::Postgres) => "COLLATE \"C\"",
            ("skip_locked", Self::Postgres) => "FOR UPDATE SKIP LOCKED",
            ("locked", Self::Postgres) => "FOR UPDATE",
            // SQLite compares bytes by default. It has one writer at a time, so there is nothing to lock or skip.
            ("bytes" | "skip_locked" | "locked", Self::Sqlite) => "",
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        for (text, on_sqlite) in [
            ("state = {partition.due}", "state = 'due'"),
            (
                "state IN ({job.queued}, {job.running}) {locked}",
                "state IN ('queued', 'running') ",
            ),
            (
                "outcome <> {residue} AND code = {code.point_conflict}",
                "outcome <> 'residue' AND code = 'point_conflict'",
            ),
            (
                "kind = {kind.read_back} OR kind = {selector.ids}",
                "kind = 'read_back' OR kind = 'ids'",
            ),
            (
                "outcome IN {outcomes.fail_job}",
                "outcome IN ('unsupported', 'unverifiable', 'failed')",
            ),
            ("outcome IN {outcomes.settled}", "outcome IN ('erased', 'absent')"),
            ("'{\"ids\":[]}' || {store.sql}", "'{\"ids\":[]}' || 'sql'"),
            ("LIKE '{____}' OR '{' {run.fired}", "LIKE '{____}' OR '{' 'fired'"),
            ("{snapshot.batch} {", "'batch' {"),
        ] {
            assert_eq!(Dialect::Sqlite.text(text), on_sqlite);
        }
    }

    #[test]
    fn a_word_that_its_set_does_not_have_is_refused_by_the_database() {
        for text in [
            "{partition.queued}",
            "{job.due}",
            "{outcome.residue}",
            "{outcomes.retry}",
            "{due}",
            "{state.due}",
        ] {
            assert_eq!(Dialect::Postgres.text(text), text);
        }
    }
}
