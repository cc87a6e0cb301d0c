//! A record, reduced to the rows that it writes. It is small and owns its data.

use std::time::Instant;

use serde_json::{Value, json};

use super::{After, Delta, Record, RecordEnd};
use crate::error_code::ErrorCode;
use crate::job::{JobId, Outcome, StoreKind};
use crate::ledger::advance::JobChange;
use crate::ledger::db::{RESIDUE, rows};
use crate::ledger::partition_state::PartitionState;
use crate::ledger::totals::{Increment, TotalsMetric};
use crate::ledger::types::warning::{self, WarningCode};
use crate::ledger::types::{Fence, Kind, Lease, NewPartition, Snapshot, SnapshotKind, beside_key, key, listed};
use crate::state::State;

/// The records of one call.
pub(super) struct Recording(pub(super) Vec<Prepared>);

/// A record, as rows.
pub(super) struct Prepared {
    pub(super) fence: Fence,
    /// The target of its memories.
    pub(super) target: String,
    pub(super) end: End,
    /// The new values of the partition.
    pub(super) partition: Value,
    pub(super) counts: Vec<Value>,
    pub(super) items: Vec<Value>,
    pub(super) dependents: Vec<Value>,
    /// The memories that holds keep.
    pub(super) holds: Vec<Value>,
    pub(super) change: JobChange,
    pub(super) planned: Vec<NewPartition>,
    /// The snapshot for the planned partitions.
    pub(super) snapshot: Option<String>,
    pub(super) totals: Vec<Increment>,
    /// Whether a memory changed after it was selected.
    pub(super) conflicts: bool,
    /// Whether an earlier attempt may have erased memories that this attempt found absent.
    pub(super) repeats: bool,
}

/// Whether a record ends its partition.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It goes on.
    Open,
    /// It ends.
    Ended,
    /// It ends, and reading it back before found nothing.
    Gone,
}

impl End {
    fn of(record: &Record<'_>) -> Self {
        match record.end {
            None => Self::Open,
            Some(RecordEnd::Gone) => Self::Gone,
            Some(_) => Self::Ended,
        }
    }
}

/// The result of a record.
pub(super) enum Recorded {
    Lost,
    Refused,
    GoesOn { cancelling: bool, per_second: Option<f64> },
    Ended { due: bool },
    ReadBack { others: bool },
    JobEnded { state: State, duration_ms: i64 },
}

impl Recording {
    /// Returns roughly the number of rows that it writes.
    pub(super) fn size(&self) -> usize {
        let size = |record: &Prepared| {
            let counted = record.counts.len() + record.dependents.len() + record.holds.len();
            1 + counted + record.items.len() + record.planned.len()
        };
        self.0.iter().map(size).sum()
    }
}

impl Recorded {
    /// Returns the answer for the worker that held the lease.
    pub(super) fn after(self, record: &Record<'_>, until: Instant) -> After {
        let lease = record.lease;
        match self {
            Self::Lost => After::Lost,
            Self::Refused => After::Refused,
            Self::GoesOn { cancelling, per_second } => After::Continue {
                until,
                cancelling,
                per_second,
            },
            Self::Ended { due } => After::Ended { due },
            Self::JobEnded { state, duration_ms } => After::JobEnded { state, duration_ms },
            Self::ReadBack { others } => After::ReadBack {
                lease: Box::new(Lease {
                    kind: Kind::ReadBack,
                    token: lease.token + 1,
                    until,
                    progress: record.progress.clone(),
                    intent: None,
                    remaining: 0,
                    rescues: 0,
                    failures: 0,
                    ..lease.clone()
                }),
                others,
            },
        }
    }
}

impl Prepared {
    pub(super) fn of(record: &Record<'_>) -> Self {
        Self {
            fence: record.lease.fence(),
            target: record.lease.route.target.clone(),
            end: End::of(record),
            partition: partition(record),
            counts: counts(record),
            items: items(record),
            dependents: dependents(record),
            holds: holds(record),
            change: change(record),
            planned: record.delta.planned.clone(),
            snapshot: bound(record).or(record.lease.snapshot.as_deref()).map(str::to_owned),
            totals: increments(record),
            conflicts: conflicts(record),
            repeats: record.lease.job.attempt > 1,
        }
    }

