//! The candidates of a memory: the points with its id as their own, or in their payload.

use std::collections::{HashMap, HashSet};

use lethe_common::job::StoreKind;
use qdrant_client::qdrant::{Condition, Filter, RetrievedPoint, WithPayloadSelector};

use super::filter::{any_of, scoped};
use super::payload::{COMPARED, Said, Whose, is_in};
use super::read::{id_of, next_of};
use super::{MAX_POINTS_FOUND, MAX_POINTS_PER_REQUEST, Point, PointId, VectorCollection};
use crate::store::{Item, StoreError};

/// A memory whose points are looked up.
struct Wanted<'a> {
    item: &'a Item,
    /// Its id, in the spelling that is compared with payloads.
    id: String,
    row_found: bool,
    /// The points that follow from its id.
    points: Vec<PointId>,
}

/// The candidates of a batch.
struct Search<'a> {
    wanted: Vec<Wanted<'a>>,
    by_point: HashMap<PointId, Vec<usize>>,
    by_id: HashMap<String, Vec<usize>>,
    seen: HashSet<PointId>,
    found: Vec<Vec<Point>>,
}

impl VectorCollection {
    /// Looks up the points of memories; the answer has the order of `items`. A point outside the mapping's scope is
    /// no point of these memories.
    ///
    /// `row_found` says for each item whether its row exists. With a row, the payload is read for the comparison with
    /// it. Without one, the payload is read for the required fields, and the id must have the store's exact spelling.
    /// Where payloads name memories, one may have many points. If there are more than [`MAX_POINTS_FOUND`] in all, the
    /// answer is `None`, and the caller retries with fewer memories.
    ///
    /// # Errors
    /// Fails as a whole.
    pub async fn find(&self, items: &[Item], row_found: &[bool]) -> Result<Option<Vec<Vec<Point>>>, StoreError> {
        if items.len() != row_found.len() {
            return Err(StoreError::Misuse(
                StoreKind::Vector,
                "`row_found` must have one entry per item",
            ));
        }
        let mut search = self.search(items, row_found);
        let payload = self.payload_for(items, row_found);
        let all = self
            .store
            .bounded(async {
                if self.mapping.payload.id.is_some() {
                    self.scroll_for(&mut search, &payload).await
                } else {
                    self.get_for(&mut search, &payload).await.map(|()| true)
                }
            })
            .await?;
        Ok(all.then_some(search.found))
    }

    /// Returns a point as a candidate of a memory, with the values that decide about it; `None` if it is none.
    fn candidate(&self, point: &RetrievedPoint, wanted: &Wanted<'_>) -> Result<Option<Point>, StoreError> {
        if !is_in(&self.mapping.scope, &point.payload) {
            return Ok(None);
        }
        let (id, said) = (id_of(point)?, self.said_memory(point));
        // Byte for byte, or by value where ids are UUIDs or bytes by type.
        let is_named = said.all().iter().any(|named| self.spelled(named) == wanted.id);
        // A point whose payload names another memory is a candidate only if the row exists.
        let is_own = wanted.points.contains(&id) && (wanted.row_found || said.all().is_empty());
        if !is_named && !is_own {
            return Ok(None);
        }
        let payload = &self.mapping.payload;
        let whose = if wanted.row_found {
            Whose::read(payload, COMPARED, &point.payload)
        } else {
            let demanded = wanted.item.conditions.fields.iter().map(|(field, _)| *field);
            Whose::read(payload, demanded, &point.payload)
        };
        Ok(Some(Point {
            id,
            whose,
            named: is_named.then(|| wanted.id.clone()),
            is_contradicted: false,
            is_foreign: match said {
                Said::Nothing => false,
                _ => !is_named || said.one().is_none(),
            },
            memory: said.one(),
        }))
    }

    /// Returns the filter for the candidates of some memories; `None` if no point can be one.
    pub(super) fn candidates(&self, points: &[PointId], forms: &[&str]) -> Option<Filter> {
        let named = self.mapping.payload.id.as_deref().filter(|_| !forms.is_empty());
        let named = named.map(|path| any_of(path, self.limits.written(path), forms));
        let own = (!points.is_empty()).then(|| Condition::has_id(points.iter().copied()));
        let mut must = scoped(&self.mapping.scope);
        must.push(match (own, named) {
            (None, None) => return None,
            (Some(only), None) | (None, Some(only)) => only,
            (Some(own), Some(named)) => Filter::should([own, named]).into(),
        });
        Some(Filter::must(must))
    }

    /// Returns the filters for the candidates of all these memories, each within the store's limits.
    pub(super) fn candidates_of(&self, items: &[Item], row_found: &[bool]) -> Vec<Filter> {
        let search = self.search(items, row_found);
        self.filters(&search.wanted)
    }

