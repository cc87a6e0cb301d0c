//! The texts of the statements on a customer's tables.
//!
//! Values are bound and names are quoted; nothing else goes into a text. Tuples are bound as one JSON
//! array, so that the text is the same for one memory and for a thousand.

use lethe_common::job::Field;

use super::compare::{as_digits, as_named, as_text, equals, ordered, reach};
use super::dependents;
use super::dialect::Dialect;
use super::mapping::Mapping;
use super::statement::Sql;
use crate::store::word;

mod alike;
mod range;

pub(super) use alike::{delete_at as delete_alike, find as find_alike};
pub(super) use range::{Range, count, count_without_key, estimate, last, newest, nth, page, sample, some, stretch};

/// The name of the column that says whether the answering server only reads.
pub(super) const ONLY_READS: &str = "only_reads";

/// Returns that column: 1 on a standby, on a read-only server and in a read-only session.
// The statements that decide that a row is absent contain it. So it costs no round trip, and describes the
// connection that answered. It is 0 for SQLite, whose readers are read-only on purpose.
pub(super) fn only_reads(dialect: Dialect) -> String {
    let condition = match dialect {
        Dialect::Postgres => {
            "pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('transaction_read_only') = 'on'"
        }
        // A word or a number, depending on the version.
        Dialect::Mysql => {
            "CAST(@@GLOBAL.read_only AS CHAR) NOT IN ('0', 'OFF') OR CAST(@@GLOBAL.innodb_read_only AS CHAR) NOT IN ('0', 'OFF')"
        }
        Dialect::Sqlite => return format!("0 AS {ONLY_READS}"),
    };
    format!("CASE WHEN {condition} THEN 1 ELSE 0 END AS {ONLY_READS}")
}

/// Returns the text that reads this column only.
pub(super) fn alive(dialect: Dialect) -> Sql {
    let only_reads = only_reads(dialect);
    Sql::vouched(dialect, format!("-- store::sql::alive\nSELECT {only_reads}"))
}

