//! The check of a hold. The configuration alone decides, and no store is queried.

use std::collections::HashSet;

use jiff::Timestamp;
use lethe_common::clock::to_millis;
use lethe_common::config::{Config, Table, Target};
use lethe_common::filter::{Filter, FilterError};
use lethe_common::hold::HoldOn;
use lethe_common::job::Field;
use lethe_common::ledger::{HoldRecord, Route};
use lethe_common::receipt::HoldGround;
use strum::VariantNames as _;

use super::body::PutHold;
use crate::auth::Principal;
use crate::deletion::new_job::{self, QUERY};
use crate::deletion::placement::{self, MappedTable};
use crate::deletion::query::{self, Query};
use crate::deletion::request;
use crate::http::problem::{Kind, Problem};

/// The most holds in force. Workers compile all of them for each batch.
pub(crate) const MOST: u64 = 1_000;

/// The most persons or workspaces of a hold.
const MOST_NAMES: usize = 1_000;

/// The most ids of a hold.
const MOST_IDS: usize = 10_000;

/// The largest selection of a hold, in bytes of JSON: 10,000 UUIDs, and some room. Each process keeps all holds in
/// memory.
const LARGEST: usize = 512 << 10;

/// The longest text about the person or the office that demands a hold, in characters.
const LONGEST_BY: usize = 200;

/// A hold that may be written.
// Personal data: no `Debug`.
pub(crate) struct Checked {
    pub(crate) record: HoldRecord,
    /// The mapping of its query, for the check of column types.
    pub(crate) route: Option<Route>,
    /// The tables in its place that have no field for its persons or workspaces. Each has its target before it.
    pub(crate) not_covered: Vec<(String, String)>,
    /// The mappings in its place.
    pub(crate) routes: Vec<Route>,
}

/// The place of a hold. Absent parts: all.
struct Place<'a> {
    target: Option<&'a Target>,
    table: Option<MappedTable<'a>>,
}

impl PutHold {
    /// Returns the hold to store under a name. Times ago count from `now`.
    pub(crate) fn checked(
        mut self,
        config: &Config,
        principal: &Principal,
        name: String,
        now: Timestamp,
    ) -> Result<Checked, Problem> {
        self.require_one()?;
        let targets = placement::reached(config, principal)?;
        let place = self.place(&targets)?;
        principal.require_all_of(place.target.map(|target| target.name.as_str()))?;
        let ground = ground(&self.ground)?;
        let until = self.until.as_deref().map(|text| until(text, now)).transpose()?;
        let by = self.by.take();
        if let Some(by) = &by {
            request::text("by", by, LONGEST_BY)?;
        }
        let reference = self.reference.take().map(request::reference).transpose()?;
        let on = self.on(config, &place, now)?;
        require_bounded(&on)?;
        let tables = place.tables(&targets);
        Ok(Checked {
            route: route_of_query(&on, &place),
            not_covered: not_covered(&on, &place, &tables)?,
            routes: tables.iter().map(|(target, table)| Route::to(target, table)).collect(),
            record: HoldRecord {
                name,
                target: place.target.map(|target| target.name.clone()),
                table: place.table.map(|(_, table)| table.name.clone()),
                on,
                ground,
                by,
                reference,
                principal: principal.name.clone(),
                until,
            },
        })
    }

    fn require_one(&self) -> Result<(), Problem> {
        let given = [
            self.persons.is_some(),
            self.ids.is_some(),
            self.workspaces.is_some(),
            self.query.is_some(),
            self.everything.is_some(),
        ];
        match given.into_iter().filter(|given| *given).count() {
            0 => Err(unsaid(
                "give one of `persons`, `ids`, `workspaces` and `query`, or `everything`: true if all memories are meant",
            )),
            1 => Ok(()),
            _ => Err(Problem::new(
                Kind::Invalid,
                "give only one of `persons`, `ids`, `workspaces`, `query` and `everything`: write several holds",
            )),
        }
    }

    /// Returns the place of the hold. Ids and queries are about one table.
    fn place<'a>(&self, targets: &[&'a Target]) -> Result<Place<'a>, Problem> {
        let needs_table = self.table.is_some() || self.ids.is_some() || self.query.is_some();
        if needs_table {
            let table = placement::for_ids(targets, self.target.as_deref(), self.table.as_deref())?;
            return Ok(Place {
                target: Some(table.0),
                table: Some(table),
            });
        }
        let target = self.target.as_deref().map(|name| placement::named(targets, name));
        Ok(Place {
            target: target.transpose()?,
            table: None,
        })
    }

    /// Returns the memories that the hold keeps.
    fn on(self, config: &Config, place: &Place<'_>, now: Timestamp) -> Result<HoldOn, Problem> {
        let longest = config.api.max_id_length;
        let check = |field: &str, value: &str| request::text(field, value, longest);
        if let Some(persons) = self.persons {
            return values("persons", persons, MOST_NAMES, check).map(HoldOn::Persons);
        }
        if let Some(workspaces) = self.workspaces {
            return values("workspaces", workspaces, MOST_NAMES, check).map(HoldOn::Workspaces);
        }
        if let Some(ids) = self.ids {
            let check = |field: &str, id: &str| new_job::id(id, config).map_err(|what| Problem::invalid(field, what));
            return values("ids", ids, MOST_IDS, check).map(HoldOn::Ids);
        }
        if let (Some(query), Some((_, table))) = (self.query, place.table) {
            return filter(query, table, now).map(HoldOn::Query);
        }
        if self.everything == Some(true) {
            Ok(HoldOn::Everything)
        } else {
            Err(Problem::invalid(
                "everything",
                "write true, or give one of `persons`, `ids`, `workspaces` and `query` in its place",
            ))
        }
    }
}

