//! The owner of a point: its row, its job, or unknown.

use crate::job::intent::{Entry, Vectors};
use crate::store::sql::SqlTable;
use crate::store::vector::{Point, PointId, Said};
use crate::store::{Conditions, RowOwner};
use crate::targets::Mapped;

/// The payload of a point without a row, compared with the job's conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It meets all conditions, or there are none.
    Met,
    /// It belongs to another owner.
    Foreign,
    /// For a condition it has no value or several values, or no payload field is mapped.
    Unknown,
}

/// A row with the id of a memory, and its table.
pub(super) type Holder<'a> = (&'a SqlTable, &'a RowOwner);

/// Decides about points, by the column types of their table.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    table: Option<&'a SqlTable>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(table: Option<&'a SqlTable>) -> Self {
        Self { table }
    }

    /// Returns whether a point belongs to a memory with this row: nothing in the point disagrees.
    pub(crate) fn agrees(self, row: Option<&RowOwner>, point: &Point) -> bool {
        let Some((row, table)) = row.zip(self.table) else {
            return false;
        };
        !point.is_of_another() && table.agrees(row, &point.whose)
    }

    /// Returns the claim of a job to a point without a row.
    pub(crate) fn claim(self, conditions: &Conditions, point: &Point) -> Claim {
        let mut claim = if point.is_of_another() {
            Claim::Unknown
        } else {
            Claim::Met
        };
        for (field, demanded) in conditions.fields.iter() {
            let is_demanded = |said: &Said| match self.table {
                Some(table) => table.is_demanded(*field, said, demanded),
                None => said.one().as_deref() == Some(demanded),
            };
            match point.whose.get(*field) {
                None | Some(Said::Nothing | Said::Other) => claim = Claim::Unknown,
                Some(Said::Several(all)) => {
                    if !all.iter().any(|one| is_demanded(&Said::Text(one.clone()))) {
                        return Claim::Foreign;
                    }
                    claim = Claim::Unknown;
                }
                Some(said) if is_demanded(said) => {}
                Some(_) => return Claim::Foreign,
            }
        }
        claim
    }

    /// Returns whether nothing in a point contradicts the job, and no field has several values.
    pub(crate) fn is_silent(self, conditions: &Conditions, point: &Point) -> bool {
        let says_several = |(_, said): (_, &Said)| matches!(said, Said::Several(_) | Said::Other);
        let is_of_another = point.is_of_another() || point.whose.iter().any(says_several);
        !is_of_another && self.claim(conditions, point) != Claim::Foreign
    }

    /// Returns whether a point may be the job's although rows outside the scope have its memory's id. They may have
    /// taken the id after the point's own row was deleted.
    ///
    /// It may if it meets the conditions, if the mapping's points have a scope, or if it disagrees with these rows. A
    /// query skips points without a row of their own.
    pub(super) fn is_in_doubt(
        self,
        mapped: &Mapped,
        conditions: &Conditions,
        rows: &[Holder<'_>],
        point: &Point,
    ) -> bool {
        let names_another = point.is_foreign && point.memory.is_some();
        if conditions.query.is_some() || names_another {
            return false;
        }
        match self.claim(conditions, point) {
            Claim::Foreign => false,
            Claim::Met if !conditions.fields.is_empty() => true,
            Claim::Met | Claim::Unknown => {
                let agrees = |(table, row): &Holder<'_>| Judge::new(Some(table)).agrees(Some(row), point);
                mapped.has_scoped_points() || !rows.iter().any(agrees)
            }
        }
    }

    /// Decides about the points of a memory that has no row anywhere.
    pub(super) fn adopt(self, entry: &mut Entry, conditions: &Conditions, points: Vec<Point>) {
        let claims: Vec<Claim> = points.iter().map(|point| self.claim(conditions, point)).collect();
        let is_partly = claims.contains(&Claim::Unknown);
        if claims.contains(&Claim::Met) {
            entry.vectors = if is_partly { Vectors::Partly } else { Vectors::Orphans };
            let met = points
                .into_iter()
                .zip(&claims)
                .filter(|(_, claim)| **claim == Claim::Met);
            entry.takes(met.map(|(point, _)| point).collect());
        } else if is_partly {
            entry.vectors = Vectors::Unverifiable;
        }
    }
}

impl Entry {
    /// Sets the points to delete.
    pub(crate) fn takes(&mut self, points: Vec<Point>) {
        let ids: Vec<PointId> = points.iter().map(|point| point.id).collect();
        self.points = ids;
        self.seen.points = points;
    }
}
