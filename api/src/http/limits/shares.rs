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

/// A slot, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Share<K: Eq + Hash> {
    shares: Arc<Shares<K>>,
    /// The holder; `None`: one that may take all slots.
    holder: Option<K>,
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
        let mut taken = self.lock();
        let free = self.all.saturating_sub(taken.all);
        if free == 0 {
            return Err(Full::All);
        }
        if let Some(holder) = &holder {
            let held = taken.by.entry(holder.clone()).or_default();
            if *held >= free {
                return Err(Full::Holder);
            }
            *held += 1;
        }
        taken.all += 1;
        drop(taken);
        Ok(Share {
            shares: Arc::clone(self),
            holder,
        })
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
        let mut taken = self.shares.lock();
        taken.all -= 1;
        let Some(holder) = &self.holder else { return };
        if let Some(held) = taken.by.get_mut(holder) {
            *held -= 1;
            if *held == 0 {
                taken.by.remove(holder);
            }
        }
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
}
