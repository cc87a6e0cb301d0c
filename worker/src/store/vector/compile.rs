//! A job's filter as a filter of the store, which narrows and never decides.
//!
//! Every point that the store returns is checked again ([`Asked`](super::asked::Asked)), so a point too
//! many costs only time. A point too few would stay undeleted. So a condition that an index may answer in
//! another way than the payload is omitted, under a negation as well as without.

#[cfg(test)]
mod tests;

use lethe_common::config::Collection;
use lethe_common::filter::{Bounds, Comparison, Filter as Asks, Path, Scalar};
use lethe_common::job::StoreKind;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::{Condition, Filter, MinShould, Range, RepeatedStrings};

use super::filter::{any_of, scoped};
use super::indexes::{Answer, Compares, Indexes};
use super::{key, point_of_orphan};
use crate::store::{Conditions, StoreError};

/// A compiled part of a filter. A part with the same result for every point needs no condition.
enum Part {
    Always,
    Never,
    When(Box<Condition>),
}

pub(super) struct Compiler<'a> {
    pub(super) mapping: &'a Collection,
    pub(super) indexes: &'a Indexes,
    /// The most values one condition may name.
    pub(super) values: usize,
}

impl Compiler<'_> {
    /// Returns a filter that every point of the job meets; `None` if the job has no points.
    ///
    /// # Errors
    /// Refuses conditions that the store cannot answer exactly, conditions without an index that the store
    /// requires, and a filter that matches every point without the explicit word for it.
    pub(super) fn compile(&self, conditions: &Conditions) -> Result<Option<Filter>, StoreError> {
        let query = conditions.query.as_deref();
        let query = query.ok_or(StoreError::Misuse(
            StoreKind::Vector,
            "without a query the call would match every point",
        ))?;
        let filter = &query.filter;
        if filter.check_points().is_err() {
            return Err(StoreError::Misuse(
                StoreKind::Vector,
                "the vector store cannot evaluate this filter (two places)",
            ));
        }
        if filter.constant() == Some(true) && !filter.says_all() {
            return Err(StoreError::Misuse(
                StoreKind::Vector,
                "the filter matches every point; use the match-all filter if that is intended",
            ));
        }
        if query.start.is_some() {
            return Err(StoreError::Misuse(StoreKind::Vector, "points have no time of creation"));
        }
        let mut must = self.demanded(conditions)?;
        match self.part(filter, true)? {
            Part::Never => return Ok(None),
            Part::Always => {}
            Part::When(condition) => must.push(*condition),
        }
        Ok(Some(Filter::must(must)))
    }

    /// Returns the conditions for the mapping's scope and the job's required values.
    fn demanded(&self, conditions: &Conditions) -> Result<Vec<Condition>, StoreError> {
        let mut must = self.scoped()?;
        for (field, value) in conditions.fields.iter() {
            let key = self.mapping.payload.get(*field);
            let key = key.ok_or(StoreError::Unmapped {
                store: StoreKind::Vector,
                field: *field,
            })?;
            if self.may_ask(key, Compares::Identity)? {
                must.push(any_of(key, self.indexes.written(key), &[value]));
            }
        }
        Ok(must)
    }

    /// Returns the conditions for the mapping's scope, if the store answers all of them exactly.
    fn scoped(&self) -> Result<Vec<Condition>, StoreError> {
        for (path, _) in self.mapping.scope.iter() {
            if !self.may_ask(path, Compares::Identity)? {
                return Ok(Vec::new());
            }
        }
        Ok(scoped(&self.mapping.scope))
    }

    /// Returns whether the store answers a condition on a mapped field as the payload would.
    fn may_ask(&self, key: &str, compares: Compares) -> Result<bool, StoreError> {
        match self.indexes.answer(key, compares) {
            Answer::Exact => Ok(true),
            Answer::Doubtful => Ok(false),
            Answer::Refused => Err(StoreError::Unindexed { field: key.to_owned() }),
        }
    }

    /// Compiles a part; `more` says whether a point matches if the store cannot be asked: it does not
    /// where the part is negated.
    fn part(&self, filter: &Asks, more: bool) -> Result<Part, StoreError> {
        match filter {
            Asks::All => Ok(Part::Always),
            Asks::Nothing => Ok(Part::Never),
            Asks::And(parts) => Ok(at_least(self.parts(parts, more)?, parts.len())),
            Asks::Or { any, at_least: n } => {
                let needed = usize::try_from(*n).unwrap_or(usize::MAX);
                Ok(at_least(self.parts(any, more)?, needed))
            }
            Asks::Not(part) => Ok(match self.part(part, !more)? {
                Part::Always => Part::Never,
                Part::Never => Part::Always,
                Part::When(condition) => when(Filter::must_not([*condition])),
            }),
            Asks::Ids(ids) => self.ids(ids, more),
            Asks::OneOf { path, values } => self.any(path, &one_of(values, self.values), more),
            Asks::Range { path, bounds } => self.any(path, &[Ask::Within(range(bounds))], more),
            // The store counts an object as a value, even an empty one.
            Asks::Exists(path) if !more => self.any(path, &[], more),
            Asks::Exists(path) => self.any(path, &[Ask::Anything], more),
            // The store has no such condition.
            Asks::Opaque(_) => Ok(doubtful(more)),
            Asks::Text { .. } => Err(StoreError::Misuse(
                StoreKind::Vector,
                "the vector store cannot evaluate this filter (two places)",
            )),
        }
    }

    fn parts(&self, parts: &[Asks], more: bool) -> Result<Vec<Part>, StoreError> {
        parts.iter().map(|part| self.part(part, more)).collect()
    }

    fn ids(&self, ids: &[String], more: bool) -> Result<Part, StoreError> {
        if ids.is_empty() {
            return Ok(Part::Never);
        }
        let Some(key) = &self.mapping.payload.id else {
            let points: Vec<_> = ids.iter().filter_map(|id| point_of_orphan(self.mapping, id)).collect();
            let parts = points.chunks(self.values);
            let parts = parts.map(|points| when(Condition::has_id(points.iter().copied())));
            return Ok(at_least(parts.collect(), 1));
        };
        // A point with several ids in its payload has no memory id, which the store does not see.
        if !more || !self.may_ask(key, Compares::Identity)? {
            return Ok(doubtful(more));
        }
        let written = self.indexes.written(key);
        let parts = ids.chunks(self.values).map(|ids| {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            when(any_of(key, written, &ids))
        });
        Ok(at_least(parts.collect(), 1))
    }

    /// Compiles the condition that a value at a path meets one of `asks`.
    fn any(&self, path: &Path, asks: &[Ask], more: bool) -> Result<Part, StoreError> {
        let keys = key::all(path);
        if !self.indexes.may_ask(&keys) {
            return Err(StoreError::Unindexed {
                field: path.column.clone(),
            });
        }
        let part = |key: &String, ask: &Ask| match self.indexes.answer(key, ask.compares()) {
            Answer::Exact => when(ask.of(key)),
            Answer::Doubtful | Answer::Refused => doubtful(more),
        };
        let parts = keys.iter().flat_map(|key| asks.iter().map(move |ask| part(key, ask)));
        Ok(at_least(parts.collect(), 1))
    }
}

