//! A job's filter as a condition of a statement.
//!
//! Values are bound. Names of columns come from the mapping, which was checked against the live schema,
//! and names inside JSON are bound too. So no text of a caller goes into a statement. Values that a
//! column cannot hold are removed before the database sees them.

mod json;
mod leaf;
mod moment;
mod mysql;
mod number;
mod scan;
mod start;
mod untyped;

use std::collections::BTreeMap;

use lethe_common::filter::{Filter, Path, Scalar, Type};
use lethe_common::job::StoreKind;

use super::column::{Column, Holds};
use super::compare::{dangles, named};
use super::dialect::{Dialect, quote};
use super::mapping::Mapping;
use super::statement::Bind;
use crate::store::{Query, StoreError, TimeBound};

pub(super) use moment::unreadable;
pub(super) use scan::is_full_scan;

/// A condition on the row `m`.
pub(super) struct Compiled {
    /// The condition.
    pub(super) text: String,
    /// Its bound values, in order.
    pub(super) values: Vec<Bind>,
    /// The condition that a row is unchanged since the job began, if `text` does not contain it.
    pub(super) unchanged: Option<String>,
}

/// The rows of a job whose snapshot bounds the time of the last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// The rows that are unchanged since it began.
    Unchanged,
    /// All rows, each with the answer whether it is unchanged.
    All,
}

/// A compiled part of a filter. A part with the same result for every row needs no text.
enum Part {
    Always,
    Never,
    When(String),
}

/// Returns the condition of a query on a row, its values bound from `$first` on; `None` if no row can
/// meet it.
///
/// # Errors
/// Refuses a filter that names an unmapped column, that compares a column with a value of another type, or
/// that matches every row after type conversion without the explicit word for it.
pub(super) fn compile(
    dialect: Dialect,
    mapping: &Mapping,
    query: &Query,
    first: usize,
    rows: Rows,
) -> Result<Option<Compiled>, StoreError> {
    let mut compiler = Compiler::new(dialect, mapping, first);
    compiler.check(query)?;
    let mut parts = match compiler.part(&query.filter)? {
        Part::Never => return Ok(None),
        Part::When(text) => vec![text],
        Part::Always if query.filter.says_all() => Vec::new(),
        Part::Always => {
            return Err(StoreError::Misuse(
                StoreKind::Sql,
                "the filter matches every row; use the match-all filter if that is intended",
            ));
        }
    };
    let mut unchanged = None;
    if let Some(start) = &query.start {
        parts.push(compiler.until(mapping.created_at.as_ref(), &start.written)?);
        let changed = start.changed.as_ref();
        unchanged = changed
            .map(|changed| compiler.until(mapping.updated_at.as_ref(), changed))
            .transpose()?;
    }
    if rows == Rows::Unchanged {
        parts.extend(unchanged.take());
    }
    if parts.is_empty() {
        parts.push("1 = 1".to_owned());
    }
    Ok(Some(Compiled {
        text: joined(&parts, "AND"),
        values: compiler.values,
        unchanged,
    }))
}

/// Expressions of the greatest time of creation, and of the greatest time of a change.
pub(super) struct Newest {
    /// The expressions, as texts; `None` if no such column is mapped.
    pub(super) texts: [Option<String>; 2],
    /// Their bound values, in order.
    pub(super) values: Vec<Bind>,
}

/// Returns expressions of the greatest times, as [`written`] reads them, their values bound from `$first` on.
pub(super) fn newest(dialect: Dialect, mapping: &Mapping, first: usize) -> Newest {
    let mut compiler = Compiler::new(dialect, mapping, first);
    let texts = [&mapping.created_at, &mapping.updated_at].map(|time| {
        let (column, holds) = time.as_ref()?;
        let name = format!("m.{}", quote(&column.name));
        Some(compiler.newest(&name, holds))
    });
    Newest {
        texts,
        values: compiler.values,
    }
}

/// Returns the bound for the greatest time that an expression of [`newest`] returned; `n` is its position.
pub(super) fn written(mapping: &Mapping, n: usize, newest: Option<String>) -> TimeBound {
    let time = [&mapping.created_at, &mapping.updated_at][n];
    let is_moment = time
        .as_ref()
        .is_some_and(|(_, holds)| matches!(holds, Holds::Moments(_) | Holds::Time { .. }));
    let newest = match newest {
        Some(text) if is_moment => moment::newest_of(mapping.zone.as_ref(), &text).map(|at| at.to_string()),
        newest => newest,
    };
    newest.map_or(TimeBound::Unknown, TimeBound::UpTo)
}

