//! Memories with more points than an intent lists: their points are gone through page by page, in constant memory.

use std::slice;

use lethe_common::config::PointId as Rule;
use qdrant_client::qdrant::{CountPoints, Filter};

use super::filter::{any_of, scoped};
use super::payload::is_in;
use super::read::next_of;
use super::{Point, PointId, VectorCollection};
use crate::store::{Item, StoreError};

impl VectorCollection {
    /// Returns how many points carry the ids of these memories, exactly.
    ///
    /// # Errors
    /// Fails as a whole.
    pub async fn crowd(&self, items: &[Item]) -> Result<u64, StoreError> {
        let values: Vec<String> = items.iter().flat_map(|item| self.spellings(&item.id)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let mut sum = 0;
        self.store
            .bounded(async {
                for chunk in values.chunks(self.limits.values) {
                    let Some(filter) = self.carrying(chunk) else { continue };
                    let request = CountPoints {
                        collection_name: self.mapping.name.clone(),
                        filter: Some(filter),
                        exact: Some(true),
                        timeout: Some(self.limits.timeout),
                        ..CountPoints::default()
                    };
                    let answer = Box::pin(self.store.client.count(request)).await?;
                    sum += answer.result.ok_or(StoreError::Unreadable)?.count;
                }
                Ok(sum)
            })
            .await
    }

    /// Returns a page of the points of one memory that is found by payload, from `offset` on, and the offset of the next.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub async fn page_of_memory(
        &self,
        item: &Item,
        row_found: bool,
        offset: Option<PointId>,
    ) -> Result<(Vec<Point>, Option<PointId>), StoreError> {
        let values: Vec<String> = self.spellings(&item.id).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let Some(filter) = self.carrying(&values) else {
            return Ok((Vec::new(), None));
        };
        let payload = self.payload_for(slice::from_ref(item), &[row_found]);
        self.store
            .bounded(async {
                let answer = self.scroll(filter, offset, self.limits.page, payload).await?;
                let mut points = Vec::with_capacity(answer.result.len());
                for point in &answer.result {
                    let said = self.said_memory(point);
                    if is_in(&self.mapping.scope, &point.payload) {
                        points.push(self.seen(point, &said, said.one().is_none(), item, row_found)?);
                    }
                }
                Ok((points, next_of(&answer)?))
            })
            .await
    }

    /// Returns the condition that a point of the scope carries one of these ids; `None` where points are not found
    /// by their payload.
    fn carrying(&self, ids: &[&str]) -> Option<Filter> {
        let path = self
            .mapping
            .payload
            .id
            .as_deref()
            .filter(|_| self.mapping.point == Rule::Payload)?;
        let mut must = scoped(&self.mapping.scope);
        must.push(any_of(path, self.limits.written(path), ids));
        Some(Filter::must(must))
    }
}
