//! PostgreSQL's catalogue (version 12 and later).

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::super::column::{Holds, Kind};
use super::super::dialect::{Dialect, quote, quote_table};
use super::{LiveColumn, LiveTable, Obstacle};

// A domain is compared as its innermost base type.
const COLUMNS: &str = "
-- store::sql::schema
SELECT a.attname::text AS name,
       format_type(a.atttypid, a.atttypmod)::text AS declared,
       base.name AS base, base.namespace AS namespace, NOT (a.attnotnull OR base.not_null) AS nullable,
       coalesce(l.collisdeterministic, true) AS deterministic,
       EXISTS (SELECT 1 FROM pg_catalog.pg_index AS i
               WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                 AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS is_unique,
       EXISTS (SELECT 1 FROM pg_catalog.pg_index AS i
               JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
               JOIN pg_catalog.pg_am AS am ON am.oid = x.relam AND am.amname IN ('btree', 'hash')
               WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = a.attnum) AS indexed,
       EXISTS (SELECT 1 FROM pg_catalog.pg_index AS i
               WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)) AS in_key,
       c.relkind::text AS relkind,
       has_table_privilege(c.oid, 'SELECT') AS may_select,
       has_table_privilege(c.oid, 'DELETE') AS may_delete,
       has_any_column_privilege(c.oid, 'UPDATE') AS may_lock,
       row_security_active(c.oid) AS secured
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
JOIN LATERAL (
    WITH RECURSIVE up (oid, base, kind, not_null) AS (
        SELECT t.oid, t.typbasetype, t.typtype, t.typnotnull FROM pg_catalog.pg_type AS t WHERE t.oid = a.atttypid
        UNION ALL
        SELECT t.oid, t.typbasetype, t.typtype, t.typnotnull FROM up JOIN pg_catalog.pg_type AS t ON t.oid = up.base
        WHERE up.kind = 'd'
    )
    SELECT t.typname::text AS name, n.nspname::text AS namespace,
           EXISTS (SELECT 1 FROM up AS d WHERE d.not_null) AS not_null
    FROM up
    JOIN pg_catalog.pg_type AS t ON t.oid = up.oid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE up.kind <> 'd'
) AS base ON true
WHERE c.oid = to_regclass($1)
ORDER BY a.attnum";

// Each key has its columns in order. The key of a table partition counts as its table's.
const REFERENCES: &str = "
-- store::sql::references
SELECT k.oid::bigint::text,
       CASE WHEN pg_table_is_visible(c.oid) THEN c.relname::text
            ELSE n.nspname::text || '.' || c.relname::text END,
       a.attname::text, b.attname::text,
       CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE '' END,
       n.nspname::text || '.' || c.relname::text
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid AND NOT c.relispartition
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS u (own, other, place)
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.own
JOIN pg_catalog.pg_attribute AS b ON b.attrelid = k.confrelid AND b.attnum = u.other
WHERE k.contype = 'f' AND k.confrelid = to_regclass($1)
ORDER BY k.oid, u.place";

// `RESTRICT` is never deferred.
const HOLDINGS: &str = "
-- store::sql::holdings
SELECT k.oid::bigint::text, a.attname::text,
       CASE WHEN k.confdeltype = 'c' THEN 'taken' WHEN k.confdeltype = 'r' THEN 'gone'
            WHEN k.condeferred THEN 'commit' ELSE 'statement' END
FROM pg_catalog.pg_constraint AS k
CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY AS u (own, place)
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.own
WHERE k.contype = 'f' AND k.confdeltype IN ('a', 'r', 'c')
  AND k.conrelid = to_regclass($1) AND k.confrelid = to_regclass($2)
ORDER BY k.oid, u.place";

// 1,000 names are enough for a suggestion.
const TABLES: &str = "
-- store::sql::tables
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname::text
            ELSE n.nspname::text || '.' || c.relname::text END
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY 1 LIMIT 1000";

