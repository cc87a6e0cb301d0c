//! Proposes mappings for stores that no configuration describes.
//!
//! Names and keys suggest the tables that hold memories. A collection belongs to a table if the ids of one are found in
//! the other. An operator reviews the proposal.

use std::collections::BTreeMap;
use std::sync::Arc;

use lethe_common::config::{Collection, Columns, MappingScope, Payload, PointId as Rule, Table};
use lethe_common::filter::Filter;

use crate::store::sql::{SqlStore, SqlTable, convention};
use crate::store::vector::{PointId, Sample, VectorStore, point_of_row};
use crate::store::{Conditions, Query, StoreError};

/// The number of points, and of rows, that are sampled.
const SAMPLE: u32 = 100;

/// The inferred content of the stores.
#[derive(Debug, Default)]
pub struct Inferred {
    /// The tables that seem to hold memories.
    pub tables: Vec<Table>,
    /// Tables that have an owner and do not look like memories.
    pub others: Vec<String>,
    /// Tables that memories reference: a delete of such a row deletes its memories too, is refused, or takes their owner.
    pub above: Vec<String>,
    /// Tables whose rows reference a row with their owner, each with that column.
    pub referring: Vec<String>,
    /// Tables that look like parts of memories, and whose rows may belong to no memory.
    pub loose: Vec<String>,
    /// Collections without points: nothing can be inferred about them.
    pub empty: Vec<String>,
    /// Collections whose points may belong to several tables, since small numbers are ids in most tables.
    pub unclear: Vec<String>,
}

/// Looks at a SQL database, a vector store or both, and proposes mappings.
///
/// # Errors
/// Fails if a store cannot be asked.
pub async fn infer(sql: Option<&SqlStore>, vector: Option<&VectorStore>) -> Result<Inferred, StoreError> {
    let mut inferred = Inferred::default();
    if let Some(sql) = sql {
        let proposed = sql.propose().await?;
        inferred.tables = proposed.tables;
        inferred.others = proposed.others;
        inferred.above = proposed.above;
        inferred.referring = proposed.referring;
        inferred.loose = proposed.loose;
    }
    let Some(vector) = vector else { return Ok(inferred) };
    for name in vector.collections().await? {
        let sample = vector.sample(&name, SAMPLE).await?;
        if sample.points.is_empty() {
            inferred.empty.push(name);
            continue;
        }
        let mut places = match sql {
            Some(sql) => places(&inferred.tables, sql, vector, &name, &sample).await?,
            None => Vec::new(),
        };
        match (places.pop(), places.is_empty()) {
            (Some((n, collection)), true) => inferred.tables[n].collection = Some(collection),
            (Some(_), false) => inferred.unclear.push(name),
            (None, _) => inferred
                .tables
                .push(alone(collection(&name, points_of(&sample), None, &sample))),
        }
    }
    tell_apart(&mut inferred.tables);
    Ok(inferred)
}

/// Returns the tables whose memories a collection's points may belong to, each with its rule.
async fn places(
    tables: &[Table],
    sql: &SqlStore,
    vector: &VectorStore,
    name: &str,
    sample: &Sample,
) -> Result<Vec<(usize, Collection)>, StoreError> {
    let mut places = Vec::new();
    for (n, table) in tables
        .iter()
        .enumerate()
        .filter(|(_, table)| table.collection.is_none())
    {
        // A table that does not fit stays in the proposal, without a collection. The later check reports its faults.
        let opened = match SqlTable::open(sql, table).await {
            Ok(opened) => opened,
            Err(StoreError::Mapping { .. }) => continue,
            Err(error) => return Err(error),
        };
        if let Some((rule, id)) = rule(&opened, vector, name, sample).await? {
            places.push((n, collection(name, rule, id, sample)));
        }
    }
    Ok(places)
}

/// Returns the rule that derives a collection's points from the ids of a table, if there is one.
async fn rule(
    table: &SqlTable,
    vector: &VectorStore,
    name: &str,
    sample: &Sample,
) -> Result<Option<(Rule, Option<String>)>, StoreError> {
    let points: Vec<String> = sample.points.iter().map(|point| point.text()).collect();
    if known(table, &points).await? {
        return Ok(Some((points_of(sample), id_field(table, sample).await?)));
    }
    if let Some(field) = id_field(table, sample).await? {
        return Ok(Some((Rule::Payload, Some(field))));
    }
    let all = Conditions::default().with_query(Query {
        filter: Arc::new(Filter::All),
        start: None,
    });
    let ids = table.page(&all, None, None, SAMPLE).await?;
    let named = collection(name, Rule::Uuid5, None, sample);
    let points: Vec<PointId> = ids.iter().filter_map(|id| point_of_row(&named, id)).collect();
    let found = !points.is_empty() && !vector.has(name, &points).await?.is_empty();
    Ok(found.then_some((Rule::Uuid5, None)))
}

/// Returns the payload field that holds the memories' ids.
async fn id_field(table: &SqlTable, sample: &Sample) -> Result<Option<String>, StoreError> {
    for (field, values) in &sample.fields {
        // A number may be the id of both a person and a memory.
        let name = field.rsplit('.').next().unwrap_or_default();
        if !convention::is_about_an_owner(name) && known(table, values).await? {
            return Ok(Some(field.clone()));
        }
    }
    Ok(None)
}

/// Returns whether at least half of some texts are ids of rows. Orphaned vectors have no row.
async fn known(table: &SqlTable, texts: &[String]) -> Result<bool, StoreError> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let found = table.exists(&texts).await?.into_iter().filter(|found| *found).count();
    Ok(found > 0 && 2 * found >= texts.len())
}

fn points_of(sample: &Sample) -> Rule {
    match sample.points.first() {
        Some(PointId::Num(_)) => Rule::Number,
        _ => Rule::Uuid,
    }
}

fn collection(name: &str, point: Rule, id: Option<String>, sample: &Sample) -> Collection {
    let field = |names: &[&str]| {
        let named = |name: &&str| sample.fields.keys().find(|path| path.rsplit('.').next() == Some(*name));
        names.iter().find_map(named).cloned()
    };
    Collection {
        name: name.to_owned(),
        point,
        namespace: None,
        payload: Payload {
            id,
            user: field(&convention::USER),
            agent: field(&convention::AGENT),
            app: field(&convention::APP),
            run: field(&convention::RUN),
            workspace: field(&convention::WORKSPACE),
            kind: field(&convention::KIND),
        },
        scope: MappingScope::default(),
    }
}

/// Returns the mapping of a collection whose memories have no rows.
fn alone(collection: Collection) -> Table {
    Table {
        name: convention::callable(&collection.name),
        sql_table: None,
        columns: None::<Columns>,
        scope: MappingScope::default(),
        fields: BTreeMap::new(),
        counted: BTreeMap::new(),
        time_zone: None,
        dependents: Vec::new(),
        collection: Some(collection),
    }
}

/// Appends a number to the names of tables that another table has taken.
fn tell_apart(tables: &mut [Table]) {
    let mut taken = BTreeMap::new();
    for table in tables {
        let n = taken.entry(table.name.clone()).or_insert(0);
        *n += 1;
        if *n > 1 {
            let sql_table = table.columns.is_some().then(|| table.sql_table().to_owned());
            table.sql_table = sql_table;
            table.name = format!("{}_{n}", table.name);
        }
    }
}
