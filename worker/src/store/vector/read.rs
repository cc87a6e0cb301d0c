//! Finding, paging and counting points.

use std::collections::{HashMap, HashSet};

use lethe_common::config::PointId as Rule;
use qdrant_client::qdrant::with_payload_selector::SelectorOptions;
use qdrant_client::qdrant::{
    CountPoints, Filter, GetPoints, PayloadIncludeSelector, RetrievedPoint, ScrollPoints, ScrollResponse,
    WithPayloadSelector,
};

use super::filter::{any_of, demanded};
use super::payload::{Demands, demands, fields, is_of, text};
use super::point::memory_of;
use super::{MAX_POINTS_FOUND, MAX_POINTS_PER_REQUEST, Point, PointId, VectorCollection};
use crate::store::{Conditions, Item, StoreError};

impl VectorCollection {
    /// Looks for the points of memories; the answer has the order of `items`.
    ///
    /// `row_found` says for each item whether its row is there: then the row is the handle on the
    /// memory and vouches for what is demanded, else the id must be spelled exactly as the store
    /// would. A point that carries another memory's id is left out. Where points are found by payload a memory may have many, and at
    /// most [`MAX_POINTS_FOUND`] are returned in all.
    ///
    /// # Errors
    /// Fails as a whole.
    pub async fn find(&self, items: &[Item], row_found: &[bool]) -> Result<Vec<Vec<Point>>, StoreError> {
        if items.len() != row_found.len() {
            return Err(StoreError::Misuse("one answer about the row is needed for each item"));
        }
        let ids: Vec<String> = items.iter().map(|item| self.spelled(&item.id)).collect();
        let mut found = vec![Vec::new(); items.len()];
        self.store
            .bounded(async {
                if self.mapping.point == Rule::Payload {
                    self.find_by_payload(items, &ids, row_found, &mut found).await
                } else {
                    self.find_by_id(items, &ids, row_found, &mut found).await
                }
            })
            .await?;
        Ok(found)
    }

    /// Returns which of `points` are there.
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

    /// Returns a page of the points under `conditions`, from `offset` on, with the memory that each
    /// belongs to where that can be told, and the offset of the next page.
    ///
    /// The page may be shorter than `limit` though more follow. A point whose payload names several
    /// owners is among them, as the store's own filter has it; it meets no demand.
    ///
    /// # Errors
    /// Refuses empty conditions: a page is never of everything. [`StoreError::Unmapped`] if
    /// something is demanded for which no payload field is mapped.
    pub async fn page(
        &self,
        conditions: &Conditions,
        offset: Option<PointId>,
        limit: u32,
    ) -> Result<(Vec<(PointId, Option<String>)>, Option<PointId>), StoreError> {
        let filter = self.filter(conditions)?;
        let limit = limit.clamp(1, self.limits.page);
        let id_field = self.mapping.payload.id.as_deref();
        let payload = id_field.map_or_else(without_payload, |path| only(vec![path.to_owned()]));
        self.store
            .bounded(async {
                let answer = self.scroll(filter, offset, limit, payload).await?;
                let next = next_of(&answer)?;
                let memory = |point: &RetrievedPoint, id| match id_field {
                    Some(path) => text(&point.payload, path),
                    None => memory_of(self.mapping.point, id),
                };
                let points = answer
                    .result
                    .iter()
                    .map(|point| id_of(point).map(|id| (id, memory(point, id))))
                    .collect::<Result<_, _>>()?;
                Ok((points, next))
            })
            .await
    }

