//! The texts about rows in the order of their keys: pages, counts and cuts.

use super::super::column::Column;
use super::super::compare::{as_text, equals, ordered, reach, typed};
use super::super::dialect::Dialect;
use super::super::mapping::Mapping;
use super::super::statement::Sql;
use super::{only_reads, place, version, whose};

/// The rows of a page or a count.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Range<'a> {
    /// The condition of a query, and the number of its values, which are bound first.
    pub(in super::super) query: Option<(&'a str, usize)>,
    /// The columns whose required values are bound next, in this order.
    pub(in super::super) demanded: &'a [&'a Column],
    /// Whether a lower bound (exclusive) is bound next.
    pub(in super::super) after: bool,
    /// Whether an upper bound (inclusive) is bound after that.
    pub(in super::super) through: bool,
}

/// Returns the text of a page of ids in key order, each with its version, its location, 1 if it is not `unchanged`,
/// the values compared with points, and [`ONLY_READS`](super::ONLY_READS). The limit is bound last.
pub(in super::super) fn page(dialect: Dialect, mapping: &Mapping, range: Range<'_>, unchanged: Option<&str>) -> Sql {
    let key = ordered(&mapping.id);
    let id = as_text(dialect, &mapping.id, "m");
    let (filter, bound) = scoped(mapping, range);
    Sql::vouched(
        dialect,
        format!(
            "-- store::sql::page\n\
         SELECT {id}, {version}, {place}, {changed}, {whose}, {only_reads} FROM {table} AS m\n\
         WHERE {filter} AND {column} IS NOT NULL\n\
         ORDER BY {key} LIMIT ${limit}",
            version = version(dialect, mapping),
            only_reads = only_reads(dialect),
            changed = changed(unchanged),
            place = place(dialect, mapping).unwrap_or_else(|| no_text(dialect)),
            whose = whose(dialect, mapping).unwrap_or_else(|| no_text(dialect).to_owned()),
            table = mapping.table,
            column = reach(&mapping.id, "m"),
            limit = bound + 1,
        ),
    )
}

/// Returns an expression that is 1 for a row that was changed since the start, else 0.
fn changed(unchanged: Option<&str>) -> String {
    unchanged.map_or_else(
        || "0".to_owned(),
        |unchanged| format!("CASE WHEN {unchanged} THEN 0 ELSE 1 END"),
    )
}

fn no_text(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "NULL::pg_catalog.text",
        Dialect::Sqlite => "NULL",
        Dialect::Mysql => "CAST(NULL AS CHAR)",
    }
}

/// Returns the text of one id in key order; the number of ids before it is bound last.
pub(in super::super) fn nth(dialect: Dialect, mapping: &Mapping, range: Range<'_>) -> Sql {
    let (filter, bound) = scoped(mapping, range);
    let text = format!(
        "-- store::sql::nth\n\
         SELECT {id} FROM {table} AS m WHERE {filter} AND {column} IS NOT NULL\n\
         ORDER BY {key} LIMIT 1 OFFSET ${skipped}",
        id = as_text(dialect, &mapping.id, "m"),
        table = mapping.table,
        column = reach(&mapping.id, "m"),
        key = ordered(&mapping.id),
        skipped = bound + 1,
    );
    Sql::vouched(dialect, text)
}

/// Returns the text of the last id in key order, and whether its row was changed since the start.
pub(in super::super) fn last(dialect: Dialect, mapping: &Mapping, range: Range<'_>, unchanged: Option<&str>) -> Sql {
    let (filter, _) = scoped(mapping, range);
    // PostgreSQL refuses a bound value that the text does not name, hence `changed`.
    let text = format!(
        "-- store::sql::last\n\
         SELECT {id}, {changed} FROM {table} AS m WHERE {filter} AND {column} IS NOT NULL\n\
         ORDER BY {key} DESC LIMIT 1",
        changed = changed(unchanged),
        id = as_text(dialect, &mapping.id, "m"),
        table = mapping.table,
        column = reach(&mapping.id, "m"),
        key = ordered(&mapping.id),
    );
    Sql::vouched(dialect, text)
}

/// Returns the text of every n-th id, in key order, of a sample of the table; n is bound last. `None` where
/// the database draws no samples.
pub(in super::super) fn sample(dialect: Dialect, mapping: &Mapping, range: Range<'_>, percent: u8) -> Option<Sql> {
    match dialect {
        Dialect::Postgres => {}
        Dialect::Sqlite | Dialect::Mysql => return None,
    }
    let (filter, bound) = scoped(mapping, range);
    let text = format!(
        "-- store::sql::sample\n\
         SELECT id FROM (\n\
         SELECT {id} AS id, pg_catalog.row_number() OVER (ORDER BY {key}) AS n\n\
         FROM {table} AS m TABLESAMPLE SYSTEM ({percent}) REPEATABLE (0)\n\
         WHERE {filter} AND {column} IS NOT NULL) AS s\n\
         WHERE n % ${every} = 0 ORDER BY n",
        id = as_text(dialect, &mapping.id, "m"),
        table = mapping.table,
        column = reach(&mapping.id, "m"),
        key = ordered(&mapping.id),
        every = bound + 1,
    );
    Some(Sql::vouched(dialect, text))
}

