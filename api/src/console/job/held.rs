//! The holds that keep memories of a job.

use lethe_common::job::Outcome;
use lethe_common::ledger::{HoldCount, JobView, LedgerError};
use lethe_common::state::State as JobState;

use crate::auth::Principal;
use crate::console::{holds, links, words};
use crate::routes::holds::seen;
use crate::state::AppState;

/// A hold that keeps memories of a job.
pub(super) struct Keeper {
    pub(super) name: String,
    /// The path of its page, if the caller may read holds.
    pub(super) path: Option<String>,
    pub(super) memories: String,
    pub(super) ground: String,
}

impl Keeper {
    /// Returns the holds that keep memories of a job, by name. The ledger is asked only about a job with held memories.
    pub(super) async fn all(state: &AppState, principal: &Principal, job: &JobView) -> Result<Vec<Self>, LedgerError> {
        let held = Outcome::Held.as_str();
        let counts = job.stores.iter().filter_map(|store| store.counts.get(held));
        if job.state != JobState::Held && counts.sum::<u64>() == 0 {
            return Ok(Vec::new());
        }
        let reads_holds = seen::allow(principal).is_ok();
        let found = state.ledger().holds_of(job.id).await?;
        Ok(found.into_iter().map(|count| Self::of(count, reads_holds)).collect())
    }

    fn of(count: HoldCount, reads_holds: bool) -> Self {
        Self {
            path: reads_holds.then(|| links::hold(&count.hold)),
            memories: words::many(count.n, "memory", "memories"),
            ground: holds::ground(count.ground),
            name: count.hold,
        }
    }
}

#[cfg(test)]
mod tests {
    use lethe_common::receipt::HoldGround;

    use super::*;

    #[test]
    fn a_hold_is_linked_for_a_caller_that_reads_holds() {
        let count = || HoldCount {
            hold: "case-77".to_owned(),
            revision: 1,
            ground: HoldGround::Claims,
            n: 2,
        };
        let linked = Keeper::of(count(), true);
        assert_eq!(linked.path.as_deref(), Some("/console/holds/case-77"));
        assert_eq!(
            (linked.memories.as_str(), linked.ground.as_str()),
            ("2 memories", "17(3)(e): legal claims")
        );
        assert_eq!(Keeper::of(count(), false).path, None);
    }
}
