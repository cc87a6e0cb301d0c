//! Reading points, paging through them and counting them.

use std::collections::HashSet;

use lethe_common::job::{Field, StoreKind};
use qdrant_client::qdrant::with_payload_selector::SelectorOptions;
use qdrant_client::qdrant::{
    Condition, CountPoints, Filter, GetPoints, PayloadIncludeSelector, RetrievedPoint, ScrollPoints, ScrollResponse,
    WithPayloadSelector,
};

use super::filter::{any_of, scoped};
use super::payload::{Said, Whose, fields, is_in, said};
use super::point::memory_of;
use super::{MAX_POINTS_PER_REQUEST, Point, PointId, VectorCollection};
use crate::store::{Conditions, StoreError};

impl VectorCollection {
    /// Returns which of `points` exist.
    ///
    /// # Errors
    /// Fails as a whole.
    pub async fn present(&self, points: &[PointId]) -> Result<HashSet<PointId>, StoreError> {
        let mut present = HashSet::new();
        self.store
            .bounded(async {
                for chunk in points.chunks(MAX_POINTS_PER_REQUEST) {
                    let points = self.get(chunk, without_payload()).await?;
                    for point in &points {
                        present.insert(id_of(point)?);
                    }
                }
                Ok(())
            })
            .await?;
        Ok(present)
    }

    /// Returns those of `points` that exist and are in scope, each with its values of the required fields.
    ///
    /// # Errors
    /// Fails as a whole.
    pub async fn see(&self, points: &[PointId], conditions: &Conditions) -> Result<Vec<Point>, StoreError> {
        let demanded = || conditions.fields.iter().map(|(field, _)| *field);
        let payload = self.payload_of(demanded());
        let mut seen = Vec::with_capacity(points.len());
        self.store
            .bounded(async {
                for chunk in points.chunks(MAX_POINTS_PER_REQUEST) {
                    for point in &self.get(chunk, payload.clone()).await? {
                        if is_in(&self.mapping.scope, &point.payload) {
                            seen.push(self.point_of(point, demanded())?);
                        }
                    }
                }
                Ok(())
            })
            .await?;
        Ok(seen)
    }

    /// Returns a page of the points that meet `conditions`, from `offset` on, each with the memory that
    /// it belongs to where that is known, and the offset of the next page.
    ///
    /// The page may be shorter than `limit` though more points follow. The store's own filter also matches
    /// a point whose payload names several owners; such a point meets no required value.
    ///
    /// # Errors
    /// Refuses empty conditions: a page is never of everything. [`StoreError::Unmapped`] if a
    /// required field has no mapped payload field.
    pub async fn page(
        &self,
        conditions: &Conditions,
        offset: Option<PointId>,
        limit: u32,
    ) -> Result<(Vec<(Point, Option<String>)>, Option<PointId>), StoreError> {
        let filter = self.filter(conditions)?;
        let limit = limit.clamp(1, self.limits.page);
        let demanded = || conditions.fields.iter().map(|(field, _)| *field);
        let payload = self.payload_of(demanded());
        self.store
            .bounded(async {
                let answer = self.scroll(filter, offset, limit, payload).await?;
                let next = next_of(&answer)?;
                let read = |point: &RetrievedPoint| {
                    let memory = self.memory_of(id_of(point)?, &self.said_memory(point));
                    Ok::<_, StoreError>((self.point_of(point, demanded())?, memory))
                };
                let points = answer.result.iter().map(read).collect::<Result<_, _>>()?;
                Ok((points, next))
            })
            .await
    }

