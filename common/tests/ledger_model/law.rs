//! What holds after every step, and at the end.

use lethe_common::job::Outcome;
use lethe_common::state::State;
use strum::IntoEnumIterator as _;

use super::World;
use super::holds::HOLDS;

impl World {
    /// Checks the law after a step.
    pub(super) async fn check(&self) {
        let totals = self.ledger.totals().await.unwrap();
        let sum = |metric: &str, store: &str| -> u64 {
            totals
                .iter()
                .filter(|row| row.metric == metric && row.store == store)
                .map(|row| row.n)
                .sum()
        };
        let (mut remaining, mut held) = (0, 0);
        for id in &self.jobs {
            let job = self.ledger.job(*id).await.unwrap().unwrap();
            assert_eq!(job.held_at.is_some(), job.state == State::Held, "{job:?}");
            remaining += job.remaining;
            held += u64::from(job.state == State::Held);
        }
        assert_eq!(
            sum("accepted", ""),
            sum("ended", "") + self.ledger.backlog().await.unwrap() + held
        );
        for store in ["sql", "vector"] {
            assert_eq!(
                sum("selected", store),
                sum("memories", store) + remaining,
                "{store}: {totals:?}"
            );
        }
    }

    /// Releases all holds and works until every job has ended.
    pub(super) async fn finish(&mut self) {
        for hold in 0..HOLDS.len() {
            self.let_go(hold).await;
        }
        let mut steps = 0;
        loop {
            self.settle().await;
            if self.ledger.backlog().await.unwrap() == 0 {
                break;
            }
            self.claim(1_000).await;
            assert!(!self.leases.is_empty(), "unfinished jobs, and nothing to do");
            while !self.leases.is_empty() {
                self.done(0, false).await;
            }
            steps += 1;
            assert!(steps < 50, "a job goes round in circles");
        }
        self.check().await;
        for id in &self.jobs {
            let job = self.ledger.job(*id).await.unwrap().unwrap();
            assert!(job.state.is_ended(), "{job:?}");
            for store in &job.stores {
                let counted: u64 = Outcome::iter()
                    .filter_map(|outcome| store.counts.get(outcome.as_str()))
                    .sum();
                assert_eq!(counted, job.selected, "{job:?}");
                let gone = self
                    .gone
                    .iter()
                    .filter(|(of, _, from)| (*of, *from) == (*id, store.store));
                if !self.written.contains(id) && job.state == State::Succeeded {
                    let expected = (gone.count() as u64, None);
                    let absent = store.counts.get("absent").filter(|n| **n > 0);
                    assert_eq!((store.counts["erased"], absent), expected, "{job:?}");
                    assert_eq!(job.selected, expected.0, "{job:?}");
                }
            }
        }
    }
}
