//! Reading back listed points: none still exists and matches, except points that changed in between or are held.

use lethe_common::job::StoreKind;
use lethe_common::ledger::ItemOutcome;
use lethe_common::metrics::StoreCall;

use super::Remaining;
use crate::job::batch;
use crate::job::conditions::conditions;
use crate::job::cursor::listed;
use crate::job::intent::Vectors;
use crate::job::matching;
use crate::lease::{Environment, LeaseGuard, Stop};
use crate::store::vector::PointId;
use crate::targets::Mapped;

pub(super) async fn read_back(env: &Environment, mapped: &Mapped, lease: &LeaseGuard) -> Result<Remaining, Stop> {
    let conditions = conditions(lease);
    let points: Vec<PointId> = listed(lease).iter().filter_map(|id| PointId::from_text(id)).collect();
    let mut found = Remaining::default();
    for chunk in points.chunks(env.config.worker.batch as usize) {
        lease.keep(env).await?;
        let entries = matching::listed(env, mapped, &conditions, chunk, StoreCall::ReadBack).await?;
        let there: Vec<String> = entries
            .into_iter()
            .filter(|entry| entry.vectors == Vectors::Orphans)
            .map(|entry| entry.points[0].text())
            .collect();
        // A point that changed, and changed again, is another memory than the listed one.
        let conflicted = lease.ask(env, || env.ledger.conflicted(lease, &there)).await?;
        let held = batch::recorded_as_held(env, lease, StoreKind::Vector, &there).await?;
        let is_recorded = |id: &String| conflicted.contains(id) || held.contains(id);
        for id in there.into_iter().filter(|id| !is_recorded(id)) {
            found.still(StoreKind::Vector, 1);
            found.residue += 1;
            found.ids.push(id.clone());
            found.delta.items.push(ItemOutcome {
                id,
                store: StoreKind::Vector,
                outcome: None,
                code: None,
            });
        }
    }
    Ok(found)
}
