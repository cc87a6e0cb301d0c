//! Stores in memory, and a worker that erases from them only the memories that its leases demand, and none that a hold
//! keeps. With it, a request that waits for its job sees the end.

use lethe_common::doorbell::{Listener, Ring};
use lethe_common::filter::{Filter, Type};
use lethe_common::hold::{Hold, HoldOn, HoldSet};
use lethe_common::job::{Field, Outcome, Subject};
use lethe_common::ledger::{
    After, Delta, HoldCount, ItemOutcome, Kind, Lease, NewPartition, Record, RecordEnd, Snapshot, Work,
};
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
        lease.job.query.as_ref().is_none_or(|query| self.is_met(query))
    }

    /// Returns the first hold that keeps the memory.
    fn held_by<'h>(&self, holds: &'h HoldSet, lease: &'h Lease) -> Option<&'h Hold> {
        let mut there = holds.of(&lease.route.target, &lease.route.table);
        there.find(|hold| match &hold.on {
            HoldOn::Everything => true,
            HoldOn::Persons(names) => self.user.is_some_and(|user| names.iter().any(|name| name == user)),
            HoldOn::Ids(ids) => ids.iter().any(|id| id == self.id),
            HoldOn::Workspaces(names) => names.iter().any(|name| name == self.workspace),
            HoldOn::Query(filter) => self.is_met(filter),
        })
    }

    fn is_met(&self, query: &Filter) -> bool {
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
            let holds = app.ledger.holds_in_force().await.expect("the ledger answers");
            let delta = match (lease.kind, &lease.work) {
                (Kind::Plan, _) => self.plan(&lease),
                (Kind::Preview, Work::Ids(ids)) => self.each(&lease, &holds, ids, false),
                (Kind::Erase, Work::Ids(ids)) => self.each(&lease, &holds, ids, true),
                (Kind::Erase, _) => self.all(&lease, &holds),
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
    fn each(&mut self, lease: &Lease, holds: &HoldSet, ids: &[String], erases: bool) -> Delta {
        let mut delta = Delta::default();
        for id in ids {
            let found = self
                .memories
                .iter()
                .position(|memory| memory.id == id && memory.meets(lease));
            let hold = found.and_then(|n| self.memories[n].held_by(holds, lease));
            let outcome = match found {
                Some(_) if hold.is_some() => Outcome::Held,
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
            if erases && let Some(hold) = hold {
                keep(&mut delta, lease, id, hold);
            }
        }
        delta
    }

    /// Erases all memories that meet the conditions.
    fn all(&mut self, lease: &Lease, holds: &HoldSet) -> Delta {
        let mut delta = Delta::default();
        let (met, others): (Vec<_>, Vec<_>) = self.memories.iter().copied().partition(|memory| memory.meets(lease));
        self.memories = others;
        for memory in met {
            let hold = memory.held_by(holds, lease);
            let outcome = if hold.is_some() { Outcome::Held } else { Outcome::Erased };
            for store in &lease.stores {
                delta.count(*store, outcome, 1);
            }
            if let Some(hold) = hold {
                keep(&mut delta, lease, memory.id, hold);
                self.memories.push(memory);
            }
        }
        delta
    }
}

/// Records a memory that a hold keeps.
fn keep(delta: &mut Delta, lease: &Lease, id: &str, hold: &Hold) {
    delta.items.extend(lease.stores.iter().map(|store| ItemOutcome {
        id: id.to_owned(),
        store: *store,
        outcome: Some(Outcome::Held),
        code: None,
    }));
    delta.holds.push(HoldCount {
        hold: hold.name.clone(),
        revision: hold.revision,
        ground: hold.ground,
        n: 1,
    });
}
