//! The texts of all statements on a customer's tables.
//!
//! Values are bound, names are quoted, and nothing else goes into a text. Tuples travel as one
//! JSON array, so that a text is the same for one memory and for a thousand.

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

/// The name of the column by which an answer says whether its server only reads.
pub(super) const ONLY_READS: &str = "only_reads";

/// Returns that column: 1 on a standby, and on a server or in a session that is set to read only.
// In the statements that decide that something is not there, so that it costs no round trip, and is true of the
// very connection that answered. SQLite's readers are told to only read.
pub(super) fn only_reads(dialect: Dialect) -> String {
    let condition = match dialect {
        Dialect::Postgres => {
            "pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('transaction_read_only') = 'on'"
        }
        // A word or a number, by the version.
        Dialect::Mysql => {
            "CAST(@@GLOBAL.read_only AS CHAR) NOT IN ('0', 'OFF') OR CAST(@@GLOBAL.innodb_read_only AS CHAR) NOT IN ('0', 'OFF')"
        }
        Dialect::Sqlite => return format!("0 AS {ONLY_READS}"),
    };
    format!("CASE WHEN {condition} THEN 1 ELSE 0 END AS {ONLY_READS}")
}

/// Returns the text that asks for nothing else.
pub(super) fn alive(dialect: Dialect) -> Sql {
    let only_reads = only_reads(dialect);
    Sql::vouched(dialect, format!("-- store::sql::alive\nSELECT {only_reads}"))
}

/// Builds the text of a statement about memories of which the same is demanded, if there is one.
pub(super) type Alike = fn(Dialect, &Mapping, Range<'_>) -> Option<Sql>;

/// The statements that are the same for every call.
#[derive(Debug)]
pub(super) struct Texts {
    /// `$1` tuples → one text of `n` of the rows with these ids, semicolons between, their number, and
    /// [`ONLY_READS`]; after each what [`said`] returns.
    pub(super) find: Sql,
    /// `$1` tuples → `n`, id, [`ONLY_READS`], of the rows under all conditions, locked in the order of ids.
    pub(super) lock: Sql,
    /// `$1` tuples; deletes the rows under all conditions. PostgreSQL → one text of their `n`,
    /// semicolons between.
    pub(super) delete: Sql,
    /// `$1` tuples with places; like `delete`, of the rows that are still there. Only where places
    /// are known.
    pub(super) delete_at: Option<Sql>,
    /// Each deletes the rows of one dependent table.
    pub(super) dependents: Vec<DependentTexts>,
}

/// The statements about one dependent table: `$1` tuples with ids only.
#[derive(Debug)]
pub(super) struct DependentTexts {
    /// Deletes its rows.
    pub(super) delete: Sql,
    /// → `n`, count: how many belong to which memory, where one statement can say it; see
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
            // Its collation may take several workspaces for one.
            Dialect::Mysql => format!("BINARY {workspace}, 1"),
        },
    );
    Some(Sql::vouched(dialect, text))
}

/// Returns the text of [`Texts::find`], of rows that a query asks for; its values are bound from `$2` on.
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

/// Returns what is said of a row: of a matching one what [`seen`] returns, of one outside the mapping's scope a colon,
/// [`OUTSIDE`], `~` and what points are compared with, of any other nothing.
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

/// What stands for the version of a row outside the mapping's scope.
pub(super) const OUTSIDE: char = '!';

/// Returns what is said of a matching row: a colon, its version, `@` and its place, `~` and what points are
/// compared with.
fn seen(dialect: Dialect, mapping: &Mapping) -> String {
    let at = place(dialect, mapping).map_or_else(String::new, |place| format!(" || '@' || {place}"));
    let whose = whose(dialect, mapping).map_or_else(String::new, |whose| format!(" || '~' || {whose}"));
    format!(
        "':' || COALESCE(CAST({version} AS {text}), ''){at}{whose}",
        version = version(dialect, mapping),
        text = text_type(dialect),
    )
}

/// Returns what points are compared with, commas between, in the order of [`Mapping::compared`].
fn whose(dialect: Dialect, mapping: &Mapping) -> Option<String> {
    let columns = mapping.compared.iter().filter_map(|field| mapping.field(*field));
    let values: Vec<String> = columns
        .map(|column| as_digits(dialect, &as_named(dialect, column, "m")))
        .collect();
    (!values.is_empty()).then(|| values.join(" || ',' || "))
}

