//! What to ask the stores about a memory: whether it is free, as no hold keeps it.
//!
//! A negation keeps every memory in doubt: a value that cannot be read, a reference that leads nowhere. So the stores are
//! asked for free memories, and all others are kept.

use std::sync::Arc;

use lethe_common::filter::Filter;

use super::named::Named;
use super::union::union;
use crate::store::vector::PointId;
use crate::store::{Conditions, Query};

/// The questions about one hold, or about all holds on a mapping.
// Personal data: no `Debug`.
#[derive(Default)]
pub(crate) struct Asking {
    rows: Option<Free>,
    points: Option<Free>,
    beside: Option<Free>,
    every_row: bool,
    named: Named,
}

/// A filter of what is kept, and the conditions of what is free.
struct Free {
    kept: Filter,
    conditions: Conditions,
}

/// The memories that some holds keep.
pub(super) struct Kept {
    /// Rows.
    pub(super) rows: Vec<Filter>,
    /// Points without a row.
    pub(super) points: Vec<Filter>,
    /// Points of memories with a row, where only points say whose a memory is.
    pub(super) beside: Vec<Filter>,
    /// Whether no row says whose it is, so that the points of every row are asked.
    pub(super) every_row: bool,
    /// The ids that the holds name.
    pub(super) named: Named,
}

impl Free {
    fn new(kept: Vec<Filter>) -> Option<Self> {
        let kept = union(kept);
        if kept == Filter::Nothing {
            return None;
        }
        let free = Filter::And(vec![Filter::All, not(&kept)]);
        let conditions = Conditions::default().with_query(Query {
            filter: Arc::new(free),
            start: None,
        });
        Some(Self { kept, conditions })
    }
}

impl Asking {
    pub(super) fn new(kept: Kept) -> Self {
        Self {
            rows: Free::new(kept.rows),
            points: Free::new(kept.points),
            beside: Free::new(kept.beside),
            every_row: kept.every_row,
            named: kept.named,
        }
    }

    /// Returns the conditions that free rows meet; `None`: all rows are free.
    pub(crate) fn free_rows(&self) -> Option<&Conditions> {
        self.rows.as_ref().map(|free| &free.conditions)
    }

    /// Returns the conditions that free points without a row meet; `None`: the ids alone decide.
    pub(crate) fn free_points(&self) -> Option<&Conditions> {
        self.points.as_ref().map(|free| &free.conditions)
    }

    /// Returns the conditions that the points of free rows meet; `None`: the rows alone decide.
    pub(crate) fn free_beside(&self) -> Option<&Conditions> {
        self.beside.as_ref().map(|free| &free.conditions)
    }

    /// Returns whether the points of every row are asked, and not only those of rows without an owner or a workspace.
    pub(crate) fn asks_every_row(&self) -> bool {
        self.every_row
    }

    /// Returns whether points without a row may be kept.
    pub(crate) fn keeps_points(&self) -> bool {
        self.points.is_some() || !self.named.is_empty()
    }

    /// Returns whether a hold names the id of a memory without a row.
    pub(crate) fn names(&self, id: Option<&str>) -> bool {
        id.is_some_and(|id| self.named.has(id))
    }

    /// Returns whether a hold names the memory from whose id a point follows.
    pub(crate) fn names_point(&self, point: PointId) -> bool {
        self.named.has_point(point)
    }

    /// Returns the conditions of a job for rows, less the rows that are kept.
    ///
    /// A job without a query gets the same query each time, so that its memories share a statement with those of others.
    pub(crate) fn narrow(&self, conditions: &Conditions) -> Conditions {
        let Some(free) = &self.rows else {
            return conditions.clone();
        };
        let query = match &conditions.query {
            None => free.conditions.query.clone(),
            // Without `All`: a statement refuses a job's filter that matches every row, unless it says so itself.
            Some(query) => Some(Arc::new(Query {
                filter: Arc::new(Filter::And(vec![(*query.filter).clone(), not(&free.kept)])),
                start: query.start.clone(),
            })),
        };
        Conditions {
            fields: Arc::clone(&conditions.fields),
            query,
        }
    }
}

fn not(filter: &Filter) -> Filter {
    Filter::Not(Box::new(filter.clone()))
}