    pub(super) fn job(&self) -> JobId {
        self.fence.job
    }
}

/// Returns whether a memory changed after it was selected, before or after its vector was deleted.
fn conflicts(record: &Record<'_>) -> bool {
    let items = &record.delta.items;
    items
        .iter()
        .any(|item| item.outcome == Some(Outcome::Conflicted) || item.code == Some(ErrorCode::Split))
}

fn partition(record: &Record<'_>) -> Value {
    let mut row = rows::fence(record.lease.fence());
    let (state, code, progress) = match &record.end {
        None => (PartitionState::Running, None, &record.progress),
        Some(RecordEnd::Done | RecordEnd::Gone) => (PartitionState::Done, None, &record.progress),
        Some(RecordEnd::Failed(code)) => (PartitionState::Failed, Some(*code), &record.progress),
        Some(RecordEnd::Cancelled) => (PartitionState::Cancelled, None, &record.progress),
        // Blocked until the whole job is read back, so that all partitions begin a round together.
        Some(RecordEnd::Residue { progress, .. }) => (PartitionState::Blocked, None, progress),
        Some(RecordEnd::Checked) => (PartitionState::Blocked, None, &record.progress),
    };
    let remaining = match &record.end {
        Some(RecordEnd::Done | RecordEnd::Gone) => 0,
        Some(RecordEnd::Residue { n, .. }) => *n,
        _ => record.remaining,
    };
    let kind = match record.end {
        Some(RecordEnd::Residue { .. } | RecordEnd::Checked) => Kind::Erase,
        Some(RecordEnd::Gone) => Kind::ReadBack,
        _ => record.lease.kind,
    };
    row["state"] = json!(state.as_str());
    row["code"] = json!(code);
    row["progress"] = json!(progress);
    row["snapshot"] = json!(bound(record));
    row["found"] = json!(record.delta.found.as_ref().map(|found| json!(found).to_string()));
    row["remaining"] = json!(remaining);
    row["kind"] = json!(kind.as_str());
    // A failed partition without counts keeps its intent: the next attempt finishes the batch.
    let begun = matches!(record.end, Some(RecordEnd::Failed(_))) && record.delta.counts.is_empty();
    row["begun"] = json!(i64::from(begun));
    row
}

fn counts(record: &Record<'_>) -> Vec<Value> {
    let (job, ordinal) = (record.lease.job.id, record.lease.ordinal);
    let outcomes = record
        .delta
        .counts
        .iter()
        .map(|((store, outcome), n)| (store, outcome.as_str(), n));
    let residue = record.delta.residue.iter().map(|(store, n)| (store, RESIDUE, n));
    outcomes
        .chain(residue)
        .filter(|(_, _, n)| **n > 0)
        .map(|(store, outcome, n)| {
            json!({"job": job, "ordinal": ordinal, "store": store.as_str(), "outcome": outcome, "n": n})
        })
        .collect()
}

fn items(record: &Record<'_>) -> Vec<Value> {
    let lease = record.lease;
    let row = |item: &super::ItemOutcome| {
        let id = listed(&item.id);
        json!({
            "job": lease.job.id, "outcome": item.outcome.map_or(RESIDUE, Outcome::as_str),
            "store": item.store.as_str(), "table": lease.route.table, "key": key(&id), "id": beside_key(&id),
            "code": item.code, "ordinal": lease.ordinal, "target": lease.route.target,
        })
    };
    record.delta.items.iter().map(row).collect()
}

fn dependents(record: &Record<'_>) -> Vec<Value> {
    let lease = record.lease;
    let taken = record.delta.dependents.iter().filter(|(_, n)| **n > 0);
    taken
        .map(|(table, n)| json!({"job": lease.job.id, "target": lease.route.target, "table": table, "n": n}))
        .collect()
}

fn holds(record: &Record<'_>) -> Vec<Value> {
    let kept = record.delta.holds.iter().filter(|kept| kept.n > 0);
    kept.map(|kept| {
        json!({
            "job": record.lease.job.id, "hold": kept.hold, "revision": kept.revision, "ground": kept.ground, "n": kept.n,
        })
    })
    .collect()
}

