//! Points that a job's query matches, where a table has only points: walking them, looking at some of
//! them again, and deleting those that still match.

use std::collections::HashMap;

use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::{Condition, Filter, RetrievedPoint, ScrollResponse, WithPayloadSelector};

use super::asked::Asked;
use super::collection::strict;
use super::compile::Compiler;
use super::indexes::Indexes;
use super::read::{id_of, next_of, only, without_payload};
use super::{MAX_POINTS_PER_REQUEST, PointId, VectorCollection};
use crate::store::{Conditions, StoreError};

/// A point that was looked at for a query.
#[derive(Clone, PartialEq, Eq)]
pub struct Sighted {
    /// Its id.
    pub id: PointId,
    /// The memory that it belongs to, where that can be told.
    pub memory: Option<String>,
    /// Whether it is what the job asks for.
    pub is_met: bool,
}

impl VectorCollection {
    /// Returns the points of a page that a job by query is about, from `offset` on, in the order of
    /// their ids, and the offset of the next page. The page may be shorter than `limit`, and empty,
    /// though more follow.
    ///
    /// The collection's indexes are read before the page and after it: were they changed meanwhile, it
    /// is read again. So no point is left out because an index answered in the payload's place.
    ///
    /// Where few of many points match, and no index tells which, the store may look at all of them for one
    /// page: [`page_of_all`](Self::page_of_all) is for then.
    ///
    /// # Errors
    /// Refuses conditions without a query, and what the store cannot say exactly.
    /// [`StoreError::Unindexed`] if the store would refuse to look.
    pub async fn page_matching(
        &self,
        conditions: &Conditions,
        offset: Option<PointId>,
        limit: u32,
    ) -> Result<(Vec<Sighted>, Option<PointId>), StoreError> {
        let asked = Asked::new(&self.mapping, conditions)?;
        let limit = limit.clamp(1, self.limits.page);
        self.store
            .bounded(async {
                let mut indexes = self.indexes().await?;
                loop {
                    let Some(filter) = self.narrowed(&indexes, conditions)? else {
                        return Ok((Vec::new(), None));
                    };
                    let answer = self.scroll(filter, offset, limit, payload_of(&asked)).await?;
                    let now = self.indexes().await?;
                    if now == indexes {
                        return self.met(&asked, &answer);
                    }
                    indexes = now;
                }
            })
            .await
    }

    /// Returns those of the next `limit` points, whether or not they match, that a job by query is about, and
    /// the offset of the next page: what the store does for it does not depend on the filter.
    ///
    /// # Errors
    /// Refuses conditions without a query.
    pub async fn page_of_all(
        &self,
        conditions: &Conditions,
        offset: Option<PointId>,
        limit: u32,
    ) -> Result<(Vec<Sighted>, Option<PointId>), StoreError> {
        let asked = Asked::new(&self.mapping, conditions)?;
        let limit = limit.clamp(1, self.limits.page);
        self.store
            .bounded(async {
                let answer = self
                    .scroll(Filter::default(), offset, limit, payload_of(&asked))
                    .await?;
                self.met(&asked, &answer)
            })
            .await
    }

    /// Looks at points again; those that are not there any more are left out.
    ///
    /// # Errors
    /// Refuses conditions without a query.
    pub async fn sight(
        &self,
        points: &[PointId],
        conditions: &Conditions,
    ) -> Result<HashMap<PointId, Sighted>, StoreError> {
        let asked = Asked::new(&self.mapping, conditions)?;
        let mut found = HashMap::with_capacity(points.len());
        self.store
            .bounded(async {
                for chunk in points.chunks(MAX_POINTS_PER_REQUEST) {
                    let points = self.get(chunk, payload_of(&asked)).await?;
                    for point in self.sighted(&asked, &points)? {
                        found.insert(point.id, point);
                    }
                }
                Ok(())
            })
            .await?;
        Ok(found)
    }

    /// Deletes points that were just seen to match, and waits until it is done. The job's conditions are in
    /// the deleting request, the filter as far as the store answers it as the payload would: a point that
    /// changed in between survives. So does one that names several owners.
    ///
    /// # Errors
    /// As [`page_matching`](Self::page_matching); some of the points may be gone.
    pub async fn delete_matching(&self, points: &[PointId], conditions: &Conditions) -> Result<(), StoreError> {
        let size = MAX_POINTS_PER_REQUEST.min(self.limits.values);
        self.store
            .bounded(async {
                let indexes = self.indexes().await?;
                let Some(filter) = self.narrowed(&indexes, conditions)? else {
                    return Ok(());
                };
                // Whose they are is always said, whatever an index may make of it: what it hides stays, and is
                // reported.
                let guard: Vec<Condition> = filter.must.into_iter().chain(self.guard(conditions)?).collect();
                for chunk in points.chunks(size) {
                    let mut must = guard.clone();
                    must.push(Condition::has_id(chunk.iter().copied()));
                    self.remove(PointsSelectorOneOf::Filter(Filter::must(must))).await?;
                }
                Ok(())
            })
            .await
    }

    /// Returns the points to which the store's own filter narrows a page.
    ///
    /// For tests of what filters become: whether a point is meant is said by looking at it.
    ///
    /// # Errors
    /// As [`page_matching`](Self::page_matching).
    #[doc(hidden)]
    pub async fn narrow(&self, conditions: &Conditions) -> Result<Vec<PointId>, StoreError> {
        let indexes = self.indexes().await?;
        let Some(filter) = self.narrowed(&indexes, conditions)? else {
            return Ok(Vec::new());
        };
        let answer = self.scroll(filter, None, self.limits.page, without_payload()).await?;
        answer.result.iter().map(id_of).collect()
    }

    fn narrowed(&self, indexes: &Indexes, conditions: &Conditions) -> Result<Option<Filter>, StoreError> {
        let compiler = Compiler {
            mapping: &self.mapping,
            indexes,
            values: self.limits.values,
        };
        compiler.compile(conditions)
    }

    async fn indexes(&self) -> Result<Indexes, StoreError> {
        let answer = Box::pin(self.store.client.collection_info(self.mapping.name.as_str())).await?;
        let info = answer.result.ok_or(StoreError::Unreadable)?;
        Ok(Indexes::of(&info, strict(&info)))
    }

    /// Returns those points of a page that are asked for, and where the next one begins.
    fn met(&self, asked: &Asked<'_>, answer: &ScrollResponse) -> Result<(Vec<Sighted>, Option<PointId>), StoreError> {
        let mut points = self.sighted(asked, &answer.result)?;
        points.retain(|point| point.is_met);
        Ok((points, next_of(answer)?))
    }

    fn sighted(&self, asked: &Asked<'_>, points: &[RetrievedPoint]) -> Result<Vec<Sighted>, StoreError> {
        let sighted = |point: &RetrievedPoint| {
            let id = id_of(point)?;
            Ok(Sighted {
                id,
                memory: self.memory_of(id, &self.said_memory(point)),
                is_met: asked.is_met(id, &point.payload),
            })
        };
        points.iter().map(sighted).collect()
    }
}

// What a memory says is the customer's: only what is asked of it is read.
fn payload_of(asked: &Asked<'_>) -> WithPayloadSelector {
    let fields = asked.fields();
    if fields.is_empty() {
        without_payload()
    } else {
        only(fields)
    }
}
