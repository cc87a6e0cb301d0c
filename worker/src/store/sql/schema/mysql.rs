//! The catalogue of MySQL and MariaDB.
//!
//! `information_schema` shows the tables on which a user has any privilege, but not which one. Statements
//! that match no row test the privileges.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::super::column::{Holds, Kind};
use super::super::dialect::quote_table;
use super::super::statement::{Bind, Sql};
use super::{Dialect, LiveColumn, LiveTable, Obstacle};
use crate::store::StoreError;

// A unique index counts if it is on one whole column. MySQL returns some of these columns as binary, hence the
// casts. MariaDB's JSON is a text with a check constraint, shown with the quotes of the session. SQL that only one
// of the two understands is in a comment that only that one executes.
// Every subquery names the table. If it compared with the outer table instead, the server would open all of its
// tables for each column, which took half a second with 500 tables.
const COLUMNS: &str = "
-- store::sql::schema
SELECT CAST(t.table_type AS CHAR) AS table_type,
       CAST(COALESCE((SELECT max(n.transactions) FROM information_schema.engines AS n WHERE n.engine = t.engine), 'NO')
            AS CHAR) AS transactions,
       CAST(c.column_name AS CHAR) AS name, CAST(c.column_type AS CHAR) AS declared,
       CAST(c.data_type AS CHAR) AS base, CAST(c.character_set_name AS CHAR) AS charset,
       CAST(c.collation_name AS CHAR) AS collation, CAST(c.is_nullable = 'YES' AS SIGNED) AS nullable,
       CAST(EXISTS (SELECT 1 FROM information_schema.statistics AS i
                    WHERE i.table_schema = COALESCE(NULLIF($1, ''), DATABASE()) AND i.table_name = $2 AND i.non_unique = 0
                    GROUP BY i.index_name
                    HAVING count(*) = 1 AND max(i.column_name = c.column_name AND i.sub_part IS NULL) = 1)
            AS SIGNED) AS is_unique,
       CAST(EXISTS (SELECT 1 FROM information_schema.statistics AS i
                    WHERE i.table_schema = COALESCE(NULLIF($1, ''), DATABASE()) AND i.table_name = $2
                      AND i.seq_in_index = 1 AND i.column_name = c.column_name AND i.index_type IN ('BTREE', 'HASH'))
            AS SIGNED) AS indexed,
       CAST(EXISTS (SELECT 1 FROM information_schema.statistics AS i
                    WHERE i.table_schema = COALESCE(NULLIF($1, ''), DATABASE()) AND i.table_name = $2
                      AND i.index_name = 'PRIMARY' AND i.column_name = c.column_name)
            AS SIGNED) AS in_key,
       CAST(0 /*M!100201 + EXISTS (SELECT 1 FROM information_schema.check_constraints AS k
                    WHERE k.constraint_schema = COALESCE(NULLIF($1, ''), DATABASE()) AND k.table_name = $2
                      AND k.check_clause IN (concat('json_valid(`', c.column_name, '`)'),
                                             concat('json_valid(\"', c.column_name, '\")'))) */
            AS SIGNED) AS is_json
FROM information_schema.tables AS t
JOIN information_schema.columns AS c ON c.table_schema = t.table_schema AND c.table_name = t.table_name
WHERE t.table_schema = COALESCE(NULLIF($1, ''), DATABASE()) AND t.table_name = $2
  AND (@@lower_case_table_names <> 0 OR CAST(t.table_name AS BINARY) = CAST($2 AS BINARY))
ORDER BY c.ordinal_position";

// Keys of tables in other databases count too: they also prevent deletions.
const REFERENCES: &str = "
-- store::sql::references
SELECT CAST(concat(k.constraint_schema, ' ', k.table_name, ' ', k.constraint_name) AS CHAR),
       CAST(CASE WHEN k.table_schema = DATABASE() THEN k.table_name
                 ELSE concat(k.table_schema, '.', k.table_name) END AS CHAR),
       CAST(k.column_name AS CHAR), CAST(k.referenced_column_name AS CHAR), CAST(r.delete_rule AS CHAR),
       CAST(concat(k.table_schema, '.', k.table_name) AS CHAR)
