//! The ledger: the SQL tables in which Lethe keeps its own state, and the only truth about a job.
//!
//! Every method is one short transaction that commits itself. Nothing outside this module writes
//! state. The texts are written once for PostgreSQL and SQLite; where the two differ, the
//! difference has a name in `ledger/db/dialect.rs`.
//!
//! Rooms, in their order: each imports from those above it only.
//!
//! | room | what it holds |
//! |---|---|
//! | `partition_state` | the states of a partition |
//! | `types` | what workers, callers and the ledger hand each other |
//! | `db` | connections, transactions, statements, rows |
//! | `totals` | sums that only grow |
//! | `audit` | who did what |
//! | `operation` | pauses, paces, workers, mappings, keys, secrets |
//! | `views` | what callers and gauges read |
//! | `accept` | jobs that come in |
//! | `advance` | the next phase of a job, and its end |
//! | `ending` | cancelling, trying again, giving up, sweeping, forgetting |
//! | `claim` | leases that begin |
//! | `lease` | intents, renewals, turns, giving back |
//! | `record` | what a batch did |
//! | `schedules` | deletions that recur |

mod accept;
mod advance;
mod audit;
mod claim;
mod db;
mod ending;
mod lease;
mod operation;
mod partition_state;
mod record;
mod schedules;
mod totals;
mod types;
mod views;

pub use crate::route::Route;
pub use accept::{Accepted, Idempotency, NewJob, Scope, Spelling, Upload};
pub use audit::{Act, Actor, AuditEvent, AuditFilter, Effect, Object};
pub use db::{Ledger, LedgerError, LedgerOptions};
pub use ending::{CancelOutcome, GivenUp, Kept, RetryOutcome};
pub use lease::{LeaseCheck, Release};
pub use operation::{
    KeyRecord, KeyRow, Pauses, RetireOutcome, SLOWEST, Siblings, ThrottleOutcome, WorkerReport, WorkerRow,
};
pub use record::{After, Delta, ItemOutcome, Record, RecordEnd};
pub use schedules::{ScheduleRecord, ScheduleRow};
pub use totals::{TotalRow, TotalsMetric};
pub use types::{
    Ahead, AloneFirst, Claim, ExecutionOptions, Fence, JobFacts, Kind, Lapsed, Lease, NewPartition, Preview, Run,
    SmallFirst, Snapshot, TablePreview, Warning, WarningCode, Work,
};
pub use views::{Aim, Attempt, ItemRow, JobFilter, JobView, Running, ServiceState, SliceCounts, StoreCounts, Whose};
