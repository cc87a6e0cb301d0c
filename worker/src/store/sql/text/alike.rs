//! The texts about memories with the same conditions, such as those of one job: their ids are a plain
//! list, and the conditions are bound once.
//!
//! PostgreSQL finds rows by a list of a thousand texts in two thirds of the time for a list of objects,
//! and deletes them in half. The other databases gain nothing.

use super::super::compare::equals;
use super::super::dialect::Dialect;
use super::super::mapping::Mapping;
use super::super::statement::Sql;
use super::range::{Range, scoped};
use super::{joined, only_reads, place, said};

// In a subquery, for the same reason as in `tuples`.
fn list(bind: usize) -> String {
    format!("pg_catalog.jsonb_array_elements_text((SELECT ${bind}::jsonb))")
}

/// Returns the text that looks up ids, whose list is bound last → one text of the list positions of ids with
/// a row; the rest is as in [`Texts::find`](super::Texts::find). `None` where it would save nothing.
pub(in super::super) fn find(dialect: Dialect, mapping: &Mapping, demanded: Range<'_>) -> Option<Sql> {
    match dialect {
        Dialect::Postgres => {}
        Dialect::Sqlite | Dialect::Mysql => return None,
    }
    let (filter, bound) = scoped(mapping, demanded);
    let said = said(dialect, mapping, &filter);
    let text = format!(
        "-- store::sql::find\n\
         SELECT {found}, count(*), {only_reads} FROM {list} WITH ORDINALITY AS e(i, n) JOIN {table} AS m ON {same}",
        found = joined(dialect, &format!("e.n - 1 || {said}")),
        only_reads = only_reads(dialect),
        list = list(bound + 1),
        table = mapping.table,
        same = equals(&mapping.id, "m", "e.i"),
    );
    Some(Sql::vouched(dialect, text))
}

/// Returns the text that deletes rows by their locations: the lists of ids and of locations are bound last →
/// one text of list positions. `None` where it would save nothing, or where rows are not deleted by location.
pub(in super::super) fn delete_at(dialect: Dialect, mapping: &Mapping, demanded: Range<'_>) -> Option<Sql> {
    match dialect {
        Dialect::Postgres => {}
        Dialect::Sqlite | Dialect::Mysql => return None,
    }
    place(dialect, mapping)?;
    let (filter, bound) = scoped(mapping, demanded);
    // Not as a plain condition: the database would use the owner's index, and read all of the owner's rows
    // for each batch.
    let filter = if filter.is_empty() {
        filter
    } else {
        format!(" AND CASE WHEN {filter} THEN TRUE END")
    };
    let text = format!(
        "-- store::sql::delete\n\
         WITH gone AS (\n\
         DELETE FROM {table} AS m\n\
         USING ROWS FROM ({ids}, {places}) WITH ORDINALITY AS e(i, at, n)\n\
         WHERE m.ctid = e.at::pg_catalog.tid AND {same}{filter}\n\
         RETURNING e.n - 1 AS n)\n\
         SELECT {gone} FROM gone",
        table = mapping.table,
        ids = list(bound + 1),
        places = list(bound + 2),
        same = equals(&mapping.id, "m", "e.i"),
        gone = joined(dialect, "n::text"),
    );
    Some(Sql::vouched(dialect, text))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::super::column::{Column, Kind};
    use super::*;

    fn column(name: &str) -> Column {
        Column {
            name: name.to_owned(),
            kind: Kind::Integer(64),
            names: None,
        }
    }

    #[test]
    fn what_is_demanded_leads_to_no_rows_by_an_index() {
        let mapping = Mapping {
            table: "t".to_owned(),
            name: "t".to_owned(),
            uuids: None,
            id: column("id"),
            fields: Vec::new(),
            compared: Vec::new(),
            scope: None,
            version: None,
            created_at: None,
            updated_at: None,
            asked: BTreeMap::new(),
            seen: BTreeMap::new(),
            dependents: Vec::new(),
            cascades: Vec::new(),
            folded_by: None,
            row_handle: None,
            indexed: BTreeSet::new(),
            zone: None,
        };
        let owner = column("owner");
        let demanded = Range {
            query: None,
            demanded: &[&owner],
            after: false,
            through: false,
        };
        let text = format!("{:?}", delete_at(Dialect::Postgres, &mapping, demanded));
        let case = "AND CASE WHEN m.\\\"owner\\\" = $1::pg_catalog.int8 THEN TRUE END";
        assert!(text.contains(case), "{text}");
        assert!(delete_at(Dialect::Sqlite, &mapping, demanded).is_none());
    }
}
