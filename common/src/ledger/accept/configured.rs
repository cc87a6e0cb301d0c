//! The facts about jobs that follow from the configuration alone, before any store is asked.

use std::collections::BTreeSet;

use super::new_job::NewJob;
use crate::config::{Table, Target};
use crate::job::StoreKind;
use crate::ledger::types::{Kind, NewPartition, Work};
use crate::route::Route;

impl Table {
    /// Returns the stores in which its memories are accounted for.
    pub fn stores(&self) -> Vec<StoreKind> {
        let sql = self.columns.as_ref().map(|_| StoreKind::Sql);
        let vector = self.collection.as_ref().map(|_| StoreKind::Vector);
        sql.into_iter().chain(vector).collect()
    }
}

impl NewJob {
    /// Returns the targets that it is about.
    pub fn targets(&self) -> BTreeSet<String> {
        let partitions = self.partitions.iter();
        partitions.map(|partition| partition.route.target.clone()).collect()
    }
}

impl NewPartition {
    /// Returns a partition of ids.
    pub fn ids(target: &Target, table: &Table, ids: Vec<String>, kind: Kind) -> Self {
        let remaining = ids.len() as u64;
        Self {
            kind,
            route: Route::to(target, table),
            stores: table.stores(),
            work: Work::Ids(ids.into()),
            alias: 0,
            remaining,
        }
    }

    /// Returns the first partition of a subject in one table, under one of its names: a plan, or a preview
    /// for a dry run.
    pub fn subject(target: &Target, table: &Table, alias: u32, dry_run: bool) -> Self {
        let kind = if dry_run { Kind::Preview } else { Kind::Plan };
        Self {
            kind,
            route: Route::to(target, table),
            stores: table.stores(),
            work: Work::Subject,
            alias,
            remaining: 0,
        }
    }

    /// Returns the first partition of a query in one table: a plan, or a preview for a dry run.
    pub fn query(target: &Target, table: &Table, dry_run: bool) -> Self {
        Self {
            work: Work::Query,
            ..Self::subject(target, table, 0, dry_run)
        }
    }
}
