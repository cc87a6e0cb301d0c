//! Divides the slots of a worker among targets, so that a target that is slow or hangs does not block the others.
//!
//! 1. With several targets, one target holds three quarters of the slots at most, and leaves at least two of them.
//! 2. While some target holds no slot, the other targets leave as many slots free.
//! 3. An ill target holds one slot, or an eighth of the slots if that is more.
//! 4. All ill targets together hold half of the slots at most.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How many slots each target holds.
#[derive(Debug)]
pub(crate) struct Shares {
    slots: usize,
    held: Mutex<BTreeMap<String, usize>>,
    freed: Notify,
    answered: Notify,
}

/// How many more slots a target may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Slots for jobs of any size.
    pub(crate) slots: usize,
    /// How many of them may be for large jobs.
    pub(crate) large: usize,
}

/// A slot that a target holds until this is dropped.
#[derive(Debug)]
pub(crate) struct TargetSlot {
    target: String,
    shares: Arc<Shares>,
}

impl Shares {
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots,
            held: Mutex::default(),
            freed: Notify::new(),
            answered: Notify::new(),
        }
    }

    /// Returns how many more slots a target may hold, on a worker that serves `targets` targets.
    pub(crate) fn room(&self, target: &str, is_ill: impl Fn(&str) -> bool, targets: usize) -> Room {
        let held = self.lock();
        let own = held.get(target).copied().unwrap_or(0);
        let free = self.slots.saturating_sub(held.values().sum());
        if targets <= 1 {
            return Room {
                slots: free,
                large: free,
            };
        }
        // At least one for a large job and one for small ones.
        let left = (self.slots / 4).max(2);
        let ill = is_ill(target);
        let most = if ill {
            (self.slots / 8).max(1)
        } else {
            self.slots.saturating_sub(left).max(1)
        };
        let holders = held.len() + usize::from(own == 0);
        let spare = if holders < targets {
            free.saturating_sub(left)
        } else {
            free
        };
        let mut slots = most.saturating_sub(own).min(spare);
        if own == 0 {
            slots = slots.max(1).min(free);
        }
        if ill {
            // The cap includes a target's first slot, or many ill targets would hold all slots.
            let taken = sum(&held, is_ill);
            slots = slots.min((self.slots / 2).max(1).saturating_sub(taken));
        }
        // The last of its slots is for small jobs. An only slot is for each kind in turn.
        let large = if most > 1 { most - 1 } else { 1 };
        Room {
            slots,
            large: large.saturating_sub(own).min(slots),
        }
    }

    /// Gives a target a slot.
    pub(crate) fn take(self: &Arc<Self>, target: &str) -> TargetSlot {
        *self.lock().entry(target.to_owned()).or_default() += 1;
        TargetSlot {
            target: target.to_owned(),
            shares: Arc::clone(self),
        }
    }

    /// Returns how many slots these targets hold.
    pub(crate) fn held_by(&self, which: impl Fn(&str) -> bool) -> usize {
        sum(&self.lock(), which)
    }

    /// Waits until a target frees a slot. A slot that was freed since the last return counts.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Wakes the claim loop, since a target may be claimed for again.
    pub(crate) fn look_again(&self) {
        self.answered.notify_one();
    }

    /// Waits until a target may be claimed for again.
    pub(crate) async fn answered(&self) {
        self.answered.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        // No change can panic halfway, so the data of a poisoned lock is valid.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sum(held: &BTreeMap<String, usize>, which: impl Fn(&str) -> bool) -> usize {
    held.iter().filter(|(target, _)| which(target)).map(|(_, n)| n).sum()
}

impl Drop for TargetSlot {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        if let Some(n) = held.get_mut(&self.target) {
            *n -= 1;
            if *n == 0 {
                held.remove(&self.target);
            }
        }
        drop(held);
        self.shares.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets each target, in this order, take all slots that it may. Returns how many slots each got.
    fn taken(slots: usize, targets: &[(&str, bool)]) -> Vec<usize> {
        let shares = Arc::new(Shares::new(slots));
        let mut all = Vec::new();
        let mut taken = Vec::new();
        let is_ill = |target: &str| targets.iter().any(|(name, is_ill)| *name == target && *is_ill);
        for (target, _) in targets {
            let mut n = 0;
            while shares.room(target, is_ill, targets.len()).slots > 0 {
                all.push(shares.take(target));
                n += 1;
            }
            taken.push(n);
        }
        taken
    }

    #[test]
    fn an_only_target_has_all_slots() {
        assert_eq!(taken(8, &[("a", false)]), [8]);
        assert_eq!(taken(8, &[("a", true)]), [8]);
    }

    #[test]
    fn no_target_takes_the_slots_of_those_that_hold_none() {
        assert_eq!(taken(8, &[("a", false), ("b", false)]), [6, 2]);
        assert_eq!(taken(8, &[("a", false), ("b", false), ("c", false)]), [6, 1, 1]);
        assert_eq!(taken(4, &[("a", false), ("b", false)]), [2, 2]);
        assert_eq!(taken(2, &[("a", false), ("b", false)]), [1, 1]);
        assert_eq!(taken(1, &[("a", false), ("b", false)]), [1, 0]);
    }

    #[test]
    fn an_ill_target_has_a_small_share() {
        assert_eq!(taken(8, &[("a", true), ("b", false)]), [1, 6]);
        assert_eq!(taken(32, &[("a", true), ("b", false)]), [4, 24]);
        assert_eq!(taken(2, &[("a", true), ("b", false)]), [1, 1]);
    }

    #[test]
    fn ill_targets_together_leave_half_of_the_slots() {
        let of = |slots, n: usize| {
            let ill = ["a", "b", "c", "d", "e", "f", "g", "h"];
            let mut targets: Vec<(&str, bool)> = ill.into_iter().take(n).map(|target| (target, true)).collect();
            targets.push(("z", false));
            taken(slots, &targets)
        };
        assert_eq!(of(4, 4), [1, 1, 0, 0, 1]);
        assert_eq!(of(8, 8), [1, 1, 1, 1, 0, 0, 0, 0, 2]);
        assert_eq!(of(2, 2), [1, 0, 1]);
        assert_eq!(of(1, 1), [1, 0]);
    }

    #[test]
    fn what_is_given_back_is_free() {
        let shares = Arc::new(Shares::new(2));
        let room = || shares.room("a", |_| false, 2).slots;
        let share = shares.take("a");
        assert_eq!((room(), shares.held_by(|target| target == "a")), (0, 1));
        drop(share);
        assert_eq!((room(), shares.held_by(|_| true)), (1, 0));
    }

    #[test]
    fn large_jobs_leave_a_slot_of_their_target_to_small_ones() {
        let shares = Arc::new(Shares::new(8));
        assert_eq!(shares.room("a", |_| false, 2), Room { slots: 6, large: 5 });
        let _held: Vec<TargetSlot> = (0..5).map(|_| shares.take("a")).collect();
        assert_eq!(shares.room("a", |_| false, 2), Room { slots: 1, large: 0 });
        assert_eq!(shares.room("b", |_| false, 2), Room { slots: 3, large: 3 });
        assert_eq!(shares.room("b", |target| target == "b", 2), Room { slots: 1, large: 1 });
    }
}
