//! Recording what a batch did.
//!
//! One transaction writes the counts, moves the partition on, and, when it was the last of its
//! phase, moves the job on.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::accept::{insert_partitions, rows_of};
use super::advance::{self, JobChange};
use super::error::LedgerError;
use super::open::{Inner, Ledger};
use super::rows::{self, Key};
use super::totals::{Increment, TotalsMetric};
use super::types::{Kind, Lease, NewPartition, Snapshot};
use crate::job::{JobId, Outcome, StoreKind};
use crate::state::State;

/// A memory that was not simply erased.
// Personal data: no `Debug`.
#[derive(Clone)]
pub struct ItemOutcome {
    /// The memory's id.
    pub id: String,
    /// In which store.
    pub store: StoreKind,
    /// What became of it; `None` for residue.
    pub outcome: Option<Outcome>,
    /// Why, a word of a closed list.
    pub code: Option<&'static str>,
}

/// What a batch did.
#[derive(Clone, Default)]
pub struct Delta {
    /// How many memories met which outcome in which store.
    pub counts: BTreeMap<(StoreKind, Outcome), u64>,
    /// The memories to be listed by id.
    pub items: Vec<ItemOutcome>,
    /// How many memories reading back found, by store.
    pub residue: BTreeMap<StoreKind, u64>,
    /// How many more (or fewer) memories the job is about than was known.
    pub selected: i64,
    /// Partitions found by planning; they become claimable when all plans are complete.
    pub planned: Vec<NewPartition>,
    /// The version of the one row that was erased, where the partition is about one memory.
    pub version_erased: Option<i64>,
    /// What was there when the job began; planning says so once, and what it plans takes it over.
    pub snapshot: Option<Snapshot>,
}

impl Delta {
    /// Counts `n` memories.
    pub fn count(&mut self, store: StoreKind, outcome: Outcome, n: u64) {
        if n > 0 {
            *self.counts.entry((store, outcome)).or_insert(0) += n;
        }
    }
}

/// How a partition ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordEnd {
    /// Everything in it is accounted for.
    Done,
    /// It cannot be done; what remains of it counts as failed.
    Failed(&'static str),
    /// Its job was cancelled; what remains of it is left.
    Cancelled,
    /// Reading back found memories: they are to be erased in another round.
    Residue {
        /// How many.
        n: u64,
        /// What to erase, in the worker's own words; takes the place of the partition's progress.
        progress: Option<String>,
    },
}

/// What is to be recorded about one partition.
pub struct Record<'a> {
    /// The lease, consumed unless the partition goes on.
    pub lease: &'a Lease,
    /// What was done since the last record.
    pub delta: Delta,
    /// How far the partition is.
    pub progress: Option<String>,
    /// How many memories are still to be accounted for.
    pub remaining: u64,
    /// Whether and how it ends.
    pub end: Option<RecordEnd>,
}

/// What follows a record.
#[derive(Debug, Clone)]
pub enum After {
    /// The partition goes on, its fence one further.
    Continue {
        /// When the lease now ends.
        until: Instant,
        /// Whether the job is being cancelled: begin nothing more.
        cancelling: bool,
    },
    /// The partition has ended.
    Ended,
    /// The partition was the last of its job's erasing: read it back, under the same lease.
    ReadBack(Box<Lease>),
    /// The job has ended.
    JobEnded {
        /// How.
        state: State,
        /// Milliseconds since it could have started.
        duration_ms: i64,
    },
    /// The lease was lost: nothing was recorded.
    Lost,
}

