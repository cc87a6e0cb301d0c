//! Finding, paging and counting points.

use std::collections::{HashMap, HashSet};

use lethe_common::config::PointId as Rule;
use lethe_common::job::Field;
use qdrant_client::qdrant::with_payload_selector::SelectorOptions;
use qdrant_client::qdrant::{
    CountPoints, Filter, GetPoints, PayloadIncludeSelector, RetrievedPoint, ScrollPoints, ScrollResponse,
    WithPayloadSelector,
};

use super::filter::{any_of, demanded, scoped};
use super::payload::{COMPARED, Said, Whose, fields, is_in, said};
use super::point::memory_of;
use super::{MAX_POINTS_FOUND, MAX_POINTS_PER_REQUEST, Point, PointId, VectorCollection};
use crate::store::{Conditions, Item, StoreError};

impl VectorCollection {
    /// Looks for the points of memories; the answer has the order of `items`. A point outside the mapping's scope is
    /// no point of these memories.
    ///
    /// `row_found` says for each item whether its row is there: then the payload is read for a comparison with
    /// the row, else for what is demanded, and the id must be spelled exactly as the store would. Where points are
    /// found by payload a memory may have many: if there are more than [`MAX_POINTS_FOUND`] in all, the answer is
    /// `None`, and fewer memories have to be asked about.
    ///
    /// # Errors
    /// Fails as a whole.
    pub async fn find(&self, items: &[Item], row_found: &[bool]) -> Result<Option<Vec<Vec<Point>>>, StoreError> {
        if items.len() != row_found.len() {
            return Err(StoreError::Misuse("one answer about the row is needed for each item"));
        }
        let ids: Vec<String> = items.iter().map(|item| self.spelled(&item.id)).collect();
        let mut found = vec![Vec::new(); items.len()];
        let all = self
            .store
            .bounded(async {
                if self.mapping.point == Rule::Payload {
                    self.find_by_payload(items, &ids, row_found, &mut found).await
                } else {
                    self.find_by_id(items, &ids, row_found, &mut found).await.map(|()| true)
                }
            })
            .await?;
        Ok(all.then_some(found))
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

    /// Returns those of `points` that are there and in scope, each with what it says of what is demanded.
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

    /// Returns a page of the points under `conditions`, from `offset` on, each with the memory that it
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
        let mut must = demanded(&self.mapping.payload, written, conditions)?;
        must.extend(scoped(&self.mapping.scope));
        Ok(Filter::must(must))
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
                if !is_in(&self.mapping.scope, &point.payload) {
                    continue;
                }
                let said = self.said_memory(point);
                for &n in wanted.get(&id_of(point)?).into_iter().flatten() {
                    let named = self.names(&said, &ids[n]);
                    // What says of itself that it is another memory's is a candidate only beside the row.
                    if named || row_found[n] || said.all().is_empty() {
                        let is_foreign = match said {
                            Said::Nothing => false,
                            _ => !named || said.one().is_none(),
                        };
                        found[n].push(self.seen(point, &said, is_foreign, &items[n], row_found[n])?);
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns whether these are all.
    async fn find_by_payload(
        &self,
        items: &[Item],
        ids: &[String],
        row_found: &[bool],
        found: &mut [Vec<Point>],
    ) -> Result<bool, StoreError> {
        let Some(path) = self.mapping.payload.id.as_deref() else {
            return Ok(true);
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
            let mut must = vec![any_of(path, self.limits.written(path), chunk)];
            must.extend(scoped(&self.mapping.scope));
            let filter = Filter::must(must);
            let mut offset = None;
            loop {
                let answer = self
                    .scroll(filter.clone(), offset, self.limits.page, payload.clone())
                    .await?;
                for point in &answer.result {
                    if !is_in(&self.mapping.scope, &point.payload) {
                        continue;
                    }
                    let said = self.said_memory(point);
                    let memories: HashSet<String> = said.all().iter().map(|memory| self.spelled(memory)).collect();
                    for &n in memories.iter().filter_map(|memory| wanted.get(&**memory)).flatten() {
                        let is_foreign = said.one().is_none();
                        found[n].push(self.seen(point, &said, is_foreign, &items[n], row_found[n])?);
                    }
                }
                seen += answer.result.len();
                offset = next_of(&answer)?;
                if seen > MAX_POINTS_FOUND {
                    return Ok(false);
                }
                if offset.is_none() {
                    break;
                }
            }
        }
        Ok(true)
    }

    /// Returns what a payload says about which memory its point belongs to.
    pub(super) fn said_memory(&self, point: &RetrievedPoint) -> Said {
        let path = self.mapping.payload.id.as_deref();
        path.map_or(Said::Nothing, |path| said(&point.payload, path))
    }

    /// Returns a point whose memory is not known beforehand, with what it says of these fields.
    fn point_of(&self, point: &RetrievedPoint, fields: impl Iterator<Item = Field>) -> Result<Point, StoreError> {
        let (id, said) = (id_of(point)?, self.said_memory(point));
        let memory = said.one();
        // Where a point's id follows from its memory's, a payload that names another memory contradicts it.
        let follows = |memory: &String| {
            self.mapping.point == Rule::Payload || self.points(&self.spelled(memory), true).any(|point| point == id)
        };
        Ok(Point {
            id,
            whose: Whose::read(&self.mapping.payload, fields, &point.payload),
            is_foreign: match said {
                Said::Nothing => false,
                _ => !memory.as_ref().is_some_and(follows),
            },
            memory,
        })
    }

    /// Returns the memory that a point belongs to, by its payload, else by its id; `None` where it cannot be told.
    pub(super) fn memory_of(&self, point: PointId, said: &Said) -> Option<String> {
        match said {
            Said::Nothing => memory_of(self.mapping.point, point),
            said => said.one(),
        }
    }

    /// Returns whether one of the ids that a payload names is this memory's, spelled as points are looked for: byte
    /// for byte, or by value where ids are UUIDs or bytes by type.
    fn names(&self, said: &Said, memory: &str) -> bool {
        said.all().iter().any(|named| self.spelled(named) == memory)
    }

    /// Returns a point as it was seen, with what decides about it.
    pub(super) fn seen(
        &self,
        point: &RetrievedPoint,
        memory: &Said,
        is_foreign: bool,
        item: &Item,
        row_found: bool,
    ) -> Result<Point, StoreError> {
        let payload = &self.mapping.payload;
        let whose = if row_found {
            Whose::read(payload, COMPARED, &point.payload)
        } else {
            let demanded = item.conditions.fields.iter().map(|(field, _)| *field);
            Whose::read(payload, demanded, &point.payload)
        };
        Ok(Point {
            id: id_of(point)?,
            whose,
            memory: memory.one(),
            is_foreign,
        })
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

    // What a memory says is the customer's: only what identifies it is read, and what decides about it.
    pub(super) fn payload_for(&self, items: &[Item], row_found: &[bool]) -> WithPayloadSelector {
        let compared = COMPARED.into_iter().filter(|_| row_found.contains(&true));
        let asked = items.iter().zip(row_found).filter(|(_, row_found)| !**row_found);
        let demanded = asked.flat_map(|(item, _)| item.conditions.fields.iter());
        self.payload_of(demanded.map(|(field, _)| *field).chain(compared))
    }

    fn payload_of(&self, more: impl IntoIterator<Item = Field>) -> WithPayloadSelector {
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
    PointId::read(point.id.as_ref()).ok_or(StoreError::Unreadable)
}

pub(super) fn next_of(answer: &ScrollResponse) -> Result<Option<PointId>, StoreError> {
    match &answer.next_page_offset {
        None => Ok(None),
        next => PointId::read(next.as_ref()).map(Some).ok_or(StoreError::Unreadable),
    }
}
