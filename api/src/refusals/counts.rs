//! The refusals of each actor: those with an event of their own, and the count of the others.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lethe_common::ledger::Act;

/// The most refusals of an actor within [`WINDOW`] that have an event each.
// Enough to see each attempt of a person. An actor that is refused without end writes 60 of them in an hour.
const ALONE: u32 = 10;

/// The time over which the refusals of an actor are counted.
const WINDOW: Duration = Duration::from_mins(10);

/// The most actors with a count of their own; some megabytes.
const MOST: usize = 4_096;

/// The name under which the refusals of further actors are counted. No actor has it.
const OTHERS: &str = "*";

/// Equal refusals: their act, and the code of their problem.
pub(super) type Refused = (Act, &'static str);

/// The refusals of all actors.
#[derive(Default)]
pub(super) struct Counts(Mutex<HashMap<String, Count>>);

/// The refusals of an actor since the beginning of its window.
struct Count {
    begun: Instant,
    /// The refusals that may still have an event each.
    left: u32,
    /// The number of the others.
    more: HashMap<Refused, u64>,
}

impl Count {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.begun) >= WINDOW
    }
}

impl Counts {
    /// Counts a refusal. Returns whether it has an event of its own.
    pub(super) fn add(&self, actor: &str, refused: Refused, now: Instant) -> bool {
        let mut all = self.all();
        let count = of(&mut all, actor, now);
        if let Some(left) = count.left.checked_sub(1) {
            count.left = left;
            return true;
        }
        *count.more.entry(refused).or_default() += 1;
        false
    }

    /// Adds refusals whose event could not be written.
    pub(super) fn put_back(&self, actor: &str, refused: Refused, times: u64, now: Instant) {
        *of(&mut self.all(), actor, now).more.entry(refused).or_default() += times;
    }

    /// Takes the counts of all windows that are over at `now`; without `now` of all windows.
    pub(super) fn take(&self, now: Option<Instant>) -> Vec<(String, Refused, u64)> {
        let mut taken = Vec::new();
        self.all().retain(|actor, count| {
            if now.is_some_and(|now| !count.is_over(now)) {
                return true;
            }
            let more = count.more.drain();
            taken.extend(more.map(|(refused, times)| (actor.clone(), refused, times)));
            false
        });
        taken
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Count>> {
        // Nothing panics between two changes of a count.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the count of an actor, or of the others if there are too many actors.
fn of<'a>(all: &'a mut HashMap<String, Count>, actor: &str, now: Instant) -> &'a mut Count {
    let actor = if all.len() < MOST || all.contains_key(actor) {
        actor
    } else {
        OTHERS
    };
    all.entry(actor.to_owned()).or_insert_with(|| Count {
        begun: now,
        left: if actor == OTHERS { 0 } else { ALONE },
        more: HashMap::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Refused = (Act::Pause, "forbidden");

    #[test]
    fn the_first_refusals_have_events_and_no_other_is_lost() {
        let (counts, now) = (Counts::default(), Instant::now());
        let add = |actor: &str, now| counts.add(actor, PAUSE, now);
        for n in 0..ALONE * 3 {
            assert_eq!(add("a", now), n < ALONE, "{n}");
        }
        assert!(add("b", now), "another actor has events of its own");
        assert!(!counts.add("a", (Act::Resume, "forbidden"), now));
        assert!(counts.take(Some(now + WINDOW / 2)).is_empty());
        let mut taken = counts.take(Some(now + WINDOW));
        taken.sort_by_key(|(_, _, times)| *times);
        let a = "a".to_owned();
        let (resumed, paused) = (
            (a.clone(), (Act::Resume, "forbidden"), 1),
            (a, PAUSE, u64::from(ALONE) * 2),
        );
        assert_eq!(taken, [resumed, paused]);
        assert!(add("a", now + WINDOW), "a new window");
        counts.put_back("a", PAUSE, 7, now + WINDOW);
        assert_eq!(counts.take(None), [("a".to_owned(), PAUSE, 7)]);
        assert!(counts.take(None).is_empty());
    }

    #[test]
    fn actors_beyond_those_remembered_are_counted_together() {
        let (counts, now) = (Counts::default(), Instant::now());
        for n in 0..MOST {
            assert!(counts.add(&n.to_string(), PAUSE, now));
        }
        for n in 0..MOST {
            assert!(!counts.add(&format!("more-{n}"), PAUSE, now));
        }
        assert!(counts.add("0", PAUSE, now), "it has a count already");
        assert_eq!(counts.all().len(), MOST + 1);
        assert_eq!(
            counts.take(Some(now + WINDOW)),
            [(OTHERS.to_owned(), PAUSE, MOST as u64)]
        );
        assert!(counts.add("more-0", PAUSE, now + WINDOW));
    }
}