    /// Counts the points under `conditions`, exactly.
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
                answer.result.map(|result| result.count).ok_or(StoreError::Unreadable)
            })
            .await
    }

    fn filter(&self, conditions: &Conditions) -> Result<Filter, StoreError> {
        if conditions.is_empty() {
            return Err(StoreError::Misuse("without conditions this would be about every point"));
        }
        let written = |path: &str| self.limits.written(path);
        Ok(Filter::must(demanded(&self.mapping.payload, written, conditions)?))
    }

    async fn find_by_id(
        &self,
        items: &[Item],
        ids: &[String],
        row_found: &[bool],
        found: &mut [Vec<Point>],
    ) -> Result<(), StoreError> {
        let mut wanted: HashMap<PointId, Vec<usize>> = HashMap::new();
        for (n, (id, row_found)) in ids.iter().zip(row_found).enumerate() {
            for point in self.points(id, *row_found) {
                wanted.entry(point).or_default().push(n);
            }
        }
        let payload = self.payload_for(items, row_found);
        let points: Vec<PointId> = wanted.keys().copied().collect();
        for chunk in points.chunks(MAX_POINTS_PER_REQUEST) {
            for point in &self.get(chunk, payload.clone()).await? {
                let id = id_of(point)?;
                for &n in wanted.get(&id).into_iter().flatten() {
                    if self.belongs(point, &ids[n]) {
                        let demands = self.demands(point, &items[n], row_found[n]);
                        found[n].push(Point { id, demands });
                    }
                }
            }
        }
        Ok(())
    }

    async fn find_by_payload(
        &self,
        items: &[Item],
        ids: &[String],
        row_found: &[bool],
        found: &mut [Vec<Point>],
    ) -> Result<(), StoreError> {
        let Some(path) = self.mapping.payload.id.as_deref() else {
            return Ok(());
        };
        let mut wanted: HashMap<&str, Vec<usize>> = HashMap::new();
        for (n, id) in ids.iter().enumerate() {
            wanted.entry(id).or_default().push(n);
        }
        let payload = self.payload_for(items, row_found);
        let values: Vec<String> = wanted.keys().flat_map(|id| self.spellings(id)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let mut seen = 0;
        for chunk in values.chunks(self.limits.values) {
            let filter = Filter::must([any_of(path, self.limits.written(path), chunk)]);
            let mut offset = None;
            loop {
                let page = (filter.clone(), offset, self.limits.page, payload.clone());
                let answer = self.scroll(page.0, page.1, page.2, page.3).await?;
                for point in &answer.result {
                    let id = id_of(point)?;
                    let memory = text(&point.payload, path).map(|memory| self.spelled(&memory));
                    for &n in memory.and_then(|memory| wanted.get(&*memory)).into_iter().flatten() {
                        if self.belongs(point, &ids[n]) {
                            let demands = self.demands(point, &items[n], row_found[n]);
                            found[n].push(Point { id, demands });
                        }
                    }
                }
                seen += answer.result.len();
                offset = next_of(&answer)?;
                if seen >= MAX_POINTS_FOUND {
                    return Ok(());
                }
                if offset.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn belongs(&self, point: &RetrievedPoint, memory: &str) -> bool {
        is_of(&self.mapping.payload, memory, self.uuid_ids, &point.payload)
    }

    fn demands(&self, point: &RetrievedPoint, item: &Item, row_found: bool) -> Demands {
        if row_found {
            return Demands::Met;
        }
        demands(&self.mapping.payload, &item.conditions, &point.payload)
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

    // What a memory says is the customer's: only what identifies it is read, and what is asked of it.
    fn payload_for(&self, items: &[Item], row_found: &[bool]) -> WithPayloadSelector {
        let asked = items.iter().zip(row_found).filter(|(_, row_found)| !**row_found);
        let demanded = asked.flat_map(|(item, _)| item.conditions.fields.iter());
        let fields = fields(&self.mapping.payload, demanded.map(|(field, _)| *field));
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
    PointId::read(point.id.as_ref()).ok_or(StoreError::Unreadable)
}

pub(super) fn next_of(answer: &ScrollResponse) -> Result<Option<PointId>, StoreError> {
    match &answer.next_page_offset {
        None => Ok(None),
        next => PointId::read(next.as_ref()).map(Some).ok_or(StoreError::Unreadable),
    }
}
