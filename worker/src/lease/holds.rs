//! Reading the holds under leases.
//!
//! They are read after the commit of an intent, and again before the rows of a batch: a hold that was committed before a
//! read keeps its memories from the effects after it.

use std::sync::Arc;

use lethe_common::hold::HoldSet;
use lethe_common::job::StoreKind;
use lethe_common::ledger::Fence;
use lethe_common::metrics::StoreCall;

use super::environment::Environment;
use super::stop::Stop;
use crate::holds::{Place, TableHolds};
use crate::targets::Mapped;

impl Environment {
    /// Returns the holds on a mapping that are in force now.
    ///
    /// # Errors
    ///
    /// Fails if the ledger does not answer while the leases last, or if the types of the table cannot be read, or have
    /// changed.
    pub(crate) async fn holds(&self, mapped: &Mapped, fences: &[Fence]) -> Result<TableHolds, Stop> {
        let revision = self.insist(fences, || self.ledger.holds_revision()).await?;
        self.holds_of(mapped, fences, revision).await
    }

    /// Returns the holds on a mapping that are in force now, as they are `known` if none has changed since.
    ///
    /// # Errors
    ///
    /// As [`holds`](Self::holds).
    pub(crate) async fn holds_now(
        &self,
        mapped: &Mapped,
        fences: &[Fence],
        known: TableHolds,
    ) -> Result<TableHolds, Stop> {
        let revision = self.insist(fences, || self.ledger.holds_revision()).await?;
        if revision == known.revision() {
            return Ok(known);
        }
        self.holds_of(mapped, fences, revision).await
    }

    /// Returns the holds of a revision, or newer ones.
    async fn holds_of(&self, mapped: &Mapped, fences: &[Fence], revision: i64) -> Result<TableHolds, Stop> {
        let set: Arc<HoldSet> = if let Some(known) = self.holds.at(revision) {
            known
        } else {
            let read = self.insist(fences, || self.ledger.holds_in_force()).await?;
            self.holds.learn(read)
        };
        // A hold on a mapping of points alone is about the points without a row of the others.
        let sharing = self.mappings.claiming(mapped).map(|other| &other.route);
        let place = Place {
            route: &mapped.route,
            table: &mapped.table,
            sharing: sharing.filter(|route| **route != mapped.route).collect(),
        };
        // A table may be out of reach, and most tables have no holds.
        let sql = if set.holds.is_empty() {
            None
        } else {
            mapped.sql().await?
        };
        let holds = self.holds.on(&set, &place, sql.clone());
        if let Some(sql) = sql.filter(|_| holds.rely_on_types()) {
            // A name that no row could have may be one by now.
            let check = Box::pin(sql.check_types());
            self.call(mapped, StoreKind::Sql, StoreCall::Find, check).await?;
        }
        Ok(holds)
    }
}