    fn search<'a>(&self, items: &'a [Item], row_found: &[bool]) -> Search<'a> {
        let wanted = items.iter().zip(row_found).map(|(item, row_found)| {
            let id = self.spelled(&item.id);
            Wanted {
                item,
                points: self.points(&id, *row_found),
                id,
                row_found: *row_found,
            }
        });
        let wanted: Vec<Wanted<'_>> = wanted.collect();
        let (mut by_point, mut by_id) = (HashMap::<_, Vec<usize>>::new(), HashMap::<_, Vec<usize>>::new());
        for (n, wanted) in wanted.iter().enumerate() {
            by_id.entry(wanted.id.clone()).or_default().push(n);
            for point in &wanted.points {
                by_point.entry(*point).or_default().push(n);
            }
        }
        Search {
            found: wanted.iter().map(|_| Vec::new()).collect(),
            wanted,
            by_point,
            by_id,
            seen: HashSet::new(),
        }
    }

    fn filters(&self, wanted: &[Wanted<'_>]) -> Vec<Filter> {
        let mut filters = Vec::new();
        let (mut points, mut forms) = (HashSet::new(), HashSet::new());
        let most = self.limits.values;
        for wanted in wanted {
            let more = self.spellings.ids.forms(&wanted.id);
            if points.len() + wanted.points.len() > most || forms.len() + more.len() > most {
                filters.extend(self.take(&mut points, &mut forms));
            }
            points.extend(wanted.points.iter().copied());
            forms.extend(more);
        }
        filters.extend(self.take(&mut points, &mut forms));
        filters
    }

    fn take(&self, points: &mut HashSet<PointId>, forms: &mut HashSet<String>) -> Option<Filter> {
        let points: Vec<PointId> = points.drain().collect();
        let forms: Vec<String> = forms.drain().collect();
        let forms: Vec<&str> = forms.iter().map(String::as_str).collect();
        self.candidates(&points, &forms)
    }

    /// Reads the candidates page by page. Returns whether it read all of them.
    async fn scroll_for(&self, search: &mut Search<'_>, payload: &WithPayloadSelector) -> Result<bool, StoreError> {
        for filter in self.filters(&search.wanted) {
            let mut offset = None;
            loop {
                let answer = self
                    .scroll(filter.clone(), offset, self.limits.page, payload.clone())
                    .await?;
                self.assign(&answer.result, search)?;
                offset = next_of(&answer)?;
                if search.seen.len() > MAX_POINTS_FOUND {
                    return Ok(false);
                }
                if offset.is_none() {
                    break;
                }
            }
        }
        Ok(true)
    }

    async fn get_for(&self, search: &mut Search<'_>, payload: &WithPayloadSelector) -> Result<(), StoreError> {
        let points: Vec<PointId> = search.by_point.keys().copied().collect();
        for chunk in points.chunks(MAX_POINTS_PER_REQUEST) {
            let points = self.get(chunk, payload.clone()).await?;
            self.assign(&points, search)?;
        }
        Ok(())
    }

    /// Adds each point to the memories whose candidate it is.
    fn assign(&self, points: &[RetrievedPoint], search: &mut Search<'_>) -> Result<(), StoreError> {
        for point in points {
            let id = id_of(point)?;
            // A point may be found twice: by its own id, and by its payload.
            if !search.seen.insert(id) {
                continue;
            }
            let named = self.said_memory(point).all();
            let named = named.iter().filter_map(|named| search.by_id.get(&self.spelled(named)));
            let memories: HashSet<usize> = search
                .by_point
                .get(&id)
                .into_iter()
                .chain(named)
                .flatten()
                .copied()
                .collect();
            for n in memories {
                if let Some(found) = self.candidate(point, &search.wanted[n])? {
                    search.found[n].push(found);
                }
            }
        }
        Ok(())
    }

    /// Returns the points of a page that are candidates of one memory.
    pub(super) fn candidates_among(
        &self,
        points: &[RetrievedPoint],
        item: &Item,
        row_found: bool,
    ) -> Result<Vec<Point>, StoreError> {
        let search = self.search(std::slice::from_ref(item), &[row_found]);
        let candidate = |point| self.candidate(point, &search.wanted[0]).transpose();
        points.iter().filter_map(candidate).collect()
    }

    // The content of a memory belongs to the customer: only the fields that identify it or decide are read.
    pub(super) fn payload_for(&self, items: &[Item], row_found: &[bool]) -> WithPayloadSelector {
        let compared = COMPARED.into_iter().filter(|_| row_found.contains(&true));
        let asked = items.iter().zip(row_found).filter(|(_, row_found)| !**row_found);
        let demanded = asked.flat_map(|(item, _)| item.conditions.fields.iter());
        self.payload_of(demanded.map(|(field, _)| *field).chain(compared))
    }
}
