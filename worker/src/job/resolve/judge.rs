//! Whose a point is: its row's, its job's, or nobody's that can be told.

use crate::job::intent::{Entry, Vectors};
use crate::store::sql::SqlTable;
use crate::store::vector::{Point, PointId, Said};
use crate::store::{Conditions, RowOwner};
use crate::targets::Mapped;

/// What the payload of a point without a row says of what its job demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It carries all of it; or nothing is demanded.
    Met,
    /// It is somebody else's.
    Foreign,
    /// Of something that is demanded it says nothing, or several values, or no payload field is mapped for it.
    Unknown,
}

/// A row that has the id of a memory, and the table whose row it is.
pub(super) type Holder<'a> = (&'a SqlTable, &'a RowOwner);

/// Decides about points, by the types of their table's columns.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    table: Option<&'a SqlTable>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(table: Option<&'a SqlTable>) -> Self {
        Self { table }
    }

    /// Returns whether a point is that of a memory with this row: nothing that it says speaks against that.
    pub(crate) fn agrees(self, row: Option<&RowOwner>, point: &Point) -> bool {
        let Some((row, table)) = row.zip(self.table) else {
            return false;
        };
        !point.is_of_another() && table.agrees(row, &point.whose)
    }

    /// Returns whose a point without a row is.
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

    /// Returns whether a point says nothing that speaks against its being the job's, and no several owners.
    pub(crate) fn is_silent(self, conditions: &Conditions, point: &Point) -> bool {
        let says_several = |(_, said): (_, &Said)| matches!(said, Said::Several(_) | Said::Other);
        let is_of_another = point.is_of_another() || point.whose.iter().any(says_several);
        !is_of_another && self.claim(conditions, point) != Claim::Foreign
    }

    /// Returns whether a point may be the job's though rows outside the scope hold its memory's id: they may have taken
    /// the id after the point's own row was gone.
    ///
    /// It may if it names whom the job demands, or is in a scope of its own, or disagrees with these rows. A query
    /// leaves points without a row of its own alone.
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
    /// Takes points that are to be deleted.
    pub(crate) fn takes(&mut self, points: Vec<Point>) {
        let ids: Vec<PointId> = points.iter().map(|point| point.id).collect();
        self.points = ids;
        self.seen.points = points;
    }
}
