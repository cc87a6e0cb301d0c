//! What the configuration says about jobs before any store is asked.

use super::types::{Kind, NewPartition, Route, Work};
use crate::config::{Table, Target};
use crate::job::StoreKind;

impl Route {
    /// Returns the route to a table of a target.
    pub fn to(target: &Target, table: &Table) -> Self {
        Self {
            target: target.name.clone(),
            table: table.name.clone(),
            digest: target.digest(table),
        }
    }
}

impl Table {
    /// Returns the stores in which its memories are accounted for.
    pub fn stores(&self) -> Vec<StoreKind> {
        let sql = self.columns.as_ref().map(|_| StoreKind::Sql);
        let vector = self.collection.as_ref().map(|_| StoreKind::Vector);
        sql.into_iter().chain(vector).collect()
    }
}

impl NewPartition {
    /// Returns a partition of ids: to be erased, or only looked at.
    pub fn ids(target: &Target, table: &Table, ids: Vec<String>, dry_run: bool) -> Self {
        let remaining = ids.len() as u64;
        let kind = if dry_run { Kind::Preview } else { Kind::Erase };
        Self {
            kind,
            route: Route::to(target, table),
            stores: table.stores(),
            work: Work::Ids(ids),
            remaining,
        }
    }

    /// Returns the partition that begins a subject's erasure in one table: its plan, or its preview.
    pub fn subject(target: &Target, table: &Table, dry_run: bool) -> Self {
        let kind = if dry_run { Kind::Preview } else { Kind::Plan };
        Self {
            kind,
            route: Route::to(target, table),
            stores: table.stores(),
            work: Work::Subject,
            remaining: 0,
        }
    }

    /// Returns the partition that begins a query's erasure in one table: its plan, or its preview.
    pub fn query(target: &Target, table: &Table, dry_run: bool) -> Self {
        Self {
            work: Work::Query,
            ..Self::subject(target, table, dry_run)
        }
    }
}