/// Builds the text of a statement about memories with the same conditions, if there is one.
pub(super) type Alike = fn(Dialect, &Mapping, Range<'_>) -> Option<Sql>;

/// The statements that are the same for every call.
#[derive(Debug)]
pub(super) struct Texts {
    /// `$1` tuples → one text with the `n` of each row with these ids and the result of [`said`], separated by
    /// semicolons; the number of rows; [`ONLY_READS`].
    pub(super) find: Sql,
    /// `$1` tuples → `n`, id, [`ONLY_READS`], of the rows that meet all conditions, locked in the order of ids.
    pub(super) lock: Sql,
    /// `$1` tuples; deletes the rows that meet all conditions. PostgreSQL → one text of their `n`,
    /// separated by semicolons.
    pub(super) delete: Sql,
    /// `$1` tuples with row locations; like `delete`, for the rows that are still there. Only where
    /// rows have locations.
    pub(super) delete_at: Option<Sql>,
    /// Each deletes the rows of one dependent table.
    pub(super) dependents: Vec<DependentTexts>,
}

/// The statements about one dependent table: `$1` tuples with ids only.
#[derive(Debug)]
pub(super) struct DependentTexts {
    /// Deletes its rows.
    pub(super) delete: Sql,
    /// → `n`, count: the number of rows per memory, where one statement can return it; see
    /// [`dependents::counted`].
    pub(super) counted: Option<Sql>,
}

impl Texts {
    /// Builds the statements of a mapping.
    pub(super) fn new(dialect: Dialect, mapping: &Mapping) -> Self {
        let dependents = mapping
            .dependents
            .iter()
            .map(|reference| DependentTexts {
                delete: Sql::vouched(dialect, dependents::delete(dialect, mapping, reference)),
                counted: dependents::counted(dialect, mapping, reference).map(|text| Sql::vouched(dialect, text)),
            })
            .collect();
        Self {
            find: find(dialect, mapping, None),
            lock: lock(dialect, mapping, None),
            delete: delete(dialect, mapping, None),
            delete_at: place(dialect, mapping).map(|_| delete_at(dialect, mapping, None)),
            dependents,
        }
    }
}

/// Returns the text that counts rows by their workspace: `$1` tuples with ids only → workspace, count.
pub(super) fn workspaces(dialect: Dialect, mapping: &Mapping) -> Option<Sql> {
    let workspace = as_text(dialect, mapping.field(Field::Workspace)?, "m");
    let text = format!(
        "-- store::sql::workspaces\n\
         SELECT {workspace}, count(*) FROM {tuples} {join} {table} AS m ON {id} GROUP BY {group}",
        tuples = tuples(dialect, mapping),
        join = join(dialect),
        table = mapping.table,
        id = equals(&mapping.id, "m", &member(dialect, "i")),
        group = match dialect {
            Dialect::Postgres | Dialect::Sqlite => "1".to_owned(),
            // MySQL's collation may treat several workspaces as equal.
            Dialect::Mysql => format!("BINARY {workspace}, 1"),
        },
    );
    Some(Sql::vouched(dialect, text))
}

/// Returns the text of [`Texts::find`] with a query's condition, whose values are bound from `$2` on.
pub(super) fn find(dialect: Dialect, mapping: &Mapping, query: Option<&str>) -> Sql {
    let found = format!(
        "{n} || {said}",
        n = member(dialect, "n"),
        said = said(dialect, mapping, &conditions(dialect, mapping, query)),
    );
    Sql::vouched(
        dialect,
        format!(
            "-- store::sql::find\n\
         SELECT {found}, count(*), {only_reads} FROM {tuples} {join} {table} AS m ON {id}",
            found = joined(dialect, &found),
            only_reads = only_reads(dialect),
            tuples = tuples(dialect, mapping),
            join = join(dialect),
            table = mapping.table,
            id = equals(&mapping.id, "m", &member(dialect, "i")),
        ),
    )
}

/// Returns the description of a row: for a matching one that of [`seen`], for one outside the mapping's scope a colon,
/// [`OUTSIDE`], `~` and the values compared with points, for any other an empty text.
fn said(dialect: Dialect, mapping: &Mapping, conditions: &str) -> String {
    let seen = seen(dialect, mapping);
    match &mapping.scope {
        None if conditions.is_empty() => seen,
        None => format!("CASE WHEN {conditions} THEN {seen} ELSE '' END"),
        Some(scope) => {
            let whose = whose(dialect, mapping).map_or_else(String::new, |whose| format!(" || '~' || {whose}"));
            format!("CASE WHEN {conditions} THEN {seen} WHEN {scope} THEN '' ELSE ':{OUTSIDE}'{whose} END")
        }
    }
}

/// The mark of a row outside the mapping's scope, in place of its version.
pub(super) const OUTSIDE: char = '!';

/// Returns the description of a matching row: a colon, its version, `@` and its location, `~` and the values
/// compared with points.
fn seen(dialect: Dialect, mapping: &Mapping) -> String {
    let at = place(dialect, mapping).map_or_else(String::new, |place| format!(" || '@' || {place}"));
    let whose = whose(dialect, mapping).map_or_else(String::new, |whose| format!(" || '~' || {whose}"));
    format!(
        "':' || COALESCE(CAST({version} AS {text}), ''){at}{whose}",
        version = version(dialect, mapping),
        text = text_type(dialect),
    )
}

/// Returns the values compared with points, separated by commas, in the order of [`Mapping::compared`].
fn whose(dialect: Dialect, mapping: &Mapping) -> Option<String> {
    let columns = mapping.compared.iter().filter_map(|field| mapping.field(*field));
    let values: Vec<String> = columns
        .map(|column| as_digits(dialect, &as_named(dialect, column, "m")))
        .collect();
    (!values.is_empty()).then(|| values.join(" || ',' || "))
}

/// Returns the location of the row, if statements delete by it. They do not where dependents go
/// first: there the rows are locked by their ids.
fn place(dialect: Dialect, mapping: &Mapping) -> Option<&'static str> {
    match dialect {
        Dialect::Postgres => mapping.dependents.is_empty().then_some("m.ctid::pg_catalog.text"),
        Dialect::Sqlite | Dialect::Mysql => None,
    }
}

