//! One claim: the work to ask the ledger for, and the slots that it gets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lethe_common::ledger::{Ahead, AloneFirst, Claim, Lapsed, Lease, LedgerError, Release, Route, SmallFirst};
use lethe_common::metrics;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::claimable::{self, Claimable, Offer};
use super::claimed;
use super::grouping::{SMALL_JOBS_A_CLAIM, grouped};
use super::rounds::Rounds;
use super::task::Group;
use crate::backoff;
use crate::lease::{Back, Environment};
use crate::targets::TargetSlot;

/// The pauses while the ledger is unreachable. They delay no work, since none can be claimed.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// The result of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClaimOutcome {
    /// Nothing is due.
    Nothing,
    /// The claim took work, and more may be due.
    More,
    /// The claim took all due work.
    All,
}

/// The due work that a claim may have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    Unknown,
    /// The claim took as many small jobs as it asked for.
    Many,
}

/// Claims work, each kind and target in turn, and assigns it to slots.
pub(super) struct Claimer<'a> {
    env: &'a Arc<Environment>,
    slots: &'a Arc<Semaphore>,
    groups: &'a mpsc::Sender<Group>,
    rounds: Arc<Rounds>,
    turn: u64,
    /// The number of claims that asked for large jobs.
    large: u64,
    /// The number of probes asked for.
    probes: u64,
    /// The number of small partitions that a claim asks for: as many as found a slot last time, doubled while all of
    /// them do.
    small: u32,
    /// The smaller limit of the last claim; 0 if unknown. A claim of fewer partitions took all due ones.
    asked: usize,
    /// Whether the claim asked for small jobs only, since one slot was free.
    pub(super) confined: bool,
    /// Whether a target holds its share of the slots, so that the claim asked for less of it.
    pub(super) full: bool,
    /// The pause while the ledger is unreachable. Leases that expire meanwhile do not count as rescues.
    pub(super) trouble: Option<Duration>,
    /// The revision of the siblings by which mappings were chosen.
    siblings: i64,
    /// The due work that the last claim may have left.
    left: Left,
    /// The result of the look before the last claim, if it still holds.
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

    /// Publishes this worker's mappings and reads those of other workers. Returns whether the ledger answered.
    pub(super) async fn read_siblings(&mut self) -> bool {
        match self.env.mappings.siblings.publish(&self.env.ledger).await {
            Ok(()) => true,
            Err(error) => {
                self.in_trouble(&error);
                false
            }
        }
    }

    /// Waits until the current group of small jobs ends, for 50 ms at most. It does not wait if the last claim took as
    /// many small jobs as it asked for.
    pub(super) async fn next_round(&self) {
        if self.left != Left::Many {
            self.rounds.next().await;
        }
    }

    /// Claims due work.
    pub(super) async fn claim(&mut self, permit: OwnedSemaphorePermit) -> ClaimOutcome {
        (self.ahead, self.confined) = (None, false);
        if self.env.mappings.siblings.revision().is_none() && !self.read_siblings().await {
            return ClaimOutcome::Nothing;
        }
        if self.env.health.was_unwritable() {
            // A look only reads the ledger, so it would not show that writes fail.
            self.trouble.get_or_insert(FIRST);
        }
        // Read before the routes: if the siblings change in between, the claim finds nothing and is repeated.
        self.siblings = self.env.mappings.siblings.revision().unwrap_or(0);
        let now = Instant::now();
        let mut claimable = Claimable::now(self.env, now);
        self.full = claimable.is_full;
        for target in std::mem::take(&mut claimable.unheard) {
            if let Some(trial) = self.env.breakers.pings(&target, now) {
                tokio::spawn(claimable::ping(Arc::clone(self.env), target, trial));
            }
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
        // Probes come first, since usual work may never end.
        let found = match self.probe_each(&claimable.silent).await {
            Ok((leases, _)) if leases.is_empty() => {
                let leases = self.ask_each(&claimable.usual, free).await;
                leases.map(|leases| (leases, None))
            }
            other => other,
        };
        let (leases, trial) = match found {
            Ok(found) => found,
            Err(error) => {
                self.in_trouble(&error);
                return ClaimOutcome::Nothing;
            }
        };
        if leases.is_empty() {
            // Other workers took the work, or it may not be claimed now: the look is out of date.
            self.ahead = None;
            return self.found_nothing();
        }
        self.answered();
        claimed::note(&leases);
        self.env.health.works();
        let claimed = leases.len();
        let are_many = leases.iter().filter(|lease| !lease.alone).count() >= self.small as usize;
        let is_all = claimed < self.asked && claimable.silent.is_empty() && claimable.usual.len() == 1;
        let homeless = self.hand_out(leases, trial, permit).await;
        self.small = if homeless == 0 {
            self.small.saturating_mul(2).min(SMALL_JOBS_A_CLAIM)
        } else {
            u32::try_from(claimed - homeless)
                .unwrap_or(SMALL_JOBS_A_CLAIM)
                .clamp(1, SMALL_JOBS_A_CLAIM)
        };
        self.left = match (is_all && homeless == 0, are_many) {
            (true, _) => Left::Nothing,
            (false, false) => Left::Unknown,
            (false, true) => Left::Many,
        };
        match self.left {
            Left::Nothing => ClaimOutcome::All,
            Left::Unknown | Left::Many => ClaimOutcome::More,
        }
    }

    /// Returns whether a claim may find work, and removes mappings without due work. A look costs one statement, an
    /// empty claim of several mappings one for each, and two for its transaction. So the look comes first, unless the last
    /// claim left work. After an outage the claim comes first: only a claim shows that the ledger accepts writes again.
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

    /// Claims from each offer in turn, until one has work.
    async fn ask_each(&mut self, offers: &[Offer], free: usize) -> Result<Vec<Lease>, LedgerError> {
        // The last free slot is for small jobs, so that large ones do not block them. Ill targets' slots do not count.
        let ill = self.env.shares.held_by(|target| self.env.breakers.is_ill(target));
        self.confined = free <= 1 && self.env.config.worker.slots.saturating_sub(ill) > 1;
        let first = usize::try_from(self.turn).unwrap_or(0) % offers.len().max(1);
        let (before, after) = offers.split_at(first);
        self.asked = 0;
        for Offer { routes, room } in after.iter().chain(before) {
            let leases = if self.confined || room.large == 0 {
                self.env.claim(&self.order(routes, self.small, 0)).await?
            } else if free <= 1 || room.slots <= 1 {
                self.in_turn(routes).await?
            } else {
                let large = u32::try_from(room.large.min(free - 1)).unwrap_or(u32::MAX);
                self.large = self.large.wrapping_add(1);
                let order = self.order(routes, self.small, large);
                let of_many = matches!(order.small_first, SmallFirst::OfMany);
                let leases = self.env.claim(&order).await?;
                // `OfMany` may take only small jobs of callers with many, so those of callers with few may remain.
                self.asked = if of_many { 0 } else { self.small.min(large) as usize };
                leases
            };
            if !leases.is_empty() {
                return Ok(leases);
            }
        }
        Ok(Vec::new())
    }

    /// Claims small jobs or one large job. Each kind comes first in turn for a single slot.
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
                leases = self.env.claim(&self.order(routes, small, large)).await?;
            }
        }
        Ok(leases)
    }

    /// Claims one partition as a probe, from the first target with an open breaker that has due work. Returns the number
    /// of the trial too.
    async fn probe_each(&mut self, silent: &[Vec<Route>]) -> Result<(Vec<Lease>, Option<u64>), LedgerError> {
        // A random start, so that no target is always last.
        let (before, after) = silent.split_at(rand::random_range(0..=silent.len()));
        for routes in after.iter().chain(before) {
            let Some(Route { target, .. }) = routes.first() else {
                continue;
            };
            let leases = self.probe(routes).await?;
            // The claim may have taken longer than the pause, which begins now.
            let now = Instant::now();
            if !leases.is_empty() {
                return Ok((leases, self.env.breakers.probes(target, now)));
            }
            self.env.breakers.idles(target, now);
        }
        Ok((Vec::new(), None))
    }

    /// Claims one partition. Each kind comes first in turn, since all partitions of one kind may have to wait.
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
                leases = self.env.claim(&self.order(routes, small, alone)).await?;
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

    /// Notes that the ledger has not answered.
    pub(super) fn in_trouble(&mut self, error: &LedgerError) {
        self.env.health.could_not_claim();
        let pause = self.trouble.map_or(FIRST, |pause| backoff::longer(pause, LONGEST));
        if self.trouble.is_none() {
            tracing::warn!(ledger.sqlstate = error.sqlstate(), error = %error, "the ledger does not answer a claim");
        }
        self.trouble = Some(pause);
    }

    /// Takes a slot for the target of a group, if it has room for one more.
    fn share(&self, group: &[Lease], targets: usize) -> Option<TargetSlot> {
        let (target, env) = (&group.first()?.route.target, self.env);
        let room = env.shares.room(target, |target| env.breakers.is_ill(target), targets);
        (room.slots > 0).then(|| env.shares.take(target))
    }

    /// Sends groups to the tasks, each with a permit. Releases leases without a slot at once, and returns their
    /// number.
    async fn hand_out(&self, leases: Vec<Lease>, trial: Option<u64>, permit: OwnedSemaphorePermit) -> usize {
        let mut permit = Some(permit);
        let (mut homeless, targets) = (Vec::new(), self.env.mappings.served());
        for leases in grouped(leases, self.env.config.worker.batch as usize) {
            let slot = permit
                .take()
                .or_else(|| Arc::clone(self.slots).try_acquire_owned().ok());
            match (slot, self.share(&leases, targets)) {
                (Some(slot), Some(share)) => {
                    let is_small = leases.iter().all(|lease| !lease.alone);
                    // The channel has room for each permit, and closes only after this loop.
                    drop(
                        self.groups
                            .send(Group {
                                leases,
                                trial,
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
        if homeless.is_empty() {
            return 0;
        }
        let back = Back::default();
        let releases: Vec<Release> = homeless.iter().map(|lease| back.of(lease.fence())).collect();
        if let Ok(ended) = self.env.ledger.release(&releases).await {
            self.env.ended(&ended);
        } else {
            tracing::warn!(
                partitions = releases.len(),
                "claimed partitions without a slot wait until their leases expire"
            );
        }
        releases.len()
    }
}
