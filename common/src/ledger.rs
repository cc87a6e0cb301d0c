//! The ledger: the SQL tables in which Lethe keeps its own state, and the only truth about a job.
//!
//! Every method is one short transaction that commits itself. Nothing outside this module writes
//! state. The texts are written once for PostgreSQL and SQLite; where the two differ, the
//! difference has a name in `ledger/dialect.rs`.

mod accept;
mod advance;
mod attempts;
mod cancel;
mod change;
mod claim;
mod close;
mod control;
mod counts;
mod dialect;
mod error;
mod fire;
mod forget;
mod give_up;
mod intend;
mod items;
mod join;
mod keys;
mod leave;
mod open;
mod partitions;
mod plan;
mod preview;
mod read;
mod record;
mod release;
mod repeats;
mod retry;
mod rows;
mod schedules;
mod service;
mod siblings;
mod slices;
mod spelling;
mod step;
mod sweep;
mod throttle;
mod totals;
mod types;
mod upload;
mod warning;
mod windows;
mod writer;

pub use accept::{Accepted, Idempotency, NewJob, Scope};
pub use attempts::Attempt;
pub use cancel::CancelOutcome;
pub use control::{Pauses, WorkerReport, WorkerRow};
pub use counts::StoreCounts;
pub use error::LedgerError;
pub use fire::Run;
pub use forget::Kept;
pub use give_up::GivenUp;
pub use intend::Go;
pub use items::ItemRow;
pub use keys::{KeyRecord, KeyRow};
pub use open::{Ledger, LedgerOptions};
pub use preview::{Preview, TablePreview};
pub use read::{JobFilter, JobView, Whose};
pub use record::{After, Delta, ItemOutcome, Record, RecordEnd};
pub use release::Release;
pub use retry::RetryOutcome;
pub use schedules::{ScheduleRecord, ScheduleRow};
pub use service::{Running, ServiceState};
pub use siblings::{RetireOutcome, Siblings};
pub use slices::SliceCounts;
pub use spelling::Spelling;
pub use throttle::{SLOWEST, ThrottleOutcome};
pub use totals::{TotalRow, TotalsMetric};
pub use types::{
    Ahead, AloneFirst, Claim, Fence, JobFacts, Kind, Lapsed, Lease, Manner, NewPartition, Route, SmallFirst, Snapshot,
    Work,
};
pub use upload::Upload;
pub use warning::{Warning, WarningCode};
