//! Holds, as callers, workers and the ledger exchange them. Times are milliseconds since 1970.

use crate::hold::{HoldKind, HoldOn};
use crate::job::JobId;
use crate::receipt::HoldGround;

/// A hold to write.
// Personal data: no `Debug`.
#[derive(Clone)]
pub struct HoldRecord {
    /// Its name.
    pub name: String,
    /// The target that it is about; absent: all targets.
    pub target: Option<String>,
    /// The table that it is about; absent: all tables.
    pub table: Option<String>,
    /// The memories that it keeps.
    pub on: HoldOn,
    /// Its ground.
    pub ground: HoldGround,
    /// The person or the office that demands it, in the caller's words.
    pub by: Option<String>,
    /// The caller's name for the case, declared free of personal data.
    pub reference: Option<String>,
    /// The caller who writes it.
    pub principal: String,
    /// The time at which it expires; absent: it stays until it is released.
    pub until: Option<i64>,
}

/// A hold as the ledger has it.
// Personal data: no `Debug`.
#[derive(Clone)]
pub struct HoldRow {
    /// Its name.
    pub name: String,
    /// The revision of its last change.
    pub revision: i64,
    /// The target that it is about; absent: all targets.
    pub target: Option<String>,
    /// The table that it is about; absent: all tables.
    pub table: Option<String>,
    /// Its kind.
    pub kind: HoldKind,
    /// The memories that it keeps; absent: it was released, or they cannot be read.
    pub on: Option<HoldOn>,
    /// Its ground.
    pub ground: HoldGround,
    /// The person or the office that demands it; absent once it is released.
    pub by: Option<String>,
    /// The caller's name for the case.
    pub reference: Option<String>,
    /// The caller who wrote it.
    pub principal: String,
    /// The time at which it expires; absent: it stays until it is released.
    pub until: Option<i64>,
    /// The time at which it was placed.
    pub created_at: i64,
    /// The time of its last change.
    pub changed_at: i64,
    /// The time of its release; absent: it is in force.
    pub released_at: Option<i64>,
    /// The number of held jobs with memories that it keeps, among the first 1,000 jobs that have such memories.
    pub jobs: u64,
}

/// The result of writing a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutHold {
    /// No hold with this name was in force.
    New,
    /// It replaces the hold with this name.
    Replaced,
    /// Nothing was written: its end has passed by the ledger's clock.
    Expired,
    /// Nothing was written: too many holds are in force.
    TooMany,
    /// Nothing was written: the holds in force would name too many persons, ids and workspaces.
    TooLarge,
    /// Nothing was written: the hold in force with this name is not the one that the caller had read.
    Changed,
}

/// The jobs with a batch that may have begun before a hold was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InFlight {
    /// The jobs, each with the number of its begun partitions.
    pub jobs: Vec<(JobId, u64)>,
    /// Whether there may be others.
    pub more: bool,
}

/// The number of memories of a batch that a hold keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldCount {
    /// The hold.
    pub hold: String,
    /// Its revision, as the worker had read it.
    pub revision: i64,
    /// Its ground.
    pub ground: HoldGround,
    /// The number of memories.
    pub n: u64,
}
