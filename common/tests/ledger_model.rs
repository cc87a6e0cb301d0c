//! Random histories of the ledger: workers that finish, fail, release, die and repeat themselves,
//! callers that cancel and retry, limits that pass, holds that are placed, replaced and released, in any order.
//!
//! After every step:
//! * accepted = ended + unfinished (held ones too), and per store selected = all outcomes + remaining;
//! * no two live leases are on the same partition.
//!
//! At the end, all holds are released, and workers just do their work. Then every job ends, and its counts add up to its
//! selected memories, with any number of repetitions. A job whose memories were not written back has erased each of them
//! from each store exactly once, over all of its attempts, since no other application deletes here.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "ledger_model/holds.rs"]
mod holds;
#[path = "ledger_model/law.rs"]
mod law;
mod support;

use std::collections::HashSet;
use std::time::Duration;

use holds::HOLDS;
use lethe_common::error_code::ErrorCode;
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{
    Actor, After, AloneFirst, Claim, Delta, ItemOutcome, Kind, Lapsed, Lease, Ledger, LedgerOptions, NewJob,
    NewPartition, Record, RecordEnd, Release, SmallFirst, Work,
};
use proptest::prelude::*;
use support::{erased, ids, new_job, route};

#[derive(Debug, Clone)]
enum Op {
    Accept(Vec<usize>),
    Claim(u32),
    Batch(usize),
    /// The flag says whether the memories were read back before.
    Finish(usize, bool),
    /// One memory is deleted from one store alone, and fails in the other.
    Split(usize, bool),
    Repeat(usize),
    Residue(usize),
    Fail(usize),
    GiveBack(usize),
    /// All workers die, and only they know the leases that they hold.
    Die,
    Cancel(usize),
    Retry(usize),
    /// The limits of all jobs have passed.
    GiveUp,
    /// A hold is placed, or replaced.
    Place(usize),
    LetGo(usize),
    /// A worker finds that a hold keeps the next memory. It may have read the hold before its release.
    Keep(usize, usize),
    /// Jobs are queued again whose holds have changed.
    Settle,
}

fn op() -> impl Strategy<Value = Op> {
    let some = 0..32_usize;
    prop_oneof![
        3 => prop::collection::vec(1..5_usize, 1..4).prop_map(Op::Accept),
        4 => (1..4_u32).prop_map(Op::Claim),
        3 => some.clone().prop_map(Op::Batch),
        6 => (some.clone(), any::<bool>()).prop_map(|(n, gone)| Op::Finish(n, gone)),
        2 => (some.clone(), any::<bool>()).prop_map(|(n, sql)| Op::Split(n, sql)),
        2 => some.clone().prop_map(Op::Repeat),
        2 => some.clone().prop_map(Op::Residue),
        1 => some.clone().prop_map(Op::Fail),
        2 => some.clone().prop_map(Op::GiveBack),
        1 => Just(Op::Die),
        1 => some.clone().prop_map(Op::Cancel),
        2 => some.prop_map(Op::Retry),
        1 => Just(Op::GiveUp),
        2 => (0..HOLDS.len()).prop_map(Op::Place),
        2 => (0..HOLDS.len()).prop_map(Op::LetGo),
        4 => (0..32_usize, 0..HOLDS.len()).prop_map(|(n, hold)| Op::Keep(n, hold)),
        2 => Just(Op::Settle),
    ]
}

/// The world outside the ledger: the jobs that were accepted, and the leases workers think they hold.
struct World {
    ledger: Ledger,
    /// The same ledger, in which every limit has passed.
    impatient: Ledger,
    jobs: Vec<JobId>,
    leases: Vec<Lease>,
    dead: Vec<Lease>,
    /// The deleted memories, by store.
    gone: HashSet<(JobId, String, StoreKind)>,
    /// Jobs with memories that were written back, which the model does not track.
    written: HashSet<JobId>,
    /// The revision of each hold that workers read last.
    read: [Option<i64>; HOLDS.len()],
    /// The number of holds that were placed or replaced.
    placed: usize,
}

const BOTH: [StoreKind; 2] = [StoreKind::Sql, StoreKind::Vector];

