//! A bounded number of slots, shared fairly: no holder gets more of them than stay free for the others.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A bounded number of slots, shared by their holders.
///
/// A holder gets another slot while it holds fewer than are free (a dynamic threshold; Choudhury and Hahne, 1998). A
/// single holder may take half of all slots, the next one half of the rest. Slots that are given back go first to
/// holders with few, so the shares become equal.
#[derive(Debug)]
pub(crate) struct Shares<K> {
    all: usize,
    taken: Mutex<Taken<K>>,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    by: HashMap<K, usize>,
}

/// The slots of a holder, held until this is dropped.
#[derive(Debug)]
pub(crate) struct Share<K: Eq + Hash> {
    shares: Arc<Shares<K>>,
    /// The holder; `None`: one that may take all slots.
    holder: Option<K>,
    slots: usize,
}

/// The reason why no slot is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// All slots are taken.
    All,
    /// The holder has as many slots as are free.
    Holder,
}

impl<K: Clone + Eq + Hash> Shares<K> {
    pub(crate) fn new(all: usize) -> Arc<Self> {
        let taken = Taken {
            all: 0,
            by: HashMap::new(),
        };
        Arc::new(Self {
            all,
            taken: Mutex::new(taken),
        })
    }

    /// Takes a slot for `holder`, or for one that may take all slots.
    pub(crate) fn take(self: &Arc<Self>, holder: Option<K>) -> Result<Share<K>, Full> {
        let mut share = self.none(holder);
        share.add(1)?;
        Ok(share)
    }

    /// Returns a share without slots. Slots can be added to it.
    pub(crate) fn none(self: &Arc<Self>, holder: Option<K>) -> Share<K> {
        Share {
            shares: Arc::clone(self),
            holder,
            slots: 0,
        }
    }
}

impl<K: Clone + Eq + Hash> Share<K> {
    /// Takes `n` more slots, or none of them. The holder gets as many as it would get one by one.
    pub(crate) fn add(&mut self, n: usize) -> Result<(), Full> {
        if n == 0 {
            return Ok(());
        }
        let mut taken = self.shares.lock();
        let free = self.shares.all.saturating_sub(taken.all);
        if free < n {
            return Err(Full::All);
        }
        if let Some(holder) = &self.holder {
            let held = taken.by.get(holder).copied().unwrap_or(0) + n;
            // Before the last of them, the holder has one less, and `n - 1` fewer are free.
            if held > free - (n - 1) {
                return Err(Full::Holder);
            }
            taken.by.insert(holder.clone(), held);
        }
        taken.all += n;
        drop(taken);
        self.slots += n;
        Ok(())
    }
}

impl<K: Eq + Hash> Share<K> {
    /// Returns the number of slots.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// Returns the most slots that its holder gets while nobody else has any.
    pub(crate) fn most(&self) -> usize {
        match self.holder {
            Some(_) => self.shares.all.div_ceil(2),
            None => self.shares.all,
        }
    }

    /// Gives all slots back.
    pub(crate) fn clear(&mut self) {
        let slots = std::mem::take(&mut self.slots);
        if slots == 0 {
            return;
        }
        let mut taken = self.shares.lock();
        taken.all -= slots;
        let Some(holder) = &self.holder else { return };
        if let Some(held) = taken.by.get_mut(holder) {
            *held -= slots;
            if *held == 0 {
                taken.by.remove(holder);
            }
        }
    }
}

impl<K> Shares<K> {
    fn lock(&self) -> MutexGuard<'_, Taken<K>> {
        // The two counts agree after a panic too: nothing panics between their changes.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes as many slots as the holder can get.
    fn all_of(shares: &Arc<Shares<u8>>, holder: Option<u8>) -> Vec<Share<u8>> {
        std::iter::from_fn(|| shares.take(holder).ok()).collect()
    }

    #[test]
    fn whoever_takes_what_he_can_leaves_some_for_the_next() {
        let shares = Shares::new(1_000);
        let mut held: Vec<_> = (0..4).map(|n| all_of(&shares, Some(n))).collect();
        let counts: Vec<usize> = held.iter().map(Vec::len).collect();
        assert_eq!(counts, [500, 250, 125, 63]);
        assert_eq!(shares.take(Some(0)).unwrap_err(), Full::Holder);
        assert!(shares.take(Some(77)).is_ok());
        // The first holder does not get back the slots that it gave up.
        held[0].truncate(300);
        assert_eq!(shares.take(Some(0)).unwrap_err(), Full::Holder);
        assert_eq!(all_of(&shares, Some(77)).len(), 131);
    }

    #[test]
    fn one_is_enough_for_one() {
        let shares = Shares::new(1);
        let one = shares.take(Some(1)).unwrap();
        assert_eq!(shares.take(Some(2)).unwrap_err(), Full::All);
        drop(one);
        assert!(shares.take(Some(2)).is_ok());
    }

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let shares = Shares::new(4);
        let mut held = all_of(&shares, Some(1));
        assert_eq!(held.len(), 2);
        held.pop();
        held.extend(shares.take(Some(1)));
        assert_eq!(held.len(), 2);
        drop(held);
        assert_eq!(all_of(&shares, Some(2)).len(), 2);
        assert!(shares.lock().by.is_empty(), "who holds nothing is not kept");
    }

    #[test]
    fn who_may_have_all_gets_all() {
        let shares = Shares::new(4);
        assert_eq!(all_of(&shares, None).len(), 4);
    }

    #[test]
    fn the_most_that_a_holder_gets_is_what_it_gets_alone() {
        for all in 1..=9 {
            for holder in [Some(1), None] {
                let shares = Shares::new(all);
                let most = shares.none(holder).most();
                let held = all_of(&shares, holder);
                assert_eq!(held.len(), most, "{holder:?} of {all}");
                assert!(shares.none(holder).add(1).is_err());
            }
        }
    }

    #[test]
    fn many_slots_at_once_are_as_many_as_one_by_one() {
        for most in 0..=12 {
            let (shares, others) = (Shares::new(10), 3);
            let _others: Vec<_> = (0..others).map(|n| shares.take(Some(100 + n)).unwrap()).collect();
            let mut share = shares.none(Some(1));
            // Of seven free slots, one holder gets four.
            assert_eq!(share.add(most).is_ok(), most <= 4, "{most}");
            assert_eq!(share.slots(), if most <= 4 { most } else { 0 });
        }
    }

    #[test]
    fn slots_that_are_refused_or_given_back_are_free() {
        let shares = Shares::new(10);
        let mut share = shares.none(Some(1));
        assert_eq!(share.add(11), Err(Full::All));
        assert_eq!(share.add(6), Err(Full::Holder));
        assert!(shares.lock().by.is_empty(), "a refusal keeps no holder");
        assert_eq!(share.add(3), Ok(()));
        assert_eq!(share.add(2), Ok(()));
        assert_eq!(share.add(1), Err(Full::Holder));
        share.clear();
        assert_eq!((share.slots(), shares.lock().all), (0, 0));
        assert!(shares.lock().by.is_empty());
        assert_eq!(share.add(5), Ok(()));
    }
}