    /// Counts the points that meet `conditions`, exactly.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub async fn count(&self, conditions: &Conditions) -> Result<u64, StoreError> {
        let request = CountPoints {
            collection_name: self.mapping.name.clone(),
            filter: Some(self.filter(conditions)?),
            exact: Some(true),
            timeout: Some(self.limits.timeout),
            ..CountPoints::default()
        };
        self.store
            .bounded(async {
                let answer = Box::pin(self.store.client.count(request)).await?;
                answer
                    .result
                    .map(|result| result.count)
                    .ok_or(StoreError::Unreadable(StoreKind::Vector))
            })
            .await
    }

    fn filter(&self, conditions: &Conditions) -> Result<Filter, StoreError> {
        if conditions.is_empty() {
            return Err(StoreError::Misuse(
                StoreKind::Vector,
                "without conditions the call would match every point",
            ));
        }
        let mut must = self.demanded(conditions)?;
        must.extend(scoped(&self.mapping.scope));
        Ok(Filter::must(must))
    }

    /// Returns the conditions for all required values, in every spelling.
    ///
    /// # Errors
    /// Fails if a required field has no mapped payload field.
    pub(super) fn demanded(&self, conditions: &Conditions) -> Result<Vec<Condition>, StoreError> {
        let demanded = conditions.fields.iter().map(|(field, value)| {
            let path = self.mapping.payload.get(*field);
            let path = path.ok_or(StoreError::Unmapped {
                store: StoreKind::Vector,
                field: *field,
            })?;
            let forms = self.spellings.of(*field).forms(value);
            let forms: Vec<&str> = forms.iter().map(String::as_str).collect();
            Ok(any_of(path, self.limits.written(path), &forms))
        });
        demanded.collect()
    }

    /// Returns the memory's id in the payload of a point.
    pub(super) fn said_memory(&self, point: &RetrievedPoint) -> Said {
        let path = self.mapping.payload.id.as_deref();
        path.map_or(Said::Nothing, |path| said(&point.payload, path))
    }

    /// Returns a point whose memory is not known beforehand, with its values of these fields.
    fn point_of(&self, point: &RetrievedPoint, fields: impl Iterator<Item = Field>) -> Result<Point, StoreError> {
        let (id, said) = (id_of(point)?, self.said_memory(point));
        let memory = said.one();
        Ok(Point {
            id,
            whose: Whose::read(&self.mapping.payload, fields, &point.payload),
            named: memory.as_deref().map(|memory| self.spelled(memory)),
            is_contradicted: false,
            is_foreign: said != Said::Nothing && memory.is_none(),
            memory,
        })
    }

    /// Returns the memory that a point belongs to, by its payload, else by its id; `None` where it is unknown.
    pub(super) fn memory_of(&self, point: PointId, said: &Said) -> Option<String> {
        match said {
            Said::Nothing => memory_of(self.mapping.point, point),
            said => said.one(),
        }
    }

    pub(super) async fn get(
        &self,
        ids: &[PointId],
        payload: WithPayloadSelector,
    ) -> Result<Vec<RetrievedPoint>, StoreError> {
        let request = GetPoints {
            collection_name: self.mapping.name.clone(),
            ids: ids.iter().map(|id| (*id).into()).collect(),
            with_payload: Some(payload),
            with_vectors: Some(false.into()),
            timeout: Some(self.limits.timeout),
            ..GetPoints::default()
        };
        Ok(Box::pin(self.store.client.get_points(request)).await?.result)
    }

    pub(super) async fn scroll(
        &self,
        filter: Filter,
        offset: Option<PointId>,
        limit: u32,
        payload: WithPayloadSelector,
    ) -> Result<ScrollResponse, StoreError> {
        let request = ScrollPoints {
            collection_name: self.mapping.name.clone(),
            filter: Some(filter),
            offset: offset.map(Into::into),
            limit: Some(limit),
            with_payload: Some(payload),
            with_vectors: Some(false.into()),
            timeout: Some(self.limits.timeout),
            ..ScrollPoints::default()
        };
        Ok(Box::pin(self.store.client.scroll(request)).await?)
    }

    // The content of a memory belongs to the customer: only the fields that identify it or decide are read.
    pub(super) fn payload_of(&self, more: impl IntoIterator<Item = Field>) -> WithPayloadSelector {
        let fields = fields(&self.mapping.payload, &self.mapping.scope, more);
        if fields.is_empty() {
            without_payload()
        } else {
            only(fields)
        }
    }
}

pub(super) fn without_payload() -> WithPayloadSelector {
    SelectorOptions::Enable(false).into()
}

pub(super) fn only(fields: Vec<String>) -> WithPayloadSelector {
    SelectorOptions::Include(PayloadIncludeSelector { fields }).into()
}

pub(super) fn id_of(point: &RetrievedPoint) -> Result<PointId, StoreError> {
    PointId::read(point.id.as_ref()).ok_or(StoreError::Unreadable(StoreKind::Vector))
}

pub(super) fn next_of(answer: &ScrollResponse) -> Result<Option<PointId>, StoreError> {
    match &answer.next_page_offset {
        None => Ok(None),
        next => PointId::read(next.as_ref())
            .map(Some)
            .ok_or(StoreError::Unreadable(StoreKind::Vector)),
    }
}
