//! The mappings that a worker may claim for now, and the slots for each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use lethe_common::ledger::Route;

use crate::lease::Environment;
use crate::targets::{Allowed, Room};

/// The mappings that a worker may claim for now.
#[derive(Debug, Default)]
pub(crate) struct Claimable {
    /// The mappings with a free slot whose stores answer, as far as is known.
    pub(crate) usual: Vec<Offer>,
    /// The mappings of each target whose stores one partition may probe.
    pub(crate) silent: Vec<Vec<Route>>,
    /// The targets whose stores are to be pinged.
    pub(crate) unheard: BTreeSet<String>,
    /// Whether a target holds its whole share of slots. The loop claims more when the target frees one.
    pub(crate) is_full: bool,
}

/// The mappings of one claim.
#[derive(Debug)]
pub(crate) struct Offer {
    /// The mappings of one target, or of all targets.
    pub(crate) routes: Vec<Route>,
    /// The slots that each of their targets may get.
    pub(crate) room: Room,
}

impl Claimable {
    pub(crate) fn now(env: &Environment, now: Instant) -> Self {
        let routes = env.mappings.routes();
        let targets = routes.chunk_by(|one, other| one.target == other.target).count();
        let mut claimable = Self::default();
        for routes in routes.chunk_by(|one, other| one.target == other.target) {
            let target = &routes[0].target;
            let allowed = env.breakers.allowed(target, now);
            let room = env.shares.room(target, |target| env.breakers.is_ill(target), targets);
            let lacks = room.slots == 0 || room.large == 0;
            claimable.is_full |= lacks && matches!(allowed, Allowed::Yes | Allowed::Probe);
            match allowed {
                Allowed::No => {}
                Allowed::Ping => {
                    claimable.unheard.insert(target.clone());
                }
                Allowed::Yes | Allowed::Probe if room.slots == 0 => {}
                Allowed::Probe => claimable.silent.push(routes.to_vec()),
                Allowed::Yes => claimable.usual.push(Offer {
                    routes: routes.to_vec(),
                    room,
                }),
            }
        }
        // One claim serves all targets in turn, if each of them has room.
        let rooms = || claimable.usual.iter().map(|offer| offer.room);
        let least = Room {
            slots: rooms().map(|room| room.slots).min().unwrap_or(0),
            large: rooms().map(|room| room.large).min().unwrap_or(0),
        };
        if claimable.usual.len() == targets && least.slots > 1 && least.large > 0 {
            claimable.usual = vec![Offer { routes, room: least }];
        }
        claimable
    }

    /// Keeps only the mappings in `due`, in the order of `due`. Returns whether any mapping is left.
    pub(crate) fn leave_out_idle(&mut self, env: &Environment, due: &[Route], now: Instant) -> bool {
        for offer in &mut self.usual {
            let of_offer = due.iter().filter(|route| offer.routes.contains(route));
            offer.routes = of_offer.cloned().collect();
        }
        for routes in &mut self.silent {
            let target = routes.first().map(|route| route.target.clone());
            routes.retain(|route| due.contains(route));
            if let Some(target) = target.filter(|_| routes.is_empty()) {
                env.breakers.idles(&target, now);
            }
        }
        self.usual.retain(|offer| !offer.routes.is_empty());
        self.silent.retain(|routes| !routes.is_empty());
        !self.usual.is_empty() || !self.silent.is_empty()
    }
}

/// Pings the stores of a target in a trial of its breaker, and wakes the claim loop if they answer.
pub(crate) async fn ping(env: Arc<Environment>, target: String, trial: u64) {
    let answered = env.mappings.answer(&target).await;
    env.breakers.pinged(&target, trial, answered, Instant::now());
    if answered {
        env.shares.look_again();
    }
}