impl World {
    /// Deletes the next `n` memories of a partition from stores. Returns the outcomes.
    fn delete(&mut self, lease: &Lease, n: u64, fails: Option<StoreKind>) -> Delta {
        let mut delta = Delta::default();
        let Work::Ids(ids) = &lease.work else { panic!("a list") };
        if self.written.contains(&lease.job.id) {
            return erased(n);
        }
        // Each batch takes the next memories of the list.
        let next = ids.len() - usize::try_from(lease.remaining).unwrap();
        for id in &ids[next..next + usize::try_from(n).unwrap()] {
            for store in BOTH {
                let outcome = if fails == Some(store) {
                    Outcome::Failed
                } else if self.gone.insert((lease.job.id, id.clone(), store)) {
                    Outcome::Erased
                } else {
                    Outcome::Absent
                };
                delta.count(store, outcome, 1);
                if outcome != Outcome::Erased {
                    delta.items.push(ItemOutcome {
                        id: id.clone(),
                        store,
                        outcome: Some(outcome),
                        code: None,
                    });
                }
            }
        }
        delta
    }

    /// Records a batch of one memory.
    async fn batch(&mut self, at: usize, fails: Option<StoreKind>) {
        let lease = self.leases[at].clone();
        let delta = self.delete(&lease, 1, fails);
        self.record(at, delta).await;
    }

    /// Records a batch of one memory, and goes on with its lease.
    async fn record(&mut self, at: usize, delta: Delta) {
        let lease = self.leases[at].clone();
        let remaining = lease.remaining - 1;
        let record = Record {
            lease: &lease,
            delta,
            progress: None,
            remaining,
            end: None,
        };
        let after = self.ledger.record(&[record]).await.unwrap().remove(0);
        assert!(matches!(after, After::Continue { .. }), "{after:?}");
        let live = &mut self.leases[at];
        (live.token, live.remaining) = (live.token + 1, remaining);
        self.dead.push(lease);
    }

