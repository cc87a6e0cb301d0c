//! One claim: which work to ask the ledger for, and which slots it gets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lethe_common::ledger::{Ahead, AloneFirst, Claim, Lapsed, Lease, LedgerError, Release, Route, SmallFirst};
use lethe_common::metrics;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::claimable::{self, Claimable, Offer};
use super::grouping::{SMALL_JOBS_A_CLAIM, grouped};
use super::rounds::Rounds;
use super::task::Group;
use crate::backoff;
use crate::lease::Environment;
use crate::targets::TargetSlot;

/// The pauses while the ledger is out of reach: nobody waits for work that cannot be claimed.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// What a claim found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClaimOutcome {
    /// Nothing is due.
    Nothing,
    /// Something, and there may be more.
    Some,
    /// All that was due.
    All,
}

/// What a claim may have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    Some,
    /// It took as many small jobs as it asked for.
    Many,
}

/// Asks for work, in turn of each kind and target, and hands it out to slots.
pub(super) struct Claimer<'a> {
    env: &'a Arc<Environment>,
    slots: &'a Arc<Semaphore>,
    groups: &'a mpsc::Sender<Group>,
    rounds: Arc<Rounds>,
    turn: u64,
    /// How often large jobs were asked for.
    large: u64,
    /// How often a partition was asked for as a probe.
    probes: u64,
    /// How many small partitions to claim at once: as many as found a slot the last time, and more
    /// again while all of them do.
    small: u32,
    /// Of fewer partitions than this it is known that they were all: each kind was asked for, and so many of it.
    asked: usize,
    /// Whether only small jobs were asked for, since one slot alone was free.
    pub(super) confined: bool,
    /// Whether nothing was asked for of a target that has its share of the slots.
    pub(super) full: bool,
    /// How long to wait while the ledger is out of reach; leases that ended meanwhile count
    /// against nobody.
    pub(super) trouble: Option<Duration>,
    /// The revision of the siblings by which mappings were chosen.
    siblings: i64,
    /// What the last claim may have left.
    left: Left,
    /// What was seen before the last claim, if that still holds.
    pub(super) ahead: Option<Ahead>,
}

impl<'a> Claimer<'a> {
    pub(super) fn new(env: &'a Arc<Environment>, slots: &'a Arc<Semaphore>, groups: &'a mpsc::Sender<Group>) -> Self {
        Self {
            env,
            slots,
            groups,
            rounds: Arc::default(),
            turn: 0,
            large: 0,
            probes: 0,
            small: SMALL_JOBS_A_CLAIM,
            asked: 0,
            confined: false,
            full: false,
            trouble: None,
            siblings: 0,
            left: Left::Nothing,
            ahead: None,
        }
    }

    /// Publishes this worker's mappings and reads those of others; returns whether the ledger answered.
    pub(super) async fn read_siblings(&mut self) -> bool {
        match self.env.mappings.siblings.publish(&self.env.ledger).await {
            Ok(()) => true,
            Err(error) => {
                self.in_trouble(&error);
                false
            }
        }
    }

    /// Waits for the end of the group of small jobs that is under way, for a moment at most. Where more are waiting than one claim
    /// takes, they need not gather.
    pub(super) async fn next_round(&self) {
        if self.left != Left::Many {
            self.rounds.next().await;
        }
    }

