//! Stores in memory, and a worker that erases from them only the memories that its leases demand. With it, a request
//! that waits for its job sees the end.

use lethe_common::doorbell::{Listener, Ring};
use lethe_common::filter::Type;
use lethe_common::job::{Field, Outcome, Subject};
use lethe_common::ledger::{After, Delta, Kind, Lease, NewPartition, Record, RecordEnd, Snapshot, Work};
use serde_json::{Map, json};

use crate::accepting::claim;
use crate::app::App;

/// A memory in the stores of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) id: &'static str,
    pub(crate) target: &'static str,
    pub(crate) user: Option<&'static str>,
    pub(crate) workspace: &'static str,
    pub(crate) agent: &'static str,
    pub(crate) kind: &'static str,
}

impl Memory {
    fn value(&self, field: Field) -> Option<&str> {
        match field {
            Field::User => self.user,
            Field::Agent => Some(self.agent),
            Field::Workspace => Some(self.workspace),
            Field::Kind => Some(self.kind),
            Field::App | Field::Run => None,
        }
    }

    /// Returns whether the memory is on the lease's route and meets all conditions of its job.
    fn meets(&self, lease: &Lease) -> bool {
        let job = &lease.job;
        let conditions = [
            (Field::User, &job.owner),
            (Field::Workspace, &job.workspace),
            (Field::Kind, &job.memory_kind),
        ];
        let demanded = conditions
            .into_iter()
            .filter_map(|(field, value)| Some((field, value.as_deref()?)));
        let of_subject = job.subject.iter().flat_map(Subject::fields);
        lease.route.target == self.target
            && demanded
                .chain(of_subject)
                .all(|(field, value)| self.value(field) == Some(value))
            && self.matches(lease)
    }

    fn matches(&self, lease: &Lease) -> bool {
        let Some(query) = &lease.job.query else { return true };
        let columns: Map<_, _> = [
            ("id", json!(self.id)),
            ("user_id", json!(self.user)),
            ("agent_id", json!(self.agent)),
            ("workspace_id", json!(self.workspace)),
            ("kind", json!(self.kind)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        query.matcher(Type::Text, &|_| Type::Text).matches(self.id, &columns)
    }
}

/// The only worker of an API.
pub(crate) struct Worker {
    rings: Listener,
    /// The memories in the stores.
    pub(crate) memories: Vec<Memory>,
    /// The number of partitions that it got.
    pub(crate) leases: usize,
}

impl Worker {
    pub(crate) fn new(app: &App) -> Self {
        Self {
            rings: app.doorbell.subscribe(),
            memories: Vec::new(),
            leases: 0,
        }
    }

    /// Works after each ring (a doorbell notification), until it is dropped.
    pub(crate) async fn run(&mut self, app: &App) {
        loop {
            if self.rings.recv().await.means_work() {
                self.work(app).await;
            }
        }
    }

    /// Works until no partition is due.
    pub(crate) async fn work(&mut self, app: &App) {
        loop {
            let leases = claim(app).await;
            if leases.is_empty() {
                return;
            }
            self.leases += leases.len();
            for lease in leases {
                self.carry_out(app, lease).await;
            }
        }
    }

    /// Does the work of a lease, and its read-back.
    pub(crate) async fn carry_out(&mut self, app: &App, mut lease: Lease) {
        loop {
            let delta = match (lease.kind, &lease.work) {
                (Kind::Plan, _) => self.plan(&lease),
                (Kind::Preview, Work::Ids(ids)) => self.each(&lease, ids, false),
                (Kind::Erase, Work::Ids(ids)) => self.each(&lease, ids, true),
                (Kind::Erase, _) => self.all(&lease),
                (Kind::ReadBack, _) => Delta::default(),
                (Kind::Check, _) => unreachable!("nobody says here what is expected"),
                (Kind::Preview, _) => unreachable!("nobody previews a query or a subject here"),
            };
            let record = Record {
                lease: &lease,
                delta,
                progress: None,
                remaining: 0,
                end: Some(RecordEnd::Done),
            };
            let after = app.ledger.record(&[record]).await.expect("the ledger answers");
            match after.into_iter().next() {
                Some(After::ReadBack { lease: next, .. }) => lease = *next,
                Some(After::JobEnded { .. }) => {
                    app.doorbell.ring(Ring::Changed(lease.job.id));
                    return;
                }
                _ => return,
            }
        }
    }

    fn plan(&self, lease: &Lease) -> Delta {
        let n = self.memories.iter().filter(|memory| memory.meets(lease)).count();
        let everything = Work::Range {
            after: None,
            through: None,
        };
        Delta {
            selected: i64::try_from(n).expect("a few"),
            planned: vec![NewPartition {
                kind: Kind::Erase,
                alias: 0,
                route: lease.route.clone(),
                stores: lease.stores.clone(),
                work: everything,
                remaining: n as u64,
            }],
            snapshot: lease.job.query.is_some().then_some(Snapshot::Batch),
            ..Delta::default()
        }
    }

    /// Looks for each id, and erases or leaves the memory.
    fn each(&mut self, lease: &Lease, ids: &[String], erases: bool) -> Delta {
        let mut delta = Delta::default();
        for id in ids {
            let found = self
                .memories
                .iter()
                .position(|memory| memory.id == id && memory.meets(lease));
            let outcome = match found {
                Some(n) if erases => {
                    self.memories.remove(n);
                    Outcome::Erased
                }
                Some(_) => Outcome::Left,
                None => Outcome::Absent,
            };
            for store in &lease.stores {
                delta.count(*store, outcome, 1);
            }
        }
        delta
    }

    /// Erases all memories that meet the conditions.
    fn all(&mut self, lease: &Lease) -> Delta {
        let before = self.memories.len();
        self.memories.retain(|memory| !memory.meets(lease));
        let mut delta = Delta::default();
        for store in &lease.stores {
            delta.count(*store, Outcome::Erased, (before - self.memories.len()) as u64);
        }
        delta
    }
}