fn when(condition: impl Into<Condition>) -> Part {
    Part::When(Box::new(condition.into()))
}

fn doubtful(more: bool) -> Part {
    if more { Part::Always } else { Part::Never }
}

fn at_least(parts: Vec<Part>, mut needed: usize) -> Part {
    let mut conditions = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::Always => needed = needed.saturating_sub(1),
            Part::Never => {}
            Part::When(condition) => conditions.push(*condition),
        }
    }
    if needed == 0 {
        return Part::Always;
    }
    if conditions.len() < needed {
        return Part::Never;
    }
    if conditions.len() == 1 {
        return conditions.pop().map_or(Part::Never, when);
    }
    let filter = if needed == conditions.len() {
        Filter::must(conditions)
    } else if needed == 1 {
        Filter::should(conditions)
    } else {
        Filter {
            min_should: Some(MinShould {
                conditions,
                min_count: needed as u64,
            }),
            ..Filter::default()
        }
    };
    when(filter)
}

/// A condition on a value.
enum Ask {
    Texts(Vec<String>),
    Within(Range),
    Is(bool),
    Anything,
}

impl Ask {
    fn compares(&self) -> Compares {
        match self {
            Self::Texts(_) => Compares::Texts,
            Self::Within(_) => Compares::Numbers,
            Self::Is(_) => Compares::Bools,
            Self::Anything => Compares::Anything,
        }
    }

    fn of(&self, key: &str) -> Condition {
        match self {
            Self::Texts(strings) => {
                let strings = strings.clone();
                Condition::matches(key, MatchValue::Keywords(RepeatedStrings { strings }))
            }
            Self::Within(range) => Condition::range(key, *range),
            Self::Is(value) => Condition::matches(key, MatchValue::Boolean(*value)),
            // Every value is outside an empty list. A list of nulls is not empty, and has no value.
            Self::Anything => Condition::matches(key, MatchValue::ExceptKeywords(RepeatedStrings::default())),
        }
    }
}

/// Returns the conditions for these values, with at most `most` texts each.
fn one_of(values: &[Scalar], most: usize) -> Vec<Ask> {
    let mut texts = Vec::new();
    let mut asks = Vec::new();
    for value in values {
        match value {
            Scalar::Text(text) => texts.push(text.clone()),
            Scalar::Bool(value) => asks.push(Ask::Is(*value)),
            // The store's own equality treats 7 and 7.0 as different.
            Scalar::Integer(_) | Scalar::Float(_) => asks.push(Ask::Within(Range {
                gte: float(value),
                lte: float(value),
                ..Range::default()
            })),
        }
    }
    asks.extend(texts.chunks(most).map(|texts| Ask::Texts(texts.to_vec())));
    asks
}

fn range(bounds: &Bounds) -> Range {
    let mut range = Range::default();
    for (comparison, bound) in bounds.given() {
        let bound = float(bound);
        match comparison {
            Comparison::Gt => range.gt = bound,
            Comparison::Gte => range.gte = bound,
            Comparison::Lt => range.lt = bound,
            Comparison::Lte => range.lte = bound,
        }
    }
    range
}

#[expect(
    clippy::cast_precision_loss,
    reason = "larger ones are refused before (`Filter::check_points`)"
)]
fn float(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Integer(number) => Some(*number as f64),
        Scalar::Float(number) => Some(*number),
        Scalar::Text(_) | Scalar::Bool(_) => None,
    }
}