pub(super) async fn read(
    connection: &mut AnyConnection,
    name: &str,
    locks: bool,
) -> Result<Option<LiveTable>, sqlx::Error> {
    let rows = sqlx::query(COLUMNS)
        .bind(quote_table(name))
        .fetch_all(connection)
        .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(LiveTable {
        obstacle: obstacle(first, locks)?,
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
    sqlx::query(REFERENCES)
        .bind(quote_table(name))
        .fetch_all(connection)
        .await
}

pub(super) async fn holdings(connection: &mut AnyConnection, from: &str, to: &str) -> Result<Vec<AnyRow>, sqlx::Error> {
    sqlx::query(HOLDINGS)
        .bind(quote_table(from))
        .bind(quote_table(to))
        .fetch_all(connection)
        .await
}

fn key(rows: &[AnyRow]) -> Result<Vec<String>, sqlx::Error> {
    let mut key = Vec::new();
    for row in rows {
        if row.try_get("in_key")? {
            key.push(row.try_get("name")?);
        }
    }
    Ok(key)
}

fn obstacle(row: &AnyRow, locks: bool) -> Result<Option<Obstacle>, sqlx::Error> {
    let relkind: String = row.try_get("relkind")?;
    Ok(if !matches!(relkind.as_str(), "r" | "p") {
        Some(Obstacle::NotATable)
    } else if row.try_get("secured")? {
        Some(Obstacle::RowSecurity)
    } else if !row.try_get::<bool, _>("may_select")? {
        Some(Obstacle::MayNotSelect)
    } else if !row.try_get::<bool, _>("may_delete")? {
        Some(Obstacle::MayNotDelete)
    } else if locks && !row.try_get::<bool, _>("may_lock")? {
        Some(Obstacle::MayNotLock)
    } else {
        None
    })
}

fn column(row: &AnyRow) -> Result<LiveColumn, sqlx::Error> {
    let base: String = row.try_get("base")?;
    let namespace: String = row.try_get("namespace")?;
    Ok(LiveColumn {
        name: row.try_get("name")?,
        declared: row.try_get("declared")?,
        kind: kind(&base, &namespace, row.try_get("deterministic")?),
        holds: holds(&base, &namespace, row.try_get("deterministic")?),
        unique: row.try_get("is_unique")?,
        unique_under: None,
        indexed: row.try_get("indexed")?,
        nullable: row.try_get("nullable")?,
    })
}

fn holds(base: &str, namespace: &str, deterministic: bool) -> Option<Holds> {
    if let Some(kind) = kind(base, namespace, deterministic) {
        return Some(Holds::Key(kind));
    }
    let holds = match base {
        "float4" | "float8" => Holds::Float,
        "numeric" => Holds::Numeric,
        "bool" => Holds::Bool,
        "timestamptz" => Holds::Time {
            type_name: "pg_catalog.timestamptz",
        },
        "timestamp" => Holds::Time {
            type_name: "pg_catalog.timestamp",
        },
        "date" => Holds::Time {
            type_name: "pg_catalog.date",
        },
        "json" => Holds::Json,
        "jsonb" => Holds::Jsonb,
        "_text" | "_varchar" | "_int2" | "_int4" | "_int8" | "_uuid" => Holds::Array,
        _ => return None,
    };
    (namespace == "pg_catalog").then_some(holds)
}

fn kind(base: &str, namespace: &str, deterministic: bool) -> Option<Kind> {
    // `citext` is an extension and may be in any schema. The other types are built in.
    let kind = match base {
        "text" | "varchar" | "bpchar" | "citext" => Kind::Text {
            type_name: format!("{}.{}", quote(namespace), quote(base)),
            equals: format!("OPERATOR({}.=)", quote(namespace)),
            binary: deterministic && base != "citext",
        },
        "uuid" => Kind::Uuid,
        "bytea" => Kind::Bytes {
            dialect: Dialect::Postgres,
            uuids: false,
        },
        "int2" => Kind::Integer(16),
        "int4" => Kind::Integer(32),
        "int8" => Kind::Integer(64),
        _ => return None,
    };
    (base == "citext" || namespace == "pg_catalog").then_some(kind)
}
