//! Points that a job's query matches, where a table has only points: paging through them, reading some of
//! them again, and deleting those that still match.

use std::collections::HashMap;

use lethe_common::job::StoreKind;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::{Condition, Filter, RetrievedPoint, ScrollResponse, WithPayloadSelector};

use super::asked::Asked;
use super::collection::strict;
use super::compile::Compiler;
use super::indexes::Indexes;
use super::read::{id_of, next_of, only, without_payload};
use super::{MAX_POINTS_PER_REQUEST, PointId, VectorCollection};
use crate::store::{Conditions, StoreError};

/// A point that was checked against a query.
#[derive(Clone, PartialEq, Eq)]
pub struct Sighted {
    /// Its id.
    pub id: PointId,
    /// The memory that it belongs to, where that is known.
    pub memory: Option<String>,
    /// Whether it matches the query.
    pub is_met: bool,
}

impl VectorCollection {
    /// Returns the points of a page that match a query job, from `offset` on, in the order of their ids,
    /// and the offset of the next page. The page may be shorter than `limit`, and empty, though more
    /// points follow.
    ///
    /// The collection's indexes are read before the page and after it. If they changed meanwhile, the page
    /// is read again. So no point is missed because an index answered in place of the payload.
    ///
    /// If few of many points match, and no index finds them, the store may read all of them for one page.
    /// [`page_of_all`](Self::page_of_all) is for that case.
    ///
    /// # Errors
    /// Refuses conditions without a query, and conditions that the store cannot answer exactly.
    /// [`StoreError::Unindexed`] if the store would refuse the request.
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

    /// Reads the next `limit` points, whether or not they match. Returns those that match a query job, and the
    /// offset of the next page. The store's work does not depend on the filter.
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

    /// Reads points again, and omits those that no longer exist.
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

    /// Deletes points that matched just before, and waits until it is done. The deleting request contains the
    /// job's conditions, and the filter as far as the store answers it as the payload would. So a point that
    /// changed in between stays, and so does one that names several owners.
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
                // The owner is always a condition, whatever an index answers: points that an index hides stay,
                // and are reported.
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
    /// For tests of compiled filters. Only the check of a point's payload decides whether it matches.
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
        let info = answer.result.ok_or(StoreError::Unreadable(StoreKind::Vector))?;
        Ok(Indexes::of(&info, strict(&info)))
    }

    /// Returns the matching points of a page, and the offset of the next page.
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

// The content of a memory belongs to the customer: only the fields of the query are read.
fn payload_of(asked: &Asked<'_>) -> WithPayloadSelector {
    let fields = asked.fields();
    if fields.is_empty() {
        without_payload()
    } else {
        only(fields)
    }
}