/// Returns the row's version as a number of 64 bits; NULL where there is none.
pub(super) fn version(dialect: Dialect, mapping: &Mapping) -> String {
    match (dialect, &mapping.version) {
        (Dialect::Postgres, Some(column)) => format!("{}::pg_catalog.int8", reach(column, "m")),
        (Dialect::Postgres, None) => "NULL::pg_catalog.int8".to_owned(),
        // Each value has its own type.
        (Dialect::Sqlite, Some(column)) => {
            let column = reach(column, "m");
            format!("CASE typeof({column}) WHEN 'integer' THEN {column} END")
        }
        (Dialect::Sqlite, None) => "NULL".to_owned(),
        // An unsigned version may wrap, here and in the condition on it alike.
        (Dialect::Mysql, Some(column)) => format!("CAST({} AS SIGNED)", reach(column, "m")),
        (Dialect::Mysql, None) => "CAST(NULL AS SIGNED)".to_owned(),
    }
}

/// Returns the text of [`Texts::lock`] with a query's condition.
pub(super) fn lock(dialect: Dialect, mapping: &Mapping, query: Option<&str>) -> Sql {
    let id = as_text(dialect, &mapping.id, "m");
    // The order of ids is the same for every worker, so that two of them cannot deadlock. SQLite's
    // transaction has locked the whole file already.
    let tail = match dialect {
        Dialect::Postgres => format!("ORDER BY {} FOR UPDATE OF m", ordered(&mapping.id)),
        Dialect::Sqlite => "ORDER BY 1".to_owned(),
        // Rows are locked as they are read, before a sort: in the order of the tuples, which is the
        // same for every worker too. MariaDB has no `OF`, and needs none: rows that only conditions
        // read are not locked.
        Dialect::Mysql => "FOR UPDATE".to_owned(),
    };
    Sql::vouched(
        dialect,
        format!(
            "-- store::sql::lock\n\
         SELECT {n}, {id}, {only_reads}\n\
         FROM {tuples} {join} {table} AS m ON {same}\n\
         WHERE {conditions}\n\
         {tail}",
            n = number(dialect),
            only_reads = only_reads(dialect),
            tuples = tuples(dialect, mapping),
            join = join(dialect),
            table = mapping.table,
            same = equals(&mapping.id, "m", &member(dialect, "i")),
            conditions = conditions(dialect, mapping, query),
        ),
    )
}

/// Returns the text of [`Texts::delete`] with a query's condition.
pub(super) fn delete(dialect: Dialect, mapping: &Mapping, query: Option<&str>) -> Sql {
    delete_where(dialect, mapping, query, "")
}

/// Returns the text of [`Texts::delete_at`] with a query's condition.
pub(super) fn delete_at(dialect: Dialect, mapping: &Mapping, query: Option<&str>) -> Sql {
    delete_where(
        dialect,
        mapping,
        query,
        "m.ctid = (e.value->>'at')::pg_catalog.tid AND ",
    )
}

fn delete_where(dialect: Dialect, mapping: &Mapping, query: Option<&str>, at: &str) -> Sql {
    let table = &mapping.table;
    let same = equals(&mapping.id, "m", &member(dialect, "i"));
    let conditions = conditions(dialect, mapping, query);
    Sql::vouched(
        dialect,
        match dialect {
            // A join, not a subquery: after the wait for a row's lock the database checks the
            // conditions again on the current row.
            Dialect::Postgres => format!(
                "-- store::sql::delete\n\
             WITH gone AS (\n\
             DELETE FROM {table} AS m USING {tuples}\n\
             WHERE {at}{same} AND {conditions}\n\
             RETURNING e.value->>'n' AS n)\n\
             SELECT {gone} FROM gone",
                tuples = tuples(dialect, mapping),
                gone = joined(dialect, "n"),
            ),
            Dialect::Sqlite => {
                let chosen = |expression: &str| {
                    format!(
                        "SELECT {expression} FROM {tuples} CROSS JOIN {table} AS m ON {same} WHERE {conditions}",
                        tuples = tuples(dialect, mapping),
                    )
                };
                let matched = match mapping.row_handle {
                    Some(handle) => format!("d.{handle} IN ({})", chosen(&format!("m.{handle}"))),
                    // `IN` ignores case where the column does, even through a cast.
                    None => format!(
                        "{column} IN ({ids}) AND {text} COLLATE BINARY IN ({texts})",
                        column = reach(&mapping.id, "d"),
                        ids = chosen(&reach(&mapping.id, "m")),
                        text = as_text(dialect, &mapping.id, "d"),
                        texts = chosen(&as_text(dialect, &mapping.id, "m")),
                    ),
                };
                format!("-- store::sql::delete\nDELETE FROM {table} AS d WHERE {matched}")
            }
            // It returns only the number of rows: the rows were locked before.
            Dialect::Mysql => format!(
                "-- store::sql::delete\n\
             DELETE m FROM {tuples} {join} {table} AS m ON {same}\n\
             WHERE {conditions}",
                tuples = tuples(dialect, mapping),
                join = join(dialect),
            ),
        },
    )
}

