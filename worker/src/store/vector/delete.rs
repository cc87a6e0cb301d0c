//! Deleting points.

use std::collections::HashMap;

use lethe_common::job::StoreKind;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::{Condition, DeletePoints, Filter, PointsIdsList, PointsSelector, UpdateStatus};

use super::filter::{any_of, at_most_one, says_nothing, scoped, unchanged};
use super::payload::Whose;
use super::{MAX_POINTS_PER_REQUEST, Point, PointId, VectorCollection};
use crate::store::error::Status;
use crate::store::{Conditions, StoreError};

impl VectorCollection {
    /// Deletes points by id, and waits until it is done. Absent points are a success.
    ///
    /// # Errors
    /// Fails as a whole; some of the points may be gone.
    pub async fn delete(&self, points: &[PointId]) -> Result<(), StoreError> {
        self.store
            .bounded(async {
                for chunk in points.chunks(MAX_POINTS_PER_REQUEST) {
                    let ids = chunk.iter().map(|id| (*id).into()).collect();
                    self.remove(PointsSelectorOneOf::Points(PointsIdsList { ids })).await?;
                }
                Ok(())
            })
            .await
    }

    /// Deletes points that were just read, each only if its payload is unchanged. The deleting request contains
    /// the conditions, so that a point that changed in between stays.
    ///
    /// # Errors
    /// Fails as a whole; some of the points may be gone.
    pub async fn delete_seen(&self, points: &[Point]) -> Result<(), StoreError> {
        // One clause for all points with the same owner values. It does not pair points with memory ids: a point whose
        // payload now has another memory id of the group belongs to that memory, which is deleted too.
        let mut groups: HashMap<(&Whose, bool), Vec<&Point>> = HashMap::new();
        for point in points {
            groups
                .entry((&point.whose, point.memory.is_some()))
                .or_default()
                .push(point);
        }
        // Each memory id may need two values: a text and a number.
        let size = MAX_POINTS_PER_REQUEST.min(self.limits.values / 2).max(1);
        let clauses: Vec<(Filter, usize)> = groups
            .values()
            .flat_map(|group| group.chunks(size))
            .map(|group| (self.clause(group), group.len()))
            .collect();
        self.store
            .bounded(async {
                for filter in self.requests(clauses, size) {
                    self.remove(PointsSelectorOneOf::Filter(filter)).await?;
                }
                Ok(())
            })
            .await
    }

    /// Joins clauses to requests of at most `size` points each: otherwise each owner's points would need a request.
    fn requests(&self, clauses: Vec<(Filter, usize)>, size: usize) -> Vec<Filter> {
        let mut requests: Vec<(Vec<Filter>, usize)> = Vec::new();
        for (clause, points) in clauses {
            match requests.last_mut() {
                Some((joined, sum)) if !self.limits.is_strict && *sum + points <= size => {
                    joined.push(clause);
                    *sum += points;
                }
                _ => requests.push((vec![clause], points)),
            }
        }
        let any = |mut clauses: Vec<Filter>| match clauses.len() {
            1 => clauses.remove(0),
            _ => Filter::should(clauses.into_iter().map(Condition::from)),
        };
        requests.into_iter().map(|(clauses, _)| any(clauses)).collect()
    }

    /// Returns the filter for points with the same owner values.
    fn clause(&self, points: &[&Point]) -> Filter {
        let payload = &self.mapping.payload;
        let mut must = scoped(&self.mapping.scope);
        if let Some(first) = points.first() {
            must.extend(unchanged(payload, |path| self.limits.written(path), &first.whose));
        }
        must.push(Condition::has_id(points.iter().map(|point| point.id)));
        if let Some(path) = payload.id.as_deref() {
            let memories: Vec<&str> = points.iter().filter_map(|point| point.memory.as_deref()).collect();
            if memories.is_empty() {
                must.push(says_nothing(path));
            } else {
                must.push(any_of(path, self.limits.written(path), &memories));
                must.push(at_most_one(path));
            }
        }
        Filter::must(must)
    }

    /// Returns the conditions on a point's owner: the scope, the required values, and at most one value per field.
    pub(super) fn guard(&self, conditions: &Conditions) -> Result<Vec<Condition>, StoreError> {
        let payload = &self.mapping.payload;
        let mut guard = self.demanded(conditions)?;
        guard.extend(scoped(&self.mapping.scope));
        let paths = conditions.fields.iter().filter_map(|(field, _)| payload.get(*field));
        guard.extend(paths.map(at_most_one));
        Ok(guard)
    }

    pub(super) async fn remove(&self, selector: PointsSelectorOneOf) -> Result<(), StoreError> {
        let request = DeletePoints {
            collection_name: self.mapping.name.clone(),
            // Without it the store only logs the deletion, and a lookup may still find the points.
            wait: Some(true),
            points: Some(PointsSelector {
                points_selector_one_of: Some(selector),
            }),
            timeout: Some(self.limits.timeout),
            ..DeletePoints::default()
        };
        let answer = Box::pin(self.store.client.delete_points(request)).await?;
        match answer.result.map(|result| result.status()) {
            Some(UpdateStatus::Completed) => Ok(()),
            Some(UpdateStatus::Acknowledged | UpdateStatus::WaitTimeout) => {
                Err(StoreError::timed_out(StoreKind::Vector))
            }
            Some(UpdateStatus::ClockRejected) => Err(StoreError::Busy {
                status: Status::Silent(StoreKind::Vector),
            }),
            Some(UpdateStatus::UnknownUpdateStatus) | None => Err(StoreError::Unreadable(StoreKind::Vector)),
        }
    }
}