    /// Claims what is due.
    pub(super) async fn claim(&mut self, permit: OwnedSemaphorePermit) -> ClaimOutcome {
        (self.ahead, self.confined) = (None, false);
        if self.env.mappings.siblings.revision().is_none() && !self.read_siblings().await {
            return ClaimOutcome::Nothing;
        }
        if self.env.health.was_unwritable() {
            // A look reads only: it would not notice.
            self.trouble.get_or_insert(FIRST);
        }
        // Before the routes: should the siblings be read in between, the claim finds nothing and is repeated.
        self.siblings = self.env.mappings.siblings.revision().unwrap_or(0);
        let now = Instant::now();
        let mut claimable = Claimable::now(self.env, now);
        self.full = claimable.is_full;
        for target in std::mem::take(&mut claimable.unheard) {
            self.env.breakers.pings(&target, now);
            tokio::spawn(claimable::ping(Arc::clone(self.env), target));
        }
        match self.may_find(&mut claimable, now).await {
            Ok(true) => {}
            Ok(false) => return self.found_nothing(),
            Err(error) => {
                self.in_trouble(&error);
                return ClaimOutcome::Nothing;
            }
        }
        let free = self.slots.available_permits().saturating_add(1);
        self.turn = self.turn.wrapping_add(1);
        // Before the usual work, of which there may be no end.
        let leases = match self.probe_each(&claimable.silent, now).await {
            Ok(leases) if leases.is_empty() => self.ask_each(&claimable.usual, free).await,
            other => other,
        };
        let leases = match leases {
            Ok(leases) => leases,
            Err(error) => {
                self.in_trouble(&error);
                return ClaimOutcome::Nothing;
            }
        };
        if leases.is_empty() {
            // Others have taken it, or it may not be taken now: what is ahead has changed.
            self.ahead = None;
            return self.found_nothing();
        }
        self.answered();
        self.env.health.works();
        let claimed = leases.len();
        let are_many = leases.iter().filter(|lease| !lease.alone).count() >= self.small as usize;
        let is_all = claimed < self.asked && claimable.silent.is_empty() && claimable.usual.len() == 1;
        let homeless = self.hand_out(leases, permit).await;
        self.small = if homeless == 0 {
            self.small.saturating_mul(2).min(SMALL_JOBS_A_CLAIM)
        } else {
            u32::try_from(claimed - homeless)
                .unwrap_or(SMALL_JOBS_A_CLAIM)
                .clamp(1, SMALL_JOBS_A_CLAIM)
        };
        self.left = match (is_all && homeless == 0, are_many) {
            (true, _) => Left::Nothing,
            (false, false) => Left::Some,
            (false, true) => Left::Many,
        };
        match self.left {
            Left::Nothing => ClaimOutcome::All,
            Left::Some | Left::Many => ClaimOutcome::Some,
        }
    }

    /// Returns whether a claim may find something, and leaves out what it would not find. A look costs one statement, a claim
    /// that finds nothing four; so it comes first, unless the last claim left something. Only a claim tells that
    /// the ledger can be written again.
    async fn may_find(&mut self, claimable: &mut Claimable, now: Instant) -> Result<bool, LedgerError> {
        let routes = self.env.mappings.routes();
        let is_sure = self.left != Left::Nothing && routes.len() <= 1 && claimable.silent.is_empty();
        let is_asked = !claimable.usual.is_empty() || !claimable.silent.is_empty();
        if is_asked && (is_sure || self.trouble.is_some()) {
            return Ok(true);
        }
        let ahead = self.env.ledger.ahead(&routes).await?;
        let may_find = claimable.leave_out_idle(self.env, &ahead.due, now);
        self.ahead = Some(ahead);
        Ok(may_find)
    }

    fn found_nothing(&mut self) -> ClaimOutcome {
        self.answered();
        self.left = Left::Nothing;
        ClaimOutcome::Nothing
    }

    /// Notes that the ledger has answered.
    fn answered(&mut self) {
        if self.trouble.take().is_some() {
            tracing::info!("the ledger answers again");
        }
        metrics::claimed(self.env.clock.now());
        self.env.health.claimed();
    }

    /// Asks for work of each offer, in turn, until there is some.
    async fn ask_each(&mut self, offers: &[Offer], free: usize) -> Result<Vec<Lease>, LedgerError> {
        // One slot is kept for small jobs, so that no large one keeps them waiting; those of ill targets are no help.
        let ill = self.env.shares.held_by(|target| self.env.breakers.is_ill(target));
        self.confined = free <= 1 && self.env.config.worker.slots.saturating_sub(ill) > 1;
        let first = usize::try_from(self.turn).unwrap_or(0) % offers.len().max(1);
        let (before, after) = offers.split_at(first);
        self.asked = 0;
        for Offer { routes, room } in after.iter().chain(before) {
            let leases = if self.confined || room.large == 0 {
                self.env.ledger.claim(&self.order(routes, self.small, 0)).await?
            } else if free <= 1 || room.slots <= 1 {
                self.in_turn(routes).await?
            } else {
                let large = u32::try_from(room.large.min(free - 1)).unwrap_or(u32::MAX);
                self.large = self.large.wrapping_add(1);
                let order = self.order(routes, self.small, large);
                let of_many = matches!(order.small_first, SmallFirst::OfMany);
                let leases = self.env.ledger.claim(&order).await?;
                // Of many's small jobs first: those of callers with few were not asked for.
                self.asked = if of_many { 0 } else { self.small.min(large) as usize };
                leases
            };
            if !leases.is_empty() {
                return Ok(leases);
            }
        }
        Ok(Vec::new())
    }

