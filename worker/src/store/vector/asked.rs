//! The decision whether a point matches a query job, by the point's payload.
//!
//! The store's filters only narrow the points that are read. The decision is made here, by the same
//! evaluator that the tests compare every database with.

use std::collections::{BTreeSet, HashMap};

use lethe_common::config::{Collection, PointId as Rule};
use lethe_common::filter::{Filter, Matcher, Path, Type};
use lethe_common::job::StoreKind;
use qdrant_client::qdrant::Value;
use serde_json::Map;

use super::payload::{fields, is_in, text};
use super::{PointId, key, point_of_orphan};
use crate::store::{Conditions, StoreError};

/// The memory id of a point without one: no filter names it.
const NOBODY: &str = "\0";

/// The conditions of a query job on points.
pub(super) struct Asked<'a> {
    mapping: &'a Collection,
    conditions: &'a Conditions,
    filter: &'a Filter,
    matcher: Matcher,
}

impl<'a> Asked<'a> {
    /// # Errors
    /// Refuses conditions without a query.
    pub(super) fn new(mapping: &'a Collection, conditions: &'a Conditions) -> Result<Self, StoreError> {
        let query = conditions.query.as_ref();
        let query = query.ok_or(StoreError::Misuse(
            StoreKind::Vector,
            "without a query the call would match every point",
        ))?;
        Ok(Self {
            mapping,
            conditions,
            filter: &query.filter,
            matcher: by_points(&query.filter, mapping).matcher(Type::Text, &|_| Type::Json),
        })
    }

    /// Returns the payload fields that have to be read.
    pub(super) fn fields(&self) -> Vec<String> {
        let demanded = self.conditions.fields.iter().map(|(field, _)| *field);
        let mut read: BTreeSet<String> = fields(&self.mapping.payload, &self.mapping.scope, demanded)
            .into_iter()
            .collect();
        paths(self.filter, &mut |path| {
            read.insert(key::first(path));
        });
        read.into_iter().collect()
    }

    /// Returns whether a point matches the job.
    pub(super) fn is_met(&self, point: PointId, payload: &HashMap<String, Value>) -> bool {
        if !is_in(&self.mapping.scope, payload) || !self.carries_demands(payload) {
            return false;
        }
        let id = match &self.mapping.payload.id {
            Some(path) => text(payload, path),
            None => Some(point.text()),
        };
        let columns: Map<String, serde_json::Value> = payload
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into_json()))
            .collect();
        let is_met = |id| self.matcher.matches(id, &columns);
        match id.as_deref() {
            // Its memory is in doubt: it must match with the id and without it.
            Some(id) if !self.may_be(point, id) => is_met(id) && is_met(NOBODY),
            id => is_met(id.unwrap_or(NOBODY)),
        }
    }

    fn carries_demands(&self, payload: &HashMap<String, Value>) -> bool {
        self.conditions.fields.iter().all(|(field, wanted)| {
            let path = self.mapping.payload.get(*field);
            path.and_then(|path| text(payload, path)).as_deref() == Some(wanted)
        })
    }

    /// Returns whether a point may belong to the memory with this id, which its payload has. If the id of a
    /// point follows from that of a memory, the two must agree.
    fn may_be(&self, point: PointId, id: &str) -> bool {
        let follows = self.mapping.payload.id.is_some() && self.mapping.point != Rule::Payload;
        !follows || point_of_orphan(self.mapping, id) == Some(point)
    }
}

/// Returns the filter by the ids of points, where payloads have no ids of memories.
fn by_points(filter: &Filter, mapping: &Collection) -> Filter {
    let part = |part: &Filter| by_points(part, mapping);
    match filter {
        Filter::Ids(ids) if mapping.payload.id.is_none() => {
            let point = |id: &String| point_of_orphan(mapping, id).map(PointId::text);
            Filter::Ids(ids.iter().filter_map(point).collect())
        }
        Filter::And(parts) => Filter::And(parts.iter().map(part).collect()),
        Filter::Or { any, at_least } => Filter::Or {
            any: any.iter().map(part).collect(),
            at_least: *at_least,
        },
        Filter::Not(inner) => Filter::Not(Box::new(part(inner))),
        other => other.clone(),
    }
}

fn paths(filter: &Filter, each: &mut impl FnMut(&Path)) {
    match filter {
        Filter::And(parts) | Filter::Or { any: parts, .. } => parts.iter().for_each(|part| paths(part, each)),
        Filter::Not(part) => paths(part, each),
        Filter::OneOf { path, .. }
        | Filter::Range { path, .. }
        | Filter::Text { path, .. }
        | Filter::Exists(path)
        | Filter::Opaque(path) => each(path),
        Filter::All | Filter::Nothing | Filter::Ids(_) => {}
    }
}
