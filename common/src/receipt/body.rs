//! The statement of a receipt: everything that it says about one ending of a job.
//!
//! The order of fields is the order in the file. The schema beside this file describes the same: a test compares both. A
//! later version 1 may add fields; it removes none, and changes no meaning.
//!
//! No field holds an id of a memory or a person in clear. Persons, the request, the caller and workers are keyed
//! hashes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

use crate::job::{JobId, SelectorKind, StoreKind};
use crate::receipt::ground::{ErasureGround, ExtensionReason, HoldGround};
use crate::receipt::status::Status;
use crate::receipt::time::Time;

/// The version of the statement.
pub const VERSION: u8 = 1;

/// The statement of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The version: [`VERSION`].
    pub version: u8,
    /// The id of the receipt.
    pub receipt_id: Uuid,
    /// Name and version of the software.
    pub software: String,
    /// The job and its ending.
    pub job: OfJob,
    /// The request.
    pub request: OfRequest,
    /// When what happened.
    pub times: Times,
    /// What was selected.
    pub selection: SelectionOf,
    /// What happened in each store.
    pub stores: Vec<StoreOf>,
    /// How the stores were asked again.
    pub read_back: ReadBackOf,
    /// When the data were gone.
    pub removal: Removal,
    /// The holds that kept memories.
    pub held: Vec<HeldBy>,
    /// Those who received the data, and were told.
    pub recipients: Vec<Recipient>,
    /// Keyed hashes of the workers that ran the job.
    pub ran_by: Vec<String>,
    /// What remains.
    pub remains: Remains,
    /// The terminal status.
    pub status: Status,
}

/// The job of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfJob {
    /// Its id.
    pub id: JobId,
    /// The attempt that ended.
    pub attempt: u64,
    /// The number of the ending: 1 for the first one.
    pub ending: u64,
}

/// The request of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfRequest {
    /// The keyed hash of the request.
    pub hash: String,
    /// The law, such as `gdpr`.
    pub regulation: Option<String>,
    /// The ground of the erasure.
    pub ground: Option<ErasureGround>,
    /// The caller's own name for the job.
    pub reference: Option<String>,
    /// The keyed hash of the caller's name; `null`: the key of the hashes was destroyed before the signature.
    pub asked_by: Option<String>,
}

/// The times of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// When the person's request arrived.
    pub received: Time,
    /// When the job was accepted.
    pub accepted: Time,
    /// When the erasure has to be complete.
    pub due: Option<Time>,
    /// Why `due` is later than at first.
    pub extended: Option<Extended>,
    /// When a worker first began the attempt.
    pub started: Option<Time>,
    /// When the job ended.
    pub completed: Time,
}

/// An extension of the due time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extended {
    /// The due time before it.
    pub from: Time,
    /// The reason.
    pub reason: ExtensionReason,
}

/// The selection of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectionOf {
    /// The kind of selector.
    pub kind: SelectorKind,
    /// Keyed hashes of the persons, one for each name that the request gave.
    pub persons: Vec<String>,
    /// The tables and collections that it was about.
    pub places: Vec<Place>,
}

/// A table with its collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The target.
    pub target: String,
    /// The table.
    pub table: String,
    /// The collection of its vectors.
    pub collection: Option<String>,
}

/// What happened in one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreOf {
    /// The target.
    pub target: String,
    /// The store.
    pub store: StoreKind,
    /// How memories are deleted there.
    pub method: Method,
    /// Memories by outcome; `residue` beside the outcomes.
    pub counts: BTreeMap<String, u64>,
    /// Rows deleted with them from dependent tables, by table.
    pub dependents: BTreeMap<String, u64>,
    /// When the first attempt began.
    pub first_attempt: Option<Time>,
    /// When the last attempt began.
    pub last_attempt: Option<Time>,
}

/// How memories are deleted in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Method {
    /// By id; the owner, the workspace and the other conditions of the job are part of the deleting request.
    DeleteByIdUnderConditions,
}

/// How the stores were asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBackOf {
    /// The question.
    pub method: ReadBackMethod,
    /// When the last answer was recorded.
    pub at: Option<Time>,
    /// The answer.
    pub result: ReadBackResult,
    /// Further rounds that erased residue.
    pub rounds: u64,
}

/// The question of a read-back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ReadBackMethod {
    /// The predicate of the selection, less held, conflicted and excluded memories.
    SamePredicateLessHeld,
}

/// The answer of a read-back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ReadBackResult {
    /// All stores answered that nothing is left.
    NothingLeft,
    /// A store still has a memory.
    Residue,
    /// The stores were not asked, or not all of them.
    NotDone,
}

/// When the data were gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// When no query found them any more; `null`: nothing was erased, the job failed, or memories stayed without a hold.
    pub logical: Option<Time>,
    /// When the stores had overwritten them. Lethe does not measure it yet.
    pub physical: Option<Time>,
}

/// A hold that kept memories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBy {
    /// The name of the hold.
    pub hold: String,
    /// Its ground.
    pub ground: HoldGround,
    /// The number of memories that it kept.
    pub memories: u64,
}

/// A recipient of the data who was told of the erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The name of the recipient in the configuration.
    pub name: String,
    /// When the recipient confirmed; `null`: not yet.
    pub delivered: Option<Time>,
}

/// What remains after the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remains {
    /// Until when a keyed hash keeps the person's data from coming back.
    pub suppression_until: Option<Time>,
}

impl Body {
    /// Returns the statement as JSON on one line: the bytes that are signed.
    pub fn text(&self) -> String {
        json(self)
    }
}

/// Returns a value of words, numbers and texts as JSON on one line.
pub(super) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("words, numbers and texts are JSON")
}