    async fn run(&mut self, op: &Op) {
        match op {
            Op::Accept(sizes) => {
                let job = job(sizes);
                self.jobs.push(job.id);
                self.ledger.accept(job).await.unwrap();
            }
            Op::Claim(n) => self.claim(*n).await,
            Op::Batch(n) => {
                if let Some(at) = self.pick(*n).filter(|&at| self.leases[at].remaining > 1) {
                    self.batch(at, None).await;
                }
            }
            Op::Split(n, sql) => {
                let fails = if *sql { StoreKind::Sql } else { StoreKind::Vector };
                if let Some(at) = self.pick(*n).filter(|&at| self.leases[at].remaining > 1) {
                    let written = self.written.contains(&self.leases[at].job.id);
                    self.batch(at, Some(fails).filter(|_| !written)).await;
                }
            }
            Op::Finish(n, gone) => self.done(*n, *gone).await,
            Op::Fail(n) => {
                self.end(*n, |_| (Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)))
                    .await;
            }
            Op::Residue(n) => {
                if let Some(at) = self.pick(*n).filter(|&at| self.leases[at].kind == Kind::ReadBack) {
                    self.written.insert(self.leases[at].job.id);
                    self.end(*n, |_| (Delta::default(), RecordEnd::Residue { n: 1, progress: None }))
                        .await;
                }
            }
            Op::GiveBack(n) => {
                if let Some(at) = self.pick(*n) {
                    let lease = self.leases.swap_remove(at);
                    let release = Release {
                        fence: lease.fence(),
                        delay_ms: 0,
                        error: Some(ErrorCode::Busy),
                        charged: true,
                        alone: true,
                    };
                    self.ledger.release(&[release]).await.unwrap();
                    self.dead.push(lease);
                }
            }
            Op::Repeat(n) if !self.dead.is_empty() => {
                let lease = &self.dead[n % self.dead.len()];
                let end = Some(RecordEnd::Done);
                let record = Record {
                    lease,
                    delta: erased(lease.remaining),
                    progress: None,
                    remaining: 0,
                    end,
                };
                let after = self.ledger.record(&[record]).await.unwrap().remove(0);
                assert!(
                    matches!(after, After::Lost),
                    "a dead worker recorded something: {after:?}"
                );
            }
            Op::Die => {
                self.dead.append(&mut self.leases);
                self.ledger.end_all_leases().await.unwrap();
                // A claim takes the leases from dead workers.
                self.claim(1_000).await;
            }
            Op::Cancel(n) if !self.jobs.is_empty() => {
                self.ledger
                    .cancel(self.jobs[n % self.jobs.len()], &tester())
                    .await
                    .unwrap();
            }
            Op::Retry(n) if !self.jobs.is_empty() => {
                self.ledger
                    .retry(self.jobs[n % self.jobs.len()], &tester())
                    .await
                    .unwrap();
            }
            Op::GiveUp => {
                // Running partitions stay with their workers.
                while self.impatient.give_up().await.unwrap().more {}
            }
            Op::Place(hold) => self.place(*hold).await,
            Op::LetGo(hold) => self.let_go(*hold).await,
            Op::Keep(n, hold) => self.keep(*n, *hold).await,
            Op::Settle => self.settle().await,
            Op::Repeat(_) | Op::Cancel(_) | Op::Retry(_) => {}
        }
    }

    fn pick(&self, n: usize) -> Option<usize> {
        (!self.leases.is_empty()).then(|| n % self.leases.len())
    }

    async fn claim(&mut self, n: u32) {
        let routes = [route()];
        let claim = Claim {
            worker: "w",
            routes: &routes,
            small: n,
            alone: n,
            lapsed: Lapsed::Counts,
            siblings: 0,
            small_first: SmallFirst::OfFew,
            alone_first: AloneFirst::Lightest,
        };
        let claimed = self.ledger.claim(&claim).await.unwrap().leases;
        self.leases.extend(claimed);
        let keys: HashSet<_> = self.leases.iter().map(|lease| (lease.job.id, lease.ordinal)).collect();
        assert_eq!(keys.len(), self.leases.len(), "two leases on one partition");
    }

    async fn done(&mut self, n: usize, gone: bool) {
        let Some(at) = self.pick(n) else { return };
        let lease = self.leases[at].clone();
        let delta = self.delete(&lease, lease.remaining, None);
        let end = if gone { RecordEnd::Gone } else { RecordEnd::Done };
        self.end(n, |_| (delta.clone(), end.clone())).await;
    }

    async fn end(&mut self, n: usize, how: impl Fn(&Lease) -> (Delta, RecordEnd)) {
        let Some(at) = self.pick(n) else { return };
        let lease = self.leases.swap_remove(at);
        let (delta, end) = how(&lease);
        let record = Record {
            lease: &lease,
            delta,
            progress: None,
            remaining: lease.remaining,
            end: Some(end),
        };
        match self.ledger.record(&[record]).await.unwrap().remove(0) {
            After::ReadBack { lease: next, .. } => self.leases.push(*next),
            After::Lost => panic!("a live lease was lost"),
            _ => {}
        }
        self.dead.push(lease);
    }
}

fn job(sizes: &[usize]) -> NewJob {
    let list = |(part, n): (usize, &usize)| NewPartition {
        work: Work::Ids((0..*n).map(|n| format!("{part}-{n}")).collect()),
        ..ids(*n)
    };
    new_job(sizes.iter().enumerate().map(list).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_every_job_ends_and_the_numbers_add_up(ops in prop::collection::vec(op(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let url = format!("sqlite://{}?mode=rwc", dir.path().join("ledger.sqlite").display());
            let options = LedgerOptions {
                url: url.into(),
                max_connections: 2,
                lease: Duration::from_hours(1),
                max_rounds: 2,
                give_up_after: Duration::from_hours(1),
                rescues: 2,
                due_soon: Duration::from_hours(168),
            };
            let impatient = LedgerOptions { give_up_after: Duration::ZERO, ..options.clone() };
            let (ledger, impatient) = (Ledger::open(options).unwrap(), Ledger::open(impatient).unwrap());
            ledger.migrate().await.unwrap();
            let mut world = World {
                ledger,
                impatient,
                jobs: Vec::new(),
                leases: Vec::new(),
                dead: Vec::new(),
                gone: HashSet::new(),
                written: HashSet::new(),
                read: [None; HOLDS.len()],
                placed: 0,
            };
            for op in &ops {
                world.run(op).await;
                world.check().await;
            }
            world.finish().await;
        });
    }
}

/// Returns the actor of tests.
fn tester() -> Actor {
    Actor::named("tester")
}