    /// Asks for small jobs or for a large one: an only slot is for each kind in turn.
    async fn in_turn(&mut self, routes: &[Route]) -> Result<Vec<Lease>, LedgerError> {
        let small_first = self.turn.is_multiple_of(2);
        self.large = self.large.wrapping_add(u64::from(!small_first));
        let kinds = if small_first {
            [(self.small, 0), (0, 1)]
        } else {
            [(0, 1), (self.small, 0)]
        };
        let mut leases = Vec::new();
        for (small, large) in kinds {
            if leases.is_empty() {
                leases = self.env.ledger.claim(&self.order(routes, small, large)).await?;
            }
        }
        Ok(leases)
    }

    /// Asks for one partition of a target whose breaker is open: of one target after the other.
    async fn probe_each(&mut self, silent: &[Vec<Route>], now: Instant) -> Result<Vec<Lease>, LedgerError> {
        // By chance, so that no target is always behind another.
        let (before, after) = silent.split_at(rand::random_range(0..=silent.len()));
        for routes in after.iter().chain(before) {
            let Some(Route { target, .. }) = routes.first() else {
                continue;
            };
            let leases = self.probe(routes).await?;
            if !leases.is_empty() {
                self.env.breakers.probes(target, now);
                return Ok(leases);
            }
            self.env.breakers.idles(target, now);
        }
        Ok(Vec::new())
    }

    /// Asks for one partition, of either kind first in turn: partitions of one kind may all have to wait.
    async fn probe(&mut self, routes: &[Route]) -> Result<Vec<Lease>, LedgerError> {
        self.probes = self.probes.wrapping_add(1);
        let kinds = if self.probes.is_multiple_of(2) {
            [(1, 0), (0, 1)]
        } else {
            [(0, 1), (1, 0)]
        };
        let mut leases = Vec::new();
        for (small, alone) in kinds {
            if leases.is_empty() {
                leases = self.env.ledger.claim(&self.order(routes, small, alone)).await?;
            }
        }
        Ok(leases)
    }

    fn order<'b>(&'b self, routes: &'b [Route], small: u32, alone: u32) -> Claim<'b> {
        Claim {
            worker: &self.env.name,
            routes,
            siblings: self.siblings,
            small,
            alone,
            lapsed: if self.trouble.is_none() {
                Lapsed::Counts
            } else {
                Lapsed::Excused
            },
            small_first: if self.turn.is_multiple_of(4) {
                SmallFirst::OfMany
            } else {
                SmallFirst::OfFew
            },
            alone_first: if self.large.is_multiple_of(4) {
                AloneFirst::Oldest
            } else {
                AloneFirst::Lightest
            },
        }
    }

    fn in_trouble(&mut self, error: &LedgerError) {
        let pause = self.trouble.map_or(FIRST, |pause| backoff::longer(pause, LONGEST));
        if self.trouble.is_none() {
            tracing::warn!(ledger.sqlstate = error.sqlstate(), error = %error, "the ledger cannot be asked for work");
        }
        self.trouble = Some(pause);
    }

    /// Takes a slot for the target of a group, if it has room for one more.
    fn share(&self, group: &[Lease], targets: usize) -> Option<TargetSlot> {
        let (target, env) = (&group.first()?.route.target, self.env);
        let room = env.shares.room(target, |target| env.breakers.is_ill(target), targets);
        (room.slots > 0).then(|| env.shares.take(target))
    }

    /// Sends groups to the tasks, each with a permit; what has no slot goes back at once. Returns how
    /// many leases that were.
    async fn hand_out(&self, leases: Vec<Lease>, permit: OwnedSemaphorePermit) -> usize {
        let mut permit = Some(permit);
        let (mut homeless, targets) = (Vec::new(), self.env.mappings.served());
        for leases in grouped(leases, self.env.config.worker.batch as usize) {
            let slot = permit
                .take()
                .or_else(|| Arc::clone(self.slots).try_acquire_owned().ok());
            match (slot, self.share(&leases, targets)) {
                (Some(slot), Some(share)) => {
                    let is_small = leases.iter().all(|lease| !lease.alone);
                    // The channel is as large as there are permits; it closes after this loop only.
                    drop(
                        self.groups
                            .send(Group {
                                leases,
                                _permit: slot,
                                _share: share,
                                _round: is_small.then(|| self.rounds.begin()),
                            })
                            .await,
                    );
                }
                (slot, _) => {
                    permit = slot;
                    homeless.extend(leases);
                }
            }
        }
        let releases: Vec<Release> = homeless
            .iter()
            .map(|lease| Release {
                fence: lease.fence(),
                delay_ms: 0,
                error: None,
                charged: false,
                alone: false,
            })
            .collect();
        if !releases.is_empty() && self.env.ledger.release(&releases).await.is_err() {
            tracing::warn!(
                partitions = releases.len(),
                "claimed partitions without a slot have to wait for their leases"
            );
        }
        releases.len()
    }
}
