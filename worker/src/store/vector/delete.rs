//! Deleting points.

use std::collections::HashMap;

use lethe_common::job::Field;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::{Condition, DeletePoints, Filter, PointsIdsList, PointsSelector, UpdateStatus};

use super::filter::{any_of, at_most_one, demanded};
use super::{MAX_POINTS_PER_REQUEST, PointId, VectorCollection};
use crate::store::error::Status;
use crate::store::{Conditions, StoreError};

impl VectorCollection {
    /// Deletes points by id, and waits until it is done. Points that are not there are a success.
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

    /// Deletes points whose rows are gone, each only if its payload still carries what is demanded
    /// and, where given, the memory's id: the conditions are in the deleting request, so that a
    /// payload that changed in between survives. So does a point that names several owners.
    ///
    /// # Errors
    /// Fails as a whole; some of the points may be gone. [`StoreError::Unmapped`], before anything
    /// is deleted, if something is demanded for which no payload field is mapped.
    pub async fn delete_guarded(&self, points: &[(PointId, Conditions, Option<String>)]) -> Result<(), StoreError> {
        // One request for all points under the same conditions. Their ids need not be paired with
        // the points: a point that took another id of its group is that memory's, which goes too.
        let mut groups: HashMap<Key<'_>, Group<'_>> = HashMap::new();
        for (point, conditions, memory) in points {
            let group = groups.entry((&conditions.fields, memory.is_some())).or_default();
            group.points.push(*point);
            group.memories.extend(memory.as_deref());
        }
        // Each memory may be written in two ways.
        let size = MAX_POINTS_PER_REQUEST.min(self.limits.values / 2).max(1);
        let mut requests = Vec::new();
        for ((conditions, _), group) in groups {
            let guard = self.guard(&Conditions::of(conditions))?;
            for (n, ids) in group.points.chunks(size).enumerate() {
                let memories = group.memories.chunks(size).nth(n).unwrap_or_default();
                requests.push(self.guarded(guard.clone(), ids, memories));
            }
        }
        self.store
            .bounded(async {
                for filter in requests {
                    self.remove(PointsSelectorOneOf::Filter(filter)).await?;
                }
                Ok(())
            })
            .await
    }

    /// Returns conditions on whose a point is: all that is demanded, by one owner.
    pub(super) fn guard(&self, conditions: &Conditions) -> Result<Vec<Condition>, StoreError> {
        let payload = &self.mapping.payload;
        let mut guard = demanded(payload, |path| self.limits.written(path), conditions)?;
        let paths = conditions.fields.iter().filter_map(|(field, _)| payload.get(*field));
        guard.extend(paths.map(at_most_one));
        Ok(guard)
    }

    fn guarded(&self, mut guard: Vec<Condition>, ids: &[PointId], memories: &[&str]) -> Filter {
        guard.push(Condition::has_id(ids.iter().copied()));
        if let (Some(path), false) = (&self.mapping.payload.id, memories.is_empty()) {
            let spelled: Vec<String> = memories.iter().flat_map(|id| self.spellings(id)).collect();
            let spelled: Vec<&str> = spelled.iter().map(String::as_str).collect();
            guard.push(any_of(path, self.limits.written(path), &spelled));
            guard.push(at_most_one(path));
        }
        Filter::must(guard)
    }

    pub(super) async fn remove(&self, selector: PointsSelectorOneOf) -> Result<(), StoreError> {
        let request = DeletePoints {
            collection_name: self.mapping.name.clone(),
            // Without it a deletion is only written down, and a look may still find the points.
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
            Some(UpdateStatus::Acknowledged | UpdateStatus::WaitTimeout) => Err(StoreError::timed_out()),
            Some(UpdateStatus::ClockRejected) => Err(StoreError::Busy { status: Status::Silent }),
            Some(UpdateStatus::UnknownUpdateStatus) | None => Err(StoreError::Unreadable),
        }
    }
}

// What is demanded, and whether the memories' ids are known.
type Key<'a> = (&'a [(Field, String)], bool);

#[derive(Default)]
struct Group<'a> {
    points: Vec<PointId>,
    memories: Vec<&'a str>,
}