/// Returns a condition for each column that a query compares with moments. A row meets it if its match depends on a
/// value there that is no moment. The values are bound from `$1` on.
///
/// # Errors
/// As [`compile`].
pub(super) fn undecided(
    dialect: Dialect,
    mapping: &Mapping,
    query: &Query,
) -> Result<Vec<(String, Compiled)>, StoreError> {
    let mut found = Vec::new();
    let sure = Compiler::new(dialect, mapping, 1).whole(&query.filter)?;
    for (column, holds) in &mapping.asked {
        let name = format!("m.{}", quote(column));
        let mut compiler = Compiler::new(dialect, mapping, 1);
        compiler.check(query)?;
        compiler.lenient = Some(column);
        let mut parts = Vec::new();
        let possible = compiler.whole(&query.filter)?;
        if possible != sure {
            compiler.lenient = None;
            let mut undecided = format!("({} IS NOT TRUE)", compiler.whole(&query.filter)?);
            // Few rows hold such a value: the others need no further test.
            let as_moments = Holds::Moments(Box::new(holds.clone()));
            let value = if holds.is_text() { &as_moments } else { holds };
            let is_own = mapping.owner(dialect, &Path::column(column)).is_none() && !leads_into(&query.filter, column);
            if let Some(unreadable) = unreadable(dialect, &name, value).filter(|_| is_own) {
                undecided = format!("({unreadable} AND {undecided})");
            }
            parts.push(undecided);
        }
        // The time of the last change is used only beside the time of creation.
        let changed = mapping.updated_at.as_ref().filter(|_| mapping.created_at.is_some());
        let times = mapping.created_at.iter().chain(changed);
        for (_, holds) in times.filter(|(time, _)| time.name == *column) {
            parts.extend(unreadable(dialect, &name, holds));
        }
        if parts.is_empty() {
            continue;
        }
        let text = format!("({} AND {possible})", joined(&parts, "OR"));
        let values = compiler.values;
        found.push((
            column.clone(),
            Compiled {
                text,
                values,
                unchanged: None,
            },
        ));
    }
    Ok(found)
}

/// Returns whether a filter leads into the JSON of a column.
fn leads_into(filter: &Filter, column: &str) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or { any: parts, .. } => parts.iter().any(|part| leads_into(part, column)),
        Filter::Not(part) => leads_into(part, column),
        Filter::OneOf { path, .. }
        | Filter::Range { path, .. }
        | Filter::Text { path, .. }
        | Filter::Exists(path)
        | Filter::Opaque(path) => path.column.eq_ignore_ascii_case(column) && !path.steps.is_empty(),
        Filter::All | Filter::Nothing | Filter::Ids(_) => false,
    }
}

/// Returns the types of the columns that queries may use, by name.
pub(super) fn types(mapping: &Mapping) -> BTreeMap<String, Type> {
    let of = |(name, holds)| (String::clone(name), type_seen(mapping, name, holds));
    mapping.asked.iter().map(of).collect()
}

fn type_seen(mapping: &Mapping, name: &str, holds: &Holds) -> Type {
    let seen = mapping.seen.get(name).copied();
    seen.unwrap_or_else(|| leaf::type_of(holds))
}

// A column that is not mapped is refused later, by its name.
fn type_in(dialect: Dialect, mapping: &Mapping, column: &str) -> Type {
    let asked = mapping.asked(dialect, &Path::column(column));
    asked.map_or(Type::Any, |(name, holds)| type_seen(mapping, name, holds))
}

struct Compiler<'a> {
    dialect: Dialect,
    mapping: &'a Mapping,
    first: usize,
    values: Vec<Bind>,
    /// Whether the current part is under a negation, where a match keeps a row.
    negated: bool,
    /// The column whose unreadable values count as a match.
    lenient: Option<&'a str>,
    /// The position of the values that bind the doubtful times of the mapping's zone.
    doubts: Option<usize>,
}

impl<'a> Compiler<'a> {
    fn new(dialect: Dialect, mapping: &'a Mapping, first: usize) -> Self {
        Self {
            dialect,
            mapping,
            first,
            values: Vec::new(),
            negated: false,
            lenient: None,
            doubts: None,
        }
    }

    /// Refuses comparisons of columns with values that they cannot hold.
    fn check(&self, query: &Query) -> Result<(), StoreError> {
        let types = |column: &str| type_in(self.dialect, self.mapping, column);
        query.filter.check_types(&types).map_err(StoreError::Mistyped)
    }

    /// Returns a filter as a condition, even if it is the same for every row.
    fn whole(&mut self, filter: &Filter) -> Result<String, StoreError> {
        Ok(match self.part(filter)? {
            Part::Always => "(1 = 1)".to_owned(),
            Part::Never => "(1 = 0)".to_owned(),
            Part::When(text) => text,
        })
    }

    fn bind(&mut self, value: Bind) -> String {
        self.values.push(value);
        format!("${}", self.first + self.values.len() - 1)
    }

