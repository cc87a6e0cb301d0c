//! SQLite's catalogue, through its table-valued pragmas.

mod definition;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::super::column::{Declared, Holds, Kind};
use super::super::dialect::Dialect;
use super::{LiveColumn, LiveTable, Obstacle};
use definition::Definition;

const TABLE: &str = "
-- store::sql::schema
SELECT CAST(t.name AS TEXT) AS name, CAST(t.type AS TEXT) AS type, CAST(t.wr AS INTEGER) AS wr
FROM pragma_table_list AS t WHERE t.schema = $1 COLLATE NOCASE AND t.name = $2 COLLATE NOCASE";

// A unique index counts if it is on one plain column and over all rows. An integer primary key
// has no index: it is the rowid.
const COLUMNS: &str = "
-- store::sql::schema
SELECT CAST(c.name AS TEXT) AS name, CAST(c.type AS TEXT) AS declared, CAST(c.pk AS INTEGER) AS pk,
       CAST(c.\"notnull\" AS INTEGER) AS not_null,
       CASE WHEN c.pk = 1 AND (SELECT max(o.pk) FROM pragma_table_xinfo($2, $1) AS o) = 1
            THEN 1 ELSE 0 END AS sole_key,
       (SELECT min(upper(x.coll))
        FROM pragma_index_list($2, $1) AS i, pragma_index_xinfo(i.name, $1) AS x
        WHERE i.\"unique\" = 1 AND i.partial = 0 AND x.key = 1
          AND x.name = c.name COLLATE NOCASE
          AND (SELECT count(*) FROM pragma_index_xinfo(i.name, $1) AS k WHERE k.key = 1) = 1) AS coll,
       CASE WHEN c.pk = 1 OR EXISTS (
            SELECT 1 FROM pragma_index_list($2, $1) AS i, pragma_index_xinfo(i.name, $1) AS x
            WHERE i.partial = 0 AND x.seqno = 0 AND x.name = c.name COLLATE NOCASE) THEN 1 ELSE 0 END AS indexed
FROM pragma_table_xinfo($2, $1) AS c
ORDER BY c.cid";

// An integer primary key is the rowid: a new row gets the greatest existing one plus 1, unless the table has
// AUTOINCREMENT (see `Definition`). A descending key is no rowid, and has an index.
const REUSED: &str = "
-- store::sql::reused
SELECT CAST(c.name AS TEXT) FROM pragma_table_xinfo($2, $1) AS c
WHERE c.pk = 1 AND upper(c.type) = 'INTEGER' AND (SELECT max(o.pk) FROM pragma_table_xinfo($2, $1) AS o) = 1
  AND NOT EXISTS (SELECT 1 FROM pragma_index_list($2, $1) AS i WHERE i.origin = 'pk')";

// The statement that created a table, and the number of its foreign keys.
const DEFINITION: &str = "
-- store::sql::definition
SELECT CAST(m.sql AS TEXT), (SELECT count(DISTINCT f.id) FROM pragma_foreign_key_list($2, $1) AS f)
FROM sqlite_master AS m WHERE m.type = 'table' AND m.name = $2 COLLATE NOCASE AND $1 = 'main' COLLATE NOCASE";

// A key that names no columns references the primary key.
const REFERENCES: &str = "
-- store::sql::references
SELECT t.name || ' ' || CAST(f.id AS TEXT), CAST(t.name AS TEXT), CAST(f.\"from\" AS TEXT),
       CAST(COALESCE(f.\"to\", (SELECT c.name FROM pragma_table_xinfo($2, $1) AS c WHERE c.pk = f.seq + 1), '') AS TEXT),
       CAST(f.on_delete AS TEXT), CAST(t.schema || '.' || t.name AS TEXT)
FROM pragma_table_list AS t, pragma_foreign_key_list(t.name, t.schema) AS f
WHERE t.schema = $1 COLLATE NOCASE AND t.type = 'table' AND f.\"table\" = $2 COLLATE NOCASE
ORDER BY t.name, f.id, f.seq";

// `$4` lists the keys that are deferred to the end of the transaction.
const HOLDINGS: &str = "
-- store::sql::holdings
SELECT CAST(f.id AS TEXT), CAST(f.\"from\" AS TEXT),
       CASE WHEN f.on_delete = 'CASCADE' THEN 'taken' WHEN f.on_delete = 'RESTRICT' THEN 'gone'
            WHEN f.id IN (SELECT d.value FROM json_each($4) AS d) THEN 'commit'
            ELSE 'statement' END
FROM pragma_foreign_key_list($2, $1) AS f
WHERE f.on_delete IN ('NO ACTION', 'RESTRICT', 'CASCADE') AND f.\"table\" = $3 COLLATE NOCASE
ORDER BY f.id, f.seq";

const TABLES: &str = "
-- store::sql::tables
SELECT CAST(t.name AS TEXT) FROM pragma_table_list AS t
WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
ORDER BY 1 LIMIT 1000";

pub(super) async fn read(connection: &mut AnyConnection, name: &str) -> Result<Option<LiveTable>, sqlx::Error> {
    let (schema, table) = name.split_once('.').unwrap_or(("main", name));
    let found = sqlx::query(TABLE)
        .bind(schema)
        .bind(table)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(found) = found else {
        return Ok(None);
    };
    let kind: String = found.try_get("type")?;
    let without_rowid = found.try_get::<i64, _>("wr")? != 0;
    let rows = sqlx::query(COLUMNS)
        .bind(schema)
        .bind(table)
        .fetch_all(&mut *connection)
        .await?;
    let reused: Option<String> = sqlx::query_scalar(REUSED)
        .bind(schema)
        .bind(table)
        .fetch_optional(&mut *connection)
        .await?;
    let given_once = reused.is_some() && definition(connection, schema, table).await?.autoincrement;
    let columns: Vec<LiveColumn> = rows
        .iter()
        .map(|row| column(row, without_rowid))
        .collect::<Result<_, _>>()?;
    Ok(Some(LiveTable {
        obstacle: (kind != "table").then_some(Obstacle::NotATable),
        row_handle: if without_rowid { None } else { row_handle(&columns) },
        key: key(&rows)?,
        reused: reused.filter(|_| !without_rowid && !given_once),
        columns,
    }))
}

pub(super) async fn tables(connection: &mut AnyConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(TABLES).fetch_all(connection).await
}

pub(super) async fn references(connection: &mut AnyConnection, name: &str) -> Result<Vec<AnyRow>, sqlx::Error> {
    let (schema, table) = name.split_once('.').unwrap_or(("main", name));
    sqlx::query(REFERENCES)
        .bind(schema)
        .bind(table)
        .fetch_all(connection)
        .await
}

// A foreign key never references another database.
pub(super) async fn holdings(connection: &mut AnyConnection, from: &str, to: &str) -> Result<Vec<AnyRow>, sqlx::Error> {
    let (schema, table) = from.split_once('.').unwrap_or(("main", from));
    let (other, referenced) = to.split_once('.').unwrap_or(("main", to));
    if !schema.eq_ignore_ascii_case(other) {
        return Ok(Vec::new());
    }
    let Definition { deferred, .. } = definition(connection, schema, table).await?;
    // The pragma numbers the keys from the last one of the statement.
    let numbered = deferred.iter().rev().enumerate();
    let deferred: Vec<usize> = numbered.filter(|(_, is)| **is).map(|(id, _)| id).collect();
    sqlx::query(HOLDINGS)
        .bind(schema)
        .bind(table)
        .bind(referenced)
        .bind(serde_json::json!(deferred).to_string())
        .fetch_all(connection)
        .await
}

/// Reads the statement of a table. If it has another number of foreign keys than the database, no key counts as
/// deferred.
async fn definition(connection: &mut AnyConnection, schema: &str, table: &str) -> Result<Definition, sqlx::Error> {
    let row = sqlx::query(DEFINITION)
        .bind(schema)
        .bind(table)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else {
        return Ok(Definition::default());
    };
    let (statement, keys): (Option<String>, i64) = (row.try_get(0)?, row.try_get(1)?);
    let mut definition = Definition::read(&statement.unwrap_or_default());
    if usize::try_from(keys) != Ok(definition.deferred.len()) {
        definition.deferred.clear();
    }
    Ok(definition)
}

fn key(rows: &[AnyRow]) -> Result<Vec<String>, sqlx::Error> {
    let mut key = Vec::new();
    for row in rows {
        if row.try_get::<i64, _>("pk")? != 0 {
            key.push(row.try_get("name")?);
        }
    }
    Ok(key)
}

// A column may have one of these names.
fn row_handle(columns: &[LiveColumn]) -> Option<&'static str> {
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| !columns.iter().any(|column| column.name.eq_ignore_ascii_case(name)))
}

fn column(row: &AnyRow, without_rowid: bool) -> Result<LiveColumn, sqlx::Error> {
    let declared: String = row.try_get("declared")?;
    let collation: Option<String> = row.try_get("coll")?;
    let sole_key = row.try_get::<i64, _>("sole_key")? != 0;
    Ok(LiveColumn {
        name: row.try_get("name")?,
        kind: kind(&declared),
        holds: Some(holds(&declared)),
        // A primary key may hold NULL, unless it is the rowid or the table has no rowid.
        nullable: row.try_get::<i64, _>("not_null")? == 0
            && !(sole_key && declared.eq_ignore_ascii_case("INTEGER"))
            && !(without_rowid && row.try_get::<i64, _>("pk")? != 0),
        declared,
        unique: sole_key || collation.is_some(),
        unique_under: collation,
        indexed: row.try_get::<i64, _>("indexed")? != 0,
    })
}

// https://www.sqlite.org/datatype3.html: affinity INTEGER or TEXT converts both the stored value and
// the compared one, so that a text finds its value. `UUID` and `STRING` are widely declared, have
// affinity NUMERIC, and do the same. Without a type, or with REAL, a row may hold a value that no text
// equals. A column declared for bytes may hold other values too: the check of the mapping finds them.
fn kind(declared: &str) -> Option<Kind> {
    let declared = declared.to_ascii_uppercase();
    let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
    if has(&["INT", "CHAR", "CLOB", "TEXT"]) || matches!(declared.as_str(), "UUID" | "STRING") {
        Some(Kind::Dynamic)
    } else {
        has(&["BLOB", "BINARY"]).then_some(Kind::Bytes {
            dialect: Dialect::Sqlite,
            uuids: false,
        })
    }
}

// In the order of https://www.sqlite.org/datatype3.html, with other widely declared types.
fn holds(declared: &str) -> Holds {
    let declared = declared.to_ascii_uppercase();
    let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
    Holds::Declared(if has(&["INT"]) {
        Declared::Integer
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        Declared::Text
    } else if matches!(declared.as_str(), "UUID" | "STRING") {
        Declared::Converted
    } else if has(&["JSON"]) {
        Declared::Json
    } else if has(&["BOOL"]) {
        Declared::Bool
    } else if has(&["REAL", "FLOA", "DOUB", "NUMERIC", "DECIMAL"]) {
        Declared::Number
    } else if has(&["DATE", "TIME"]) {
        // Or numbers: the check of the mapping looks at the values.
        return Holds::Moments(Box::new(Holds::Declared(Declared::Any)));
    } else {
        Declared::Any
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_types_that_text_can_find_are_comparable() {
        for declared in ["TEXT", "varchar(36)", "INTEGER", "bigint", "UUID", "String", "NVARCHAR"] {
            assert_eq!(kind(declared), Some(Kind::Dynamic), "{declared}");
        }
        let bytes = Some(Kind::Bytes {
            dialect: Dialect::Sqlite,
            uuids: false,
        });
        for declared in ["BLOB", "binary(16)", "VARBINARY"] {
            assert_eq!(kind(declared), bytes, "{declared}");
        }
        for declared in ["", "REAL", "DATETIME", "JSON", "NUMERIC"] {
            assert_eq!(kind(declared), None, "{declared}");
        }
    }
}
