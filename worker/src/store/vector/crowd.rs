//! Memories with more points than an intent lists: their points are read page by page, in constant memory.

use std::slice;

use lethe_common::job::StoreKind;
use qdrant_client::qdrant::CountPoints;

use super::read::next_of;
use super::{Point, PointId, VectorCollection};
use crate::store::{Item, StoreError};

impl VectorCollection {
    /// Returns the number of points with the ids of these memories, as their own or in their payload. It is exact for
    /// one memory; a point of two memories may be counted twice.
    ///
    /// # Errors
    /// Fails as a whole.
    pub async fn crowd(&self, items: &[Item]) -> Result<u64, StoreError> {
        let mut sum = 0;
        self.store
            .bounded(async {
                for filter in self.candidates_of(items, &vec![true; items.len()]) {
                    let request = CountPoints {
                        collection_name: self.mapping.name.clone(),
                        filter: Some(filter),
                        exact: Some(true),
                        timeout: Some(self.limits.timeout),
                        ..CountPoints::default()
                    };
                    let answer = Box::pin(self.store.client.count(request)).await?;
                    sum += answer.result.ok_or(StoreError::Unreadable(StoreKind::Vector))?.count;
                }
                Ok(sum)
            })
            .await
    }

    /// Returns the points of a page that are candidates of one memory, from `offset` on, and the offset of the next
    /// page.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub async fn page_of_memory(
        &self,
        item: &Item,
        row_found: bool,
        offset: Option<PointId>,
    ) -> Result<(Vec<Point>, Option<PointId>), StoreError> {
        let item = slice::from_ref(item);
        // One memory needs one filter, whatever the store's limits.
        let Some(filter) = self.candidates_of(item, &[row_found]).pop() else {
            return Ok((Vec::new(), None));
        };
        let payload = self.payload_for(item, &[row_found]);
        self.store
            .bounded(async {
                let answer = self.scroll(filter, offset, self.limits.page, payload).await?;
                let points = self.candidates_among(&answer.result, &item[0], row_found)?;
                Ok((points, next_of(&answer)?))
            })
            .await
    }
}