// A row for each of a thousand memories would cost the driver and the server more than the lookup.
fn joined(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Postgres => format!("string_agg({text}, ';')"),
        Dialect::Sqlite => format!("group_concat({text}, ';')"),
        Dialect::Mysql => format!("group_concat({text} SEPARATOR ';')"),
    }
}

pub(super) fn tuples(dialect: Dialect, mapping: &Mapping) -> String {
    match dialect {
        // In a subquery, so that planning does not read the whole list in addition: a new connection
        // plans each of its first five calls anew.
        Dialect::Postgres => "jsonb_array_elements((SELECT $1::jsonb)) AS e(value)".to_owned(),
        Dialect::Sqlite => "json_each($1) AS e".to_owned(),
        // MySQL needs to know that the bind is a text. A condition that cannot be read is an error, never a
        // missing condition.
        Dialect::Mysql => {
            let fields = mapping.fields.iter().map(|(field, _)| word(*field));
            let texts: Vec<String> = ["i", "never"]
                .into_iter()
                .chain(fields)
                .map(|key| format!("\"{key}\" {MYSQL_TEXT} PATH '$.{key}' ERROR ON ERROR"))
                .collect();
            format!(
                "JSON_TABLE(CONVERT($1 USING utf8mb4), '$[*]' COLUMNS (\"n\" BIGINT PATH '$.n', \"v\" BIGINT PATH '$.v', {})) AS e",
                texts.join(", ")
            )
        }
    }
}

/// MySQL: the type of a text in a JSON list. It has no limit, since a longer text would be cut.
pub(super) const MYSQL_TEXT: &str = "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

// SQLite keeps the order of a CROSS JOIN: the tuples first, then each row through its index. MySQL's
// word for that is STRAIGHT_JOIN.
pub(super) fn join(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "JOIN",
        Dialect::Sqlite => "CROSS JOIN",
        Dialect::Mysql => "STRAIGHT_JOIN",
    }
}

/// Returns a value of a tuple as text; MySQL's numbers stay numbers.
pub(super) fn member(dialect: Dialect, key: &str) -> String {
    match dialect {
        Dialect::Postgres | Dialect::Sqlite => format!("(e.value->>'{key}')"),
        Dialect::Mysql => format!("e.\"{key}\""),
    }
}

fn number(dialect: Dialect) -> String {
    whole(dialect, "n")
}

/// Returns a value of a tuple as a number.
pub(super) fn whole(dialect: Dialect, key: &str) -> String {
    let value = member(dialect, key);
    match dialect {
        Dialect::Postgres => format!("{value}::bigint"),
        Dialect::Sqlite => format!("CAST({value} AS INTEGER)"),
        Dialect::Mysql => value,
    }
}

/// Returns the type that casts a value to text.
pub(super) fn text_type(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres | Dialect::Sqlite => "TEXT",
        Dialect::Mysql => "CHAR",
    }
}

// Each value in a tuple is a condition. `never` marks a tuple whose conditions no row can meet.
fn conditions(dialect: Dialect, mapping: &Mapping, query: Option<&str>) -> String {
    let mut parts = vec![format!("{} IS NULL", member(dialect, "never"))];
    for (field, column) in &mapping.fields {
        let value = member(dialect, word(*field));
        parts.push(format!("({value} IS NULL OR ({}))", equals(column, "m", &value)));
    }
    if let Some(column) = &mapping.version {
        let column = match dialect {
            Dialect::Postgres | Dialect::Sqlite => reach(column, "m"),
            Dialect::Mysql => version(dialect, mapping),
        };
        let (carried, number) = (member(dialect, "v"), whole(dialect, "v"));
        parts.push(format!("({carried} IS NULL OR {column} = {number})"));
    }
    // A row outside the scope exists, and belongs to another mapping.
    parts.extend(mapping.scope.clone());
    parts.extend(query.map(str::to_owned));
    parts.join(" AND ")
}