FROM information_schema.key_column_usage AS k
JOIN information_schema.referential_constraints AS r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.referenced_table_schema = COALESCE(NULLIF($1, ''), DATABASE()) AND k.referenced_table_name = $2
ORDER BY 1, k.ordinal_position";

// InnoDB checks row by row, and its `NO ACTION` is `RESTRICT`.
const HOLDINGS: &str = "
-- store::sql::holdings
SELECT CAST(k.constraint_name AS CHAR), CAST(k.column_name AS CHAR),
       CAST(CASE WHEN r.delete_rule = 'CASCADE' THEN 'taken' ELSE 'gone' END AS CHAR)
FROM information_schema.key_column_usage AS k
JOIN information_schema.referential_constraints AS r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.table_schema = COALESCE(NULLIF($1, ''), DATABASE()) AND k.table_name = $2
  AND k.referenced_table_schema = COALESCE(NULLIF($3, ''), DATABASE()) AND k.referenced_table_name = $4
  AND r.delete_rule IN ('RESTRICT', 'NO ACTION', 'CASCADE')
ORDER BY 1, k.ordinal_position";

// 1,000 names are enough for a suggestion. Other databases of the server are not listed.
const TABLES: &str = "
-- store::sql::tables
SELECT CAST(t.table_name AS CHAR) AS name FROM information_schema.tables AS t
WHERE t.table_type = 'BASE TABLE' AND t.table_schema = DATABASE()
ORDER BY 1 LIMIT 1000";

pub(super) async fn read(connection: &mut AnyConnection, name: &str) -> Result<Option<LiveTable>, sqlx::Error> {
    let (schema, table) = name.split_once('.').unwrap_or(("", name));
    let values = [schema, table].map(|name| Bind::Text(name.to_owned()));
    let rows = Sql::vouched(Dialect::Mysql, COLUMNS.to_owned())
        .about(values.to_vec())
        .fetch_all(&mut *connection)
        .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let obstacle = match obstacle(first)? {
        None => forbidden(connection, name).await?,
        some => some,
    };
    Ok(Some(LiveTable {
        obstacle,
        columns: rows.iter().map(column).collect::<Result<_, _>>()?,
        key: key(&rows)?,
        reused: None,
        row_handle: None,
    }))
}

pub(super) async fn tables(connection: &mut AnyConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(TABLES).fetch_all(connection).await
}

pub(super) async fn references(connection: &mut AnyConnection, name: &str) -> Result<Vec<AnyRow>, sqlx::Error> {
    let (schema, table) = name.split_once('.').unwrap_or(("", name));
    let values = [schema, table].map(|name| Bind::Text(name.to_owned()));
    Sql::vouched(Dialect::Mysql, REFERENCES.to_owned())
        .about(values.to_vec())
        .fetch_all(connection)
        .await
}

pub(super) async fn holdings(connection: &mut AnyConnection, from: &str, to: &str) -> Result<Vec<AnyRow>, sqlx::Error> {
    let names = [from, to].map(|name| name.split_once('.').unwrap_or(("", name)));
    let values = names.into_iter().flat_map(|(schema, table)| [schema, table]);
    Sql::vouched(Dialect::Mysql, HOLDINGS.to_owned())
        .about(values.map(|name| Bind::Text(name.to_owned())).collect())
        .fetch_all(connection)
        .await
}

fn key(rows: &[AnyRow]) -> Result<Vec<String>, sqlx::Error> {
    let mut key = Vec::new();
    for row in rows {
        if row.try_get::<i64, _>("in_key")? != 0 {
            key.push(row.try_get("name")?);
        }
    }
    Ok(key)
}

fn obstacle(row: &AnyRow) -> Result<Option<Obstacle>, sqlx::Error> {
    let (table_type, transactions): (String, String) = (row.try_get("table_type")?, row.try_get("transactions")?);
    Ok(match table_type.as_str() {
        "BASE TABLE" if transactions == "YES" => None,
        "BASE TABLE" => Some(Obstacle::NoTransactions),
        "SYSTEM VERSIONED" => Some(Obstacle::KeepsHistory),
        _ => Some(Obstacle::NotATable),
    })
}