fn change(record: &Record<'_>) -> JobChange {
    let mut change = JobChange::new(record.lease.job.id);
    change.ended = i64::from(record.end.is_some());
    change.gone = gone(record);
    change.selected = record.delta.selected;
    change.version_erased = record.delta.version_erased;
    change.snapshot = record.delta.snapshot.as_ref().map(SnapshotKind::from);
    change.warnings = record
        .delta
        .warning
        .map(|code| warning::text(code, &record.lease.route));
    change.skipped = i64::from(record.delta.warning == Some(WarningCode::Mistyped));
    // A partition that fails or is cancelled is no progress, unless it has counts.
    let fails = matches!(record.end, Some(RecordEnd::Failed(_) | RecordEnd::Cancelled));
    change.progress = !fails || !record.delta.counts.is_empty();
    let counted = record.lease.stores.iter().map(|store| in_store(&record.delta, *store));
    change.done = counted.max().unwrap_or(0);
    change.planned = i64::try_from(record.delta.planned.len()).unwrap_or(0);
    match &record.end {
        Some(RecordEnd::Failed(code)) => {
            change.failures = 1;
            change.code = Some(*code);
        }
        Some(RecordEnd::Residue { n, .. }) => change.selected += i64::try_from(*n).unwrap_or(0),
        _ => {}
    }
    change
}

/// Returns the number of memories accounted for in each store, if this record alone shows that none is left.
fn gone(record: &Record<'_>) -> Option<u64> {
    let (lease, delta) = (record.lease, &record.delta);
    let is_only = lease.job.attempt == 1 && lease.job.is_single && !lease.job.is_unlisted();
    let is_settled = delta.counts.keys().all(|(_, outcome)| outcome.is_settled());
    let is_plain = delta.warning.is_none() && delta.items.iter().all(|item| item.code.is_none());
    if !matches!(record.end, Some(RecordEnd::Gone)) || !is_only || !is_settled || !is_plain {
        return None;
    }
    let mut counted = lease.stores.iter().map(|store| in_store(delta, *store));
    let n = counted.next()?;
    counted.all(|other| other == n).then_some(n)
}

/// Returns the number of memories accounted for in a store.
fn in_store(delta: &Delta, store: StoreKind) -> u64 {
    let of_store = delta.counts.iter().filter(|((of, _), _)| *of == store);
    of_store.map(|(_, n)| n).sum()
}

/// Returns the bound of the snapshot, if this record reports one.
fn bound<'a>(record: &'a Record<'_>) -> Option<&'a str> {
    match &record.delta.snapshot {
        Some(Snapshot::CreatedAt(bound)) => Some(bound),
        Some(Snapshot::Batch | Snapshot::Plan) | None => None,
    }
}

/// Returns the additions of a record to the totals. A preview adds nothing.
fn increments(record: &Record<'_>) -> Vec<Increment> {
    let lease = record.lease;
    if lease.kind == Kind::Preview {
        return Vec::new();
    }
    let target = &lease.route.target;
    let unlisted = lease.job.is_unlisted();
    let selected = |store, n| Increment::new(TotalsMetric::Selected, target, Some(store), "", n);
    let mut list = Vec::new();
    for ((store, outcome), n) in &record.delta.counts {
        list.push(Increment::new(
            TotalsMetric::Memories,
            target,
            Some(*store),
            outcome.as_str(),
            *n,
        ));
        // The ids of a list were counted as selected when it was accepted.
        if unlisted {
            list.push(selected(*store, *n));
        }
    }
    for (store, n) in &record.delta.residue {
        list.push(Increment::new(TotalsMetric::Residue, target, Some(*store), "", *n));
    }
    let rest = match &record.end {
        Some(RecordEnd::Failed(_)) => Some((Outcome::Failed, record.remaining)),
        Some(RecordEnd::Cancelled) => Some((Outcome::Left, record.remaining)),
        _ => None,
    };
    for store in &lease.stores {
        if let Some((outcome, n)) = rest {
            list.push(Increment::new(
                TotalsMetric::Memories,
                target,
                Some(*store),
                outcome.as_str(),
                n,
            ));
            if unlisted {
                list.push(selected(*store, n));
            }
        }
        if let Some(RecordEnd::Residue { n, .. }) = &record.end
            && !unlisted
        {
            list.push(selected(*store, *n));
        }
    }
    list
}