    fn part(&mut self, filter: &Filter) -> Result<Part, StoreError> {
        let (path, part) = match filter {
            Filter::All => return Ok(Part::Always),
            Filter::Nothing => return Ok(Part::Never),
            Filter::And(parts) => return self.at_least(parts, parts.len()),
            Filter::Or { any, at_least } => {
                return self.at_least(any, usize::try_from(*at_least).unwrap_or(usize::MAX));
            }
            // A part may be NULL where a value is missing. NULL acts as false, except under a
            // negation, hence IS NOT TRUE.
            Filter::Not(part) => {
                self.negated = !self.negated;
                let part = self.part(part);
                self.negated = !self.negated;
                return Ok(match part? {
                    Part::Always => Part::Never,
                    Part::Never => Part::Always,
                    Part::When(text) => Part::When(format!("({text} IS NOT TRUE)")),
                });
            }
            Filter::Ids(ids) => {
                let values: Vec<Scalar> = ids.iter().map(|id| Scalar::from(id.as_str())).collect();
                return self.one_of(&Path::column(&self.mapping.id.name), &values);
            }
            Filter::OneOf { path, values } => (path, self.equals(path, values)?),
            Filter::Range { path, bounds } => (path, self.within(path, bounds)?),
            Filter::Text { path, has, text } => (path, self.text(path, *has, text)?),
            Filter::Exists(path) => (path, self.exists(path)?),
            Filter::Opaque(path) => (path, self.opaque(path)?),
        };
        // A query for rows without an owner finds these too.
        let keeps_unowned = self.negated && !matches!(filter, Filter::Exists(_));
        Ok(self.of_row(path, part, keeps_unowned))
    }

    /// Returns the condition on a row `m`, from one on the row `o` with its owner's name if the path means that. With
    /// `keeps_unowned`, a row whose reference leads nowhere meets it too: the row of its owner may have just gone.
    fn of_row(&self, path: &Path, part: Part, keeps_unowned: bool) -> Part {
        match (part, self.mapping.owner(self.dialect, path)) {
            (Part::When(condition), Some((column, names))) => {
                let by_name = named(column, names, "m", &condition);
                Part::When(if keeps_unowned {
                    format!("(({by_name}) OR {})", dangles(column, names, "m"))
                } else {
                    format!("({by_name})")
                })
            }
            (part, _) => part,
        }
    }

    fn at_least(&mut self, parts: &[Filter], mut needed: usize) -> Result<Part, StoreError> {
        let begin = self.values.len();
        let mut texts = Vec::with_capacity(parts.len());
        for part in parts {
            match self.part(part)? {
                Part::Always => needed = needed.saturating_sub(1),
                Part::Never => {}
                Part::When(text) => texts.push(text),
            }
        }
        if needed == 0 || texts.len() < needed {
            self.values.truncate(begin);
            self.doubts = self.doubts.filter(|bound| *bound < begin);
            return Ok(if needed == 0 { Part::Always } else { Part::Never });
        }
        let text = if needed == texts.len() {
            joined(&texts, "AND")
        } else if needed == 1 {
            joined(&texts, "OR")
        } else {
            let counted: Vec<String> = texts
                .iter()
                .map(|text| format!("CASE WHEN {text} THEN 1 ELSE 0 END"))
                .collect();
            format!("({} >= {needed})", joined(&counted, "+"))
        };
        Ok(Part::When(text))
    }

    /// Returns the condition of a time bound. Rows without a time may have existed at the start, so they match.
    fn until(&mut self, time: Option<&(Column, Holds)>, until: &TimeBound) -> Result<String, StoreError> {
        let Some((column, holds)) = time else {
            return Err(StoreError::Misuse(
                StoreKind::Sql,
                "the snapshot uses a column that is not mapped",
            ));
        };
        let name = format!("m.{}", quote(&column.name));
        Ok(match until {
            TimeBound::Unknown => format!("{name} IS NULL"),
            TimeBound::UpTo(bound) => {
                let within = self.up_to(&name, holds, bound)?;
                format!("({within} OR {name} IS NULL)")
            }
        })
    }

    /// Returns a mapped column, quoted, and its type. Queries can use mapped columns only, and the names of owners.
    fn column(&self, path: &Path) -> Result<(String, &Holds), StoreError> {
        let (name, holds) = self.mapping.asked(self.dialect, path).ok_or(StoreError::Misuse(
            StoreKind::Sql,
            "a filter names a column that is not mapped",
        ))?;
        if !path.steps.is_empty() && !holds.has_paths() {
            return Err(StoreError::Misuse(
                StoreKind::Sql,
                "a filter has a path into a column without JSON",
            ));
        }
        Ok(match self.mapping.owner(self.dialect, path) {
            Some((_, names)) => (format!("o.{}", quote(&names.name.name)), holds),
            None => (format!("m.{}", quote(name)), holds),
        })
    }
}

/// Joins conditions as a balanced tree: SQLite accepts expressions that are at most 1,000 deep.
fn joined(parts: &[String], operator: &str) -> String {
    match parts {
        [] => String::new(),
        [part] => part.clone(),
        parts => {
            let (left, right) = parts.split_at(parts.len() / 2);
            format!("({} {operator} {})", joined(left, operator), joined(right, operator))
        }
    }
}