/// Returns where the row is kept, where a statement is found to delete it by that: not where
/// dependents go first, for which the rows are locked by their ids.
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
        // The type is the value's.
        (Dialect::Sqlite, Some(column)) => {
            let column = reach(column, "m");
            format!("CASE typeof({column}) WHEN 'integer' THEN {column} END")
        }
        (Dialect::Sqlite, None) => "NULL".to_owned(),
        // One without sign may wrap; here and where it is demanded alike.
        (Dialect::Mysql, Some(column)) => format!("CAST({} AS SIGNED)", reach(column, "m")),
        (Dialect::Mysql, None) => "CAST(NULL AS SIGNED)".to_owned(),
    }
}

/// Returns the text of [`Texts::lock`], of rows that a query asks for.
pub(super) fn lock(dialect: Dialect, mapping: &Mapping, query: Option<&str>) -> Sql {
    let id = as_text(dialect, &mapping.id, "m");
    // The order of ids is the same for every worker, so that two of them cannot each wait for the
    // other. SQLite's transaction has the whole file to itself already.
    let tail = match dialect {
        Dialect::Postgres => format!("ORDER BY {} FOR UPDATE OF m", ordered(&mapping.id)),
        Dialect::Sqlite => "ORDER BY 1".to_owned(),
        // Rows are locked as they are reached, before anything is sorted: in the order of the
        // tuples, which is the same for every worker too. MariaDB has no `OF`, and needs none: what
        // only conditions read is not locked.
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

/// Returns the text of [`Texts::delete`], of rows that a query asks for.
pub(super) fn delete(dialect: Dialect, mapping: &Mapping, query: Option<&str>) -> Sql {
    delete_where(dialect, mapping, query, "")
}

/// Returns the text of [`Texts::delete_at`], of rows that a query asks for.
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
            // A join, not a subquery: after waiting for a row's lock the conditions are checked again
            // on the row as it is then.
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
                    // The comparison of `IN` folds case where the column does, even through a cast.
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
            // Nothing comes back from it but how many there were: the rows were locked before.
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

// A row for each of a thousand memories costs the driver and the server more than the look at them.
fn joined(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Postgres => format!("string_agg({text}, ';')"),
        Dialect::Sqlite => format!("group_concat({text}, ';')"),
        Dialect::Mysql => format!("group_concat({text} SEPARATOR ';')"),
    }
}

pub(super) fn tuples(dialect: Dialect, mapping: &Mapping) -> String {
    match dialect {
        // In a query of its own, so that planning does not read the whole list for nothing: a new
        // connection plans each of its first five calls anew.
        Dialect::Postgres => "jsonb_array_elements((SELECT $1::jsonb)) AS e(value)".to_owned(),
        Dialect::Sqlite => "json_each($1) AS e".to_owned(),
        // MySQL wants to know that the bind is a text. A demand that cannot be read is no demand that is
        // left out.
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

/// MySQL: the type of a text in a list of JSON. Without a limit: what is too long for it would be cut.
pub(super) const MYSQL_TEXT: &str = "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

// SQLite takes CROSS JOIN as an order: the tuples first, then each row through its index. MySQL has
// a word for that.
pub(super) fn join(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "JOIN",
        Dialect::Sqlite => "CROSS JOIN",
        Dialect::Mysql => "STRAIGHT_JOIN",
    }
}

/// What a tuple carries, as text; MySQL's numbers are numbers.
pub(super) fn member(dialect: Dialect, key: &str) -> String {
    match dialect {
        Dialect::Postgres | Dialect::Sqlite => format!("(e.value->>'{key}')"),
        Dialect::Mysql => format!("e.\"{key}\""),
    }
}

fn number(dialect: Dialect) -> String {
    whole(dialect, "n")
}

/// What a tuple carries, as a number.
pub(super) fn whole(dialect: Dialect, key: &str) -> String {
    let value = member(dialect, key);
    match dialect {
        Dialect::Postgres => format!("{value}::bigint"),
        Dialect::Sqlite => format!("CAST({value} AS INTEGER)"),
        Dialect::Mysql => value,
    }
}

/// Returns the type that makes a text of a value.
pub(super) fn text_type(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres | Dialect::Sqlite => "TEXT",
        Dialect::Mysql => "CHAR",
    }
}

// A tuple demands what it carries. `never` marks one whose demands no row can meet.
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
    // A row outside the scope is there, and is another mapping's.
    parts.extend(mapping.scope.clone());
    parts.extend(query.map(str::to_owned));
    parts.join(" AND ")
}