impl<'a> Place<'a> {
    /// Returns the tables in this place.
    fn tables(&self, targets: &[&'a Target]) -> Vec<MappedTable<'a>> {
        match (self.table, self.target) {
            (Some(table), _) => vec![table],
            (None, Some(target)) => all_of(&[target]),
            (None, None) => all_of(targets),
        }
    }
}

fn all_of<'a>(targets: &[&'a Target]) -> Vec<MappedTable<'a>> {
    let tables = |target: &'a Target| target.tables.iter().map(move |table| (target, table));
    targets.iter().copied().flat_map(tables).collect()
}

/// Returns checked values without repetitions.
fn values(
    field: &str,
    mut values: Vec<String>,
    most: usize,
    check: impl Fn(&str, &str) -> Result<(), Problem>,
) -> Result<Vec<String>, Problem> {
    if values.is_empty() {
        return Err(Problem::invalid(field, "give at least one"));
    }
    if values.len() > most {
        let what = format_args!("give at most {most}: write several holds");
        return Err(Problem::invalid(field, what));
    }
    for (n, value) in values.iter().enumerate() {
        check(&format!("{field}[{n}]"), value)?;
    }
    let mut seen = HashSet::with_capacity(values.len());
    values.retain(|value| seen.insert(value.clone()));
    Ok(values)
}

/// Returns the filter of a hold. It must match some memories, and not all.
fn filter(query: Query, table: &Table, now: Timestamp) -> Result<Filter, Problem> {
    let read = new_job::filter(table, |table| query::read(query, table, now));
    let filter = read.map_err(|problem| {
        // The advice for jobs would lead to a filter that is refused here.
        if problem.detail.ends_with(&FilterError::Everything.to_string()) {
            return everything_asked();
        }
        problem.in_words(&[(query::PLACE, QUERY)])
    })?;
    if filter.says_all() || filter.constant() == Some(true) {
        return Err(everything_asked());
    }
    if filter.constant() == Some(false) {
        let what = "no memory can match this, so the hold would keep none: change the query";
        return Err(Problem::invalid(QUERY, what));
    }
    Ok(filter)
}

fn everything_asked() -> Problem {
    unsaid("write `everything`: true in place of a query for all memories, and leave `all` out of queries")
}

fn unsaid(detail: &str) -> Problem {
    Problem::new(Kind::EverythingUnsaid, detail)
}

fn ground(word: &str) -> Result<HoldGround, Problem> {
    word.parse().map_err(|_| {
        let words: Vec<_> = HoldGround::VARIANTS.iter().map(|word| format!("`{word}`")).collect();
        Problem::invalid("ground", format_args!("write one of {}", words.join(", ")))
    })
}

/// Reads the end of a hold, in milliseconds since 1970.
fn until(text: &str, now: Timestamp) -> Result<i64, Problem> {
    let at = request::time("until", text)?;
    if at <= now {
        return Err(past());
    }
    Ok(to_millis(at))
}

/// Returns the problem of an end that has passed.
pub(crate) fn past() -> Problem {
    let what = "write a time in the future, or leave it out: the hold would keep nothing";
    Problem::invalid("until", what)
}

/// Refuses a selection that is too large for the memory of workers.
fn require_bounded(on: &HoldOn) -> Result<(), Problem> {
    let text = serde_json::to_string(on).expect("texts and filters are always JSON");
    if text.len() > LARGEST {
        let detail = format!("a hold may name at most {LARGEST} bytes: write several holds");
        return Err(Problem::new(Kind::TooLarge, detail));
    }
    Ok(())
}

fn route_of_query(on: &HoldOn, place: &Place<'_>) -> Option<Route> {
    match (on, place.table) {
        (HoldOn::Query(_), Some((target, table))) => Some(Route::to(target, table)),
        _ => None,
    }
}

/// Returns the tables that a hold on persons or workspaces does not cover.
///
/// # Errors
/// The hold names a table that knows no owner or no workspace.
fn not_covered(on: &HoldOn, place: &Place<'_>, tables: &[MappedTable<'_>]) -> Result<Vec<(String, String)>, Problem> {
    let (name, field) = match on {
        HoldOn::Persons(_) => ("persons", Field::User),
        HoldOn::Workspaces(_) => ("workspaces", Field::Workspace),
        HoldOn::Everything | HoldOn::Ids(_) | HoldOn::Query(_) => return Ok(Vec::new()),
    };
    if let Some((target, table)) = place.table
        && !of_rows(table, field)
        && !of_points(table, field)
    {
        let section = if table.columns.is_some() {
            "columns"
        } else {
            "collection.payload"
        };
        let what = format_args!(
            "table `{}` of target `{}` does not map this field: {}, or write a hold on everything in this table",
            table.name,
            target.name,
            placement::to_map(section, field)
        );
        return Err(Problem::invalid(name, what));
    }
    // Without a column, rows that have no point belong to nobody.
    let covers = |table: &Table| of_rows(table, field) || table.columns.is_none() && of_points(table, field);
    let open = tables.iter().filter(|(_, table)| !covers(table));
    Ok(open
        .map(|(target, table)| (target.name.clone(), table.name.clone()))
        .collect())
}

fn of_rows(table: &Table, field: Field) -> bool {
    let columns = table.columns.as_ref();
    columns.is_some_and(|columns| placement::column(columns, field).is_some())
}

fn of_points(table: &Table, field: Field) -> bool {
    let collection = table.collection.as_ref();
    collection.is_some_and(|collection| collection.payload.get(field).is_some())
}
