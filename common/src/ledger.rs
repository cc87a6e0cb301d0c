//! The ledger: the SQL tables in which Lethe keeps its own state, and the only truth about a job.
//!
//! Every method commits its own short transactions. Only this module writes state.
//! PostgreSQL and SQLite share one text of each statement. Placeholders mark their differences:
//! `ledger/db/dialect.rs` fills them.
//!
//! The modules, in order. Each imports only from the modules above it.
//!
//! | module | contents |
//! |---|---|
//! | `partition_state` | the states of a partition |
//! | `types` | the values that workers, callers and the ledger exchange |
//! | `db` | connections, transactions, statements, rows |
//! | `totals` | sums that only grow |
//! | `audit` | the audit trail |
//! | `operation` | pauses, paces, workers, mappings, keys, secrets |
//! | `views` | reads for callers and gauges |
//! | `receipts` | the receipts of jobs that ended |
//! | `log` | the log of receipts and audit events |
//! | `holds` | legal holds |
//! | `accept` | accepting jobs |
//! | `advance` | the next phase of a job, and its end |
//! | `ending` | cancelling, retrying, going on after a hold, giving up, sweeping, forgetting |
//! | `claim` | claiming partitions under a lease |
//! | `lease` | intents, renewals, rate limits, windows, releases |
//! | `record` | recording the results of a batch |
//! | `schedules` | recurring deletions |

mod accept;
mod advance;
mod audit;
mod claim;
mod db;
mod ending;
mod holds;
mod lease;
mod log;
mod operation;
mod partition_state;
mod receipts;
mod record;
mod schedules;
mod totals;
mod types;
mod views;

pub use crate::route::Route;
pub use accept::{Accepted, HeldRequest, Idempotency, NewJob, Scope, Spelling, Upload};
pub use audit::{Act, Actor, AuditEvent, AuditFilter, Effect, Object};
pub use db::{Ledger, LedgerError, LedgerOptions};
pub use ending::{CancelOutcome, Forgot, GivenUp, Kept, RetryOutcome, SettleCursor, Settled};
pub use lease::{LeaseCheck, Release};
pub use log::{EntryOf, LogHead, LogLease, LogState, NewEntry, Pending, PendingEvent, PendingReceipt, SigningKeyRow};
pub use operation::{
    Ends, ExtendOutcome, FoundKey, KeyRecord, KeyRow, Pauses, RetireOutcome, Rotated, SLOWEST, SeenWorkers, Siblings,
    ThrottleOutcome, WorkerReport, WorkerRow,
};
pub use receipts::{ReceiptFilter, ReceiptRow};
pub use record::{After, Delta, ItemOutcome, Record, RecordEnd};
pub use schedules::{DueCursor, DueSchedules, NextSchedule, ScheduleRecord, ScheduleRow};
pub use totals::{TotalRow, TotalsMetric};
pub use types::{
    Ahead, AloneFirst, Claim, Claimed, Deadline, ExecutionOptions, Extended, Fence, HoldCount, HoldRecord, HoldRow,
    InFlight, JobEnd, JobFacts, Kind, Lapsed, Lease, Legal, MarkFilter, Marks, NewPartition, Preview, PutHold, Run,
    SmallFirst, Snapshot, Standing, TablePreview, Wait, WaitReason, Warning, WarningCode, Work,
};
pub use views::{
    Aim, Attempt, Changeable, Course, Glance, GlancePage, ItemCursor, ItemRow, JobFilter, JobPage, JobView, ListedIds,
    Matched, MatchedPage, Queue, Running, ServiceState, SliceCounts, StoreCounts, Unfinished, Whose, probe_of,
};