impl Ledger {
    /// Records a group of partitions in one transaction.
    ///
    /// A record moves the fence on by one, so that a record whose answer was lost cannot be counted
    /// twice: asked again with the old token, it finds its lease lost. Whoever goes on with the
    /// partition adds one to [`Lease::token`].
    ///
    /// The answers are in the order of the question. A partition whose lease was lost is left out
    /// without touching the others.
    pub async fn record(&self, records: &[Record<'_>]) -> Result<Vec<After>, LedgerError> {
        let inner = &self.inner;
        let until = Instant::now() + inner.options.lease;
        let mut tx = inner.begin().await?;
        let held = update_partitions(inner, &mut tx, records).await?;
        let records: Vec<Option<&Record<'_>>> = records
            .iter()
            .map(|record| {
                held.contains(&(record.lease.job.id, record.lease.ordinal))
                    .then_some(record)
            })
            .collect();
        let kept: Vec<&Record<'_>> = records.iter().flatten().copied().collect();
        insert_counts(inner, &mut tx, &kept).await?;
        insert_items(inner, &mut tx, &kept).await?;
        let changes = job_changes(&kept);
        let rows = advance::update_jobs(inner, &mut tx, &changes).await?;
        let partitions = planned(&kept, &rows);
        insert_partitions(inner, &mut tx, &partitions).await?;
        let finishing: Vec<&Lease> = kept
            .iter()
            .filter(|record| record.end.is_some())
            .map(|r| r.lease)
            .collect();
        let cancelling: HashSet<JobId> = rows
            .iter()
            .filter(|row| row.state == State::Cancelling)
            .map(|row| row.id)
            .collect();
        let outcome = advance::advance(inner, &mut tx, rows, &finishing).await?;
        let totals = kept.iter().flat_map(|record| increments(record)).chain(outcome.totals);
        inner.add_totals(&mut tx, totals).await?;
        tx.commit().await?;
        let mut after = Vec::with_capacity(records.len());
        for record in records {
            after.push(match record {
                None => After::Lost,
                Some(record) if record.end.is_none() => After::Continue {
                    until,
                    cancelling: cancelling.contains(&record.lease.job.id),
                },
                Some(record) => {
                    let id = record.lease.job.id;
                    if let Some(ended) = outcome.ended.get(&id) {
                        After::JobEnded {
                            state: ended.state,
                            duration_ms: ended.duration_ms,
                        }
                    } else if outcome.read_back.contains(&(id, record.lease.ordinal)) {
                        let lease = Lease {
                            kind: Kind::ReadBack,
                            token: record.lease.token + 1,
                            until,
                            progress: None,
                            intent: None,
                            remaining: 0,
                            rescues: 0,
                            failures: 0,
                            ..record.lease.clone()
                        };
                        After::ReadBack(Box::new(lease))
                    } else {
                        After::Ended
                    }
                }
            });
        }
        Ok(after)
    }
}

/// Moves the partitions on; returns those whose lease still held.
async fn update_partitions(
    inner: &Inner,
    tx: &mut AnyConnection,
    records: &[Record<'_>],
) -> Result<Vec<Key>, LedgerError> {
    let rows: Vec<Value> = records
        .iter()
        .map(|record| {
            let mut row = rows::fence(record.lease.fence());
            let (state, code, progress) = match &record.end {
                None => ("running", None, &record.progress),
                Some(RecordEnd::Done) => ("done", None, &None),
                Some(RecordEnd::Failed(code)) => ("failed", Some(*code), &record.progress),
                Some(RecordEnd::Cancelled) => ("cancelled", None, &record.progress),
                // Blocked until all of the job is read back, so that a round has one beginning.
                Some(RecordEnd::Residue { progress, .. }) => ("blocked", None, progress),
            };
            let remaining = match &record.end {
                Some(RecordEnd::Done) => 0,
                Some(RecordEnd::Residue { n, .. }) => *n,
                _ => record.remaining,
            };
            row["state"] = json!(state);
            row["code"] = json!(code);
            row["progress"] = json!(progress);
            row["snapshot"] = json!(bound(record.delta.snapshot.as_ref()));
            row["remaining"] = json!(remaining);
            let again = matches!(record.end, Some(RecordEnd::Residue { .. }));
            row["kind"] = json!(if again {
                Kind::Erase.as_str()
            } else {
                record.lease.kind.as_str()
            });
            row
        })
        .collect();
    let lease_ms = i64::try_from(inner.options.lease.as_millis()).unwrap_or(i64::MAX / 4);
    let held = sqlx::query(inner.sql(
        "-- ledger::record
        UPDATE partitions SET intent = NULL, lease_token = lease_token + 1, rescues = 0, failures = 0, failing_since = NULL, due_at = {now} + $2,
            state = e.value->>'state', error_code = e.value->>'code', progress = e.value->>'progress',
            snapshot = COALESCE(e.value->>'snapshot', snapshot),
            kind = e.value->>'kind', remaining = CAST(e.value->>'remaining' AS BIGINT)
        FROM {each}
        WHERE partitions.job_id = e.value->>'job' AND ordinal = CAST(e.value->>'ordinal' AS BIGINT)
          AND lease_token = CAST(e.value->>'token' AS BIGINT) AND state = 'running'
        RETURNING partitions.job_id, ordinal",
    ))
    .bind(json!(rows).to_string())
    .bind(lease_ms)
    .fetch_all(tx)
    .await?;
    held.iter().map(rows::key).collect()
}

async fn insert_counts(inner: &Inner, tx: &mut AnyConnection, records: &[&Record<'_>]) -> Result<(), LedgerError> {
    let rows: Vec<Value> = records
        .iter()
        .flat_map(|record| {
            let (job, ordinal) = (record.lease.job.id, record.lease.ordinal);
            let outcomes = record
                .delta
                .counts
                .iter()
                .map(|((store, outcome), n)| (store, outcome.as_str(), n));
            let residue = record.delta.residue.iter().map(|(store, n)| (store, "residue", n));
            outcomes.chain(residue).filter(|(_, _, n)| **n > 0).map(move |(store, outcome, n)| {
                json!({"job": job, "ordinal": ordinal, "store": store.as_str(), "outcome": outcome, "n": n})
            })
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(inner.sql(
        "-- ledger::record counts
        INSERT INTO counts (job_id, ordinal, store, outcome, n)
        SELECT e.value->>'job', CAST(e.value->>'ordinal' AS BIGINT), e.value->>'store', e.value->>'outcome',
            CAST(e.value->>'n' AS BIGINT)
        FROM {each} WHERE TRUE
        ON CONFLICT (job_id, ordinal, store, outcome) DO UPDATE SET n = counts.n + excluded.n",
    ))
    .bind(json!(rows).to_string())
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_items(inner: &Inner, tx: &mut AnyConnection, records: &[&Record<'_>]) -> Result<(), LedgerError> {
    let rows: Vec<Value> = records
        .iter()
        .flat_map(|record| {
            record.delta.items.iter().map(|item| {
                json!({
                    "job": record.lease.job.id, "outcome": item.outcome.map_or("residue", Outcome::as_str),
                    "store": item.store.as_str(), "table": record.lease.route.table, "id": item.id, "code": item.code,
                })
            })
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(inner.sql(
        "-- ledger::record items
        INSERT INTO items (job_id, outcome, store, table_name, memory_id, code)
        SELECT e.value->>'job', e.value->>'outcome', e.value->>'store', e.value->>'table', e.value->>'id',
            e.value->>'code'
        FROM {each} WHERE TRUE
        ON CONFLICT (job_id, outcome, memory_id, table_name, store) DO NOTHING",
    ))
    .bind(json!(rows).to_string())
    .execute(tx)
    .await?;
    Ok(())
}

/// Sums what the records change in their jobs: one row a job, since an UPDATE applies one.
fn job_changes(records: &[&Record<'_>]) -> Vec<JobChange> {
    let mut changes: BTreeMap<JobId, JobChange> = BTreeMap::new();
    for record in records {
        let id = record.lease.job.id;
        let change = changes.entry(id).or_insert_with(|| JobChange::new(id));
        change.ended += i64::from(record.end.is_some());
        change.selected += record.delta.selected;
        change.version_erased = change.version_erased.or(record.delta.version_erased);
        change.planned += i64::try_from(record.delta.planned.len()).unwrap_or(0);
        match &record.end {
            Some(RecordEnd::Failed(code)) => {
                change.failures += 1;
                change.code = Some(code);
            }
            Some(RecordEnd::Residue { n, .. }) => change.selected += i64::try_from(*n).unwrap_or(0),
            _ => {}
        }
        change.snapshot = match (change.snapshot, &record.delta.snapshot) {
            (known, None) => known,
            // A job that spans tables can promise no more than the least of them.
            (Some("batch"), Some(_)) => Some("batch"),
            (_, Some(snapshot)) => Some(snapshot.as_str()),
        };
    }
    changes.into_values().collect()
}

/// Returns the rows of what the records planned, numbered as their jobs count.
fn planned(records: &[&Record<'_>], jobs: &[advance::JobRow]) -> Vec<Value> {
    let mut rows = Vec::new();
    for job in jobs {
        let of_job = || records.iter().filter(|record| record.lease.job.id == job.id);
        let n: usize = of_job().map(|record| record.delta.planned.len()).sum();
        let mut next = job.next_ordinal - i64::try_from(n).unwrap_or(0);
        for record in of_job() {
            let list = &record.delta.planned;
            let snapshot = bound(record.delta.snapshot.as_ref()).or(record.lease.snapshot.as_deref());
            rows.extend(rows_of(job.id, next, "blocked", list, false, None, snapshot));
            next += i64::try_from(list.len()).unwrap_or(0);
        }
    }
    rows
}

fn bound(snapshot: Option<&Snapshot>) -> Option<&str> {
    match snapshot {
        Some(Snapshot::CreatedAt(bound)) => Some(bound),
        Some(Snapshot::Batch) | None => None,
    }
}

/// Returns what a record adds to the totals. Previews are apart: they count nothing.
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