/// Returns the text of the database's estimate of the rows in a table, whose name is bound; 0: unknown. `None`
/// where no caller needs it.
pub(in super::super) fn estimate(dialect: Dialect) -> Option<Sql> {
    let text = "-- store::sql::estimate\n\
        SELECT COALESCE(sum(GREATEST(c.reltuples, 0)), 0)::pg_catalog.int8\n\
        FROM pg_catalog.pg_class AS c WHERE c.relkind <> 'p' AND (c.oid = pg_catalog.to_regclass($1)\n\
        OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)) AS p))";
    match dialect {
        Dialect::Postgres => Some(Sql::vouched(dialect, text.to_owned())),
        Dialect::Sqlite | Dialect::Mysql => None,
    }
}

/// Returns the text of one id in key order, without conditions; the number of ids before it is bound last.
pub(in super::super) fn stretch(dialect: Dialect, mapping: &Mapping, after: bool, through: bool) -> Sql {
    let nothing = Range {
        query: None,
        demanded: &[],
        after,
        through,
    };
    let (bounds, bound) = filter(mapping, nothing);
    let bounds = if bounds.is_empty() {
        bounds
    } else {
        format!("{bounds} AND ")
    };
    let text = format!(
        "-- store::sql::stretch\n\
         SELECT {id} FROM {table} AS m WHERE {bounds}{column} IS NOT NULL\n\
         ORDER BY {key} LIMIT 1 OFFSET ${skipped}",
        id = as_text(dialect, &mapping.id, "m"),
        table = mapping.table,
        column = reach(&mapping.id, "m"),
        key = ordered(&mapping.id),
        skipped = bound + 1,
    );
    Sql::vouched(dialect, text)
}

/// Returns the text of a count.
pub(in super::super) fn count(dialect: Dialect, mapping: &Mapping, range: Range<'_>) -> Sql {
    let (filter, _) = scoped(mapping, range);
    counted(dialect, mapping, &filter)
}

/// Returns the text of a count of rows without a key, which are in no range.
pub(in super::super) fn count_without_key(dialect: Dialect, mapping: &Mapping, range: Range<'_>) -> Sql {
    let (filter, _) = scoped(mapping, range);
    counted(
        dialect,
        mapping,
        &format!("{filter} AND {} IS NULL", reach(&mapping.id, "m")),
    )
}

fn counted(dialect: Dialect, mapping: &Mapping, filter: &str) -> Sql {
    Sql::vouched(
        dialect,
        format!(
            "-- store::sql::count\nSELECT count(*), {only_reads} FROM {table} AS m WHERE {filter}",
            only_reads = only_reads(dialect),
            table = mapping.table,
        ),
    )
}

/// Returns the text that tests whether there is a row.
pub(in super::super) fn some(dialect: Dialect, mapping: &Mapping, range: Range<'_>) -> Sql {
    let (filter, _) = scoped(mapping, range);
    Sql::vouched(
        dialect,
        format!(
            "-- store::sql::some\nSELECT 1 FROM {table} AS m WHERE {filter} LIMIT 1",
            table = mapping.table,
        ),
    )
}

/// Returns the text of the greatest times of creation and change.
pub(in super::super) fn newest(dialect: Dialect, mapping: &Mapping, range: Range<'_>, newest: &str) -> Sql {
    let (filter, _) = scoped(mapping, range);
    Sql::vouched(
        dialect,
        format!(
            "-- store::sql::newest\nSELECT {newest}, {only_reads} FROM {table} AS m WHERE {filter}",
            only_reads = only_reads(dialect),
            table = mapping.table,
        ),
    )
}

/// Returns the conditions with the mapping's scope, and the number of values bound for them.
pub(super) fn scoped(mapping: &Mapping, range: Range<'_>) -> (String, usize) {
    let (filter, bound) = filter(mapping, range);
    match &mapping.scope {
        Some(scope) if filter.is_empty() => (scope.clone(), bound),
        Some(scope) => (format!("{filter} AND {scope}"), bound),
        None => (filter, bound),
    }
}

/// Returns the conditions, and the number of values bound for them.
fn filter(mapping: &Mapping, range: Range<'_>) -> (String, usize) {
    let mut bound = range.query.map_or(0, |(_, bound)| bound);
    let mut next = || {
        bound += 1;
        format!("${bound}")
    };
    let mut parts: Vec<String> = range.query.iter().map(|(text, _)| (*text).to_owned()).collect();
    parts.extend(range.demanded.iter().map(|column| equals(column, "m", &next())));
    let key = ordered(&mapping.id);
    if range.after {
        parts.push(format!("{key} > {}", typed(&mapping.id, &next())));
    }
    if range.through {
        parts.push(format!("{key} <= {}", typed(&mapping.id, &next())));
    }
    (parts.join(" AND "), bound)
}