/// Returns the privilege that this user lacks. Privileges may be on the server, the database or the table,
/// or come with a role, and only the server adds them up.
async fn forbidden(connection: &mut AnyConnection, name: &str) -> Result<Option<Obstacle>, sqlx::Error> {
    let table = quote_table(name);
    for (verb, obstacle) in [("SELECT 1", Obstacle::MayNotSelect), ("DELETE", Obstacle::MayNotDelete)] {
        let text = format!("-- store::sql::schema\n{verb} FROM {table} WHERE 1 = 0");
        let asked = Sql::vouched(Dialect::Mysql, text).about(Vec::new());
        match asked.execute(&mut *connection).await {
            Err(error @ sqlx::Error::Database(_)) => {
                if let StoreError::Forbidden { .. } = StoreError::from(error) {
                    return Ok(Some(obstacle));
                }
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Ok(None)
}

fn column(row: &AnyRow) -> Result<LiveColumn, sqlx::Error> {
    let (declared, base): (String, String) = (row.try_get("declared")?, row.try_get("base")?);
    let (charset, collation): (Option<String>, Option<String>) = (row.try_get("charset")?, row.try_get("collation")?);
    let json = row.try_get::<i64, _>("is_json")? != 0;
    let (base, declared) = (base.to_ascii_lowercase(), declared.to_ascii_lowercase());
    let kind = kind(&base, &declared, charset.zip(collation));
    Ok(LiveColumn {
        name: row.try_get("name")?,
        holds: if json {
            Some(Holds::Jsonb)
        } else {
            holds(&base, &declared, kind.as_ref())
        },
        kind,
        declared,
        unique: row.try_get::<i64, _>("is_unique")? != 0,
        unique_under: None,
        indexed: row.try_get::<i64, _>("indexed")? != 0,
        nullable: row.try_get::<i64, _>("nullable")? != 0,
    })
}

fn kind(base: &str, declared: &str, text: Option<(String, String)>) -> Option<Kind> {
    let whole = |bits| {
        Some(Kind::Whole {
            bits,
            signed: !declared.contains("unsigned"),
        })
    };
    match base {
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
            let (charset, collation) = text?;
            // The names become parts of statements.
            let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            (plain(&charset) && plain(&collation)).then_some(Kind::Collated {
                charset,
                collation,
                hex: false,
            })
        }
        "tinyint" => whole(8),
        "smallint" => whole(16),
        "mediumint" => whole(24),
        "int" => whole(32),
        "bigint" => whole(64),
        "uuid" => Some(Kind::NativeUuid),
        // Longer types (blob) have no index on the whole value.
        "binary" | "varbinary" => Some(Kind::Bytes {
            dialect: Dialect::Mysql,
            uuids: false,
        }),
        _ => None,
    }
}

fn holds(base: &str, declared: &str, kind: Option<&Kind>) -> Option<Holds> {
    if declared.starts_with("tinyint(1)") {
        return Some(Holds::Bool);
    }
    if let Some(kind) = kind {
        return Some(Holds::Key(kind.clone()));
    }
    match base {
        "float" | "double" => Some(Holds::Float),
        "decimal" => Some(Holds::Numeric),
        "datetime" => Some(Holds::Time { type_name: "datetime" }),
        "timestamp" => Some(Holds::Time { type_name: "timestamp" }),
        "date" => Some(Holds::Time { type_name: "date" }),
        "json" => Some(Holds::Jsonb),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_both_servers_spellings() {
        let whole = |bits, signed| Some(Kind::Whole { bits, signed });
        let bytes = Some(Kind::Bytes {
            dialect: Dialect::Mysql,
            uuids: false,
        });
        for (base, declared, expected) in [
            ("int", "int(11)", whole(32, true)),
            ("int", "int", whole(32, true)),
            ("bigint", "bigint(20) unsigned zerofill", whole(64, false)),
            ("binary", "binary(16)", bytes),
            ("blob", "blob", None),
            ("double", "double", None),
            ("bit", "bit(1)", None),
        ] {
            assert_eq!(kind(base, declared, None), expected, "{declared}");
        }
        assert_eq!(
            holds("tinyint", "tinyint(1)", whole(8, true).as_ref()),
            Some(Holds::Bool)
        );
    }
}
