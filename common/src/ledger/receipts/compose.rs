//! Making the statements of receipts, for the sequencer that signs them.
//!
//! This writes nothing. If the process dies between the statement and its signature, the next round makes it again: it
//! follows from the stored facts alone.

use sqlx::Row;
use sqlx::any::AnyRow;
use strum::IntoEnumIterator as _;
use uuid::Uuid;

use super::facts::Facts;
use super::fingerprints::Fingerprints;
use crate::error_code::ErrorCode;
use crate::job::{JobId, Outcome};
use crate::ledger::db::{Inner, LedgerError, rows};
use crate::ledger::views::{Attempt, CountRow, Counted, StoreCounts};
use crate::receipt::body::{
    Body, Extended, HeldBy, Method, OfJob, OfRequest, ReadBackMethod, ReadBackOf, ReadBackResult, Remains, Removal,
    SelectionOf, StoreOf, Times, VERSION,
};
use crate::receipt::fingerprint::FingerprintKey;
use crate::receipt::status::Status;
use crate::receipt::time::Time;
use crate::state::State;

/// The software, as receipts name it.
const SOFTWARE: &str = concat!("lethe ", env!("CARGO_PKG_VERSION"));

/// A receipt that is not signed yet.
pub(in crate::ledger) struct Unsequenced {
    /// Its id.
    pub(in crate::ledger) id: Uuid,
    /// The statement to sign, byte for byte.
    pub(in crate::ledger) body: String,
}

/// Some of the receipts that are not signed yet.
pub(in crate::ledger) struct Made {
    /// The oldest first.
    pub(in crate::ledger) receipts: Vec<Unsequenced>,
    /// Whether there may be more.
    pub(in crate::ledger) more: bool,
}

/// The most pages that are read for one round. Only rows that cannot be read make a second one necessary.
const PAGES: usize = 20;

/// Returns receipts that are not signed yet, at most `most`.
pub(in crate::ledger) async fn unsequenced(inner: &Inner, most: u32) -> Result<Made, LedgerError> {
    let full = most as usize;
    let (mut receipts, mut after) = (Vec::new(), String::new());
    for _ in 0..PAGES {
        let read = page(inner, &after, most).await?;
        for row in &read {
            after = row.try_get("id")?;
            match one(row) {
                Ok(receipt) => receipts.push(receipt),
                // The others are signed meanwhile. This one stays, and the lag of the log shows it.
                Err(error) if inner.unmade_receipts.is_first(&after) => {
                    tracing::error!(receipt.id = %after, error = %error, "a receipt cannot be made");
                }
                Err(_) => {}
            }
            if receipts.len() >= full {
                return Ok(Made { receipts, more: true });
            }
        }
        if read.len() < full {
            return Ok(Made { receipts, more: false });
        }
    }
    Ok(Made { receipts, more: true })
}

/// Reads receipts that are not signed yet, the oldest first, from an id on.
// The key is read in a subquery for each receipt. PostgreSQL might join by reading all jobs.
async fn page(inner: &Inner, after: &str, most: u32) -> Result<Vec<AnyRow>, LedgerError> {
    let read = sqlx::query(inner.sql(
        "-- ledger::receipts unsequenced
        SELECT id, job_id, ending, state, principal, ended_at, facts, counts, workers, held,
            (SELECT fingerprint_key FROM jobs WHERE jobs.id = receipts.job_id) AS fingerprint_key
        FROM receipts WHERE log_index IS NULL AND id > $2 ORDER BY id LIMIT $1",
    ))
    .bind(i64::from(most))
    .bind(after)
    .fetch_all(&inner.read)
    .await?;
    Ok(read)
}

/// Makes the statement of a row. An error is about this row alone.
fn one(row: &AnyRow) -> Result<Unsequenced, LedgerError> {
    let id: Uuid = rows::parsed(row, "receipts", "id")?;
    let facts: Facts = rows::json(row, "receipts", "facts")?;
    let key = row.try_get::<Option<String>, _>("fingerprint_key")?;
    let key = key.as_deref().and_then(FingerprintKey::parse);
    let stated = Stated {
        id,
        job: OfJob {
            id: rows::parsed::<JobId>(row, "receipts", "job_id")?,
            attempt: facts.attempt,
            ending: rows::number(row, "ending")?,
        },
        state: rows::parsed(row, "receipts", "state")?,
        asked_by: key.as_ref().map(|key| asked_by(row, key)).transpose()?,
        ended_at: row.try_get("ended_at")?,
        stores: counts(row)?,
        ran_by: key.map(|key| ran_by(row, &key)).transpose()?.unwrap_or_default(),
        held: held_by(row)?,
    };
    let corrupt = || LedgerError::Corrupt {
        table: "receipts",
        column: "facts",
        row: id.to_string(),
    };
    let body = stated.with(facts).ok_or_else(corrupt)?;
    Ok(Unsequenced { id, body: body.text() })
}

/// Reads the counts of a job at its end.
fn counts(row: &AnyRow) -> Result<Vec<StoreCounts>, LedgerError> {
    let read: Vec<CountRow> = match row.try_get::<Option<String>, _>("counts")? {
        Some(_) => rows::json(row, "receipts", "counts")?,
        None => Vec::new(),
    };
    let mut counted = Counted::default();
    let added: Option<()> = read.iter().try_for_each(|row| counted.add(row));
    added.map(|()| counted.stores()).ok_or_else(|| LedgerError::Corrupt {
        table: "receipts",
        column: "counts",
        row: row.try_get("id").unwrap_or_default(),
    })
}

/// Returns the fingerprint of the caller who asked. The name of a key may be that of a person.
fn asked_by(row: &AnyRow, key: &FingerprintKey) -> Result<String, LedgerError> {
    let name: String = row.try_get("principal")?;
    Ok(key.caller(&name))
}

/// Returns the fingerprints of the workers that ran a job. Names of workers may tell the names of machines.
fn ran_by(row: &AnyRow, key: &FingerprintKey) -> Result<Vec<String>, LedgerError> {
    let mut names: Vec<Option<String>> = match row.try_get::<Option<String>, _>("workers")? {
        Some(_) => rows::json(row, "receipts", "workers")?,
        None => Vec::new(),
    };
    names.sort_unstable();
    Ok(names.iter().flatten().map(|name| key.worker(name)).collect())
}

/// Returns the holds that kept memories of a job at its end, by name.
fn held_by(row: &AnyRow) -> Result<Vec<HeldBy>, LedgerError> {
    let mut held: Vec<HeldBy> = match row.try_get::<Option<String>, _>("held")? {
        Some(_) => rows::json(row, "receipts", "held")?,
        None => Vec::new(),
    };
    held.sort_unstable_by(|one, other| (&one.hold, one.ground.as_str()).cmp(&(&other.hold, other.ground.as_str())));
    Ok(held)
}

/// The parts of a statement that are no facts of the job's row.
struct Stated {
    id: Uuid,
    job: OfJob,
    state: State,
    asked_by: Option<String>,
    ended_at: i64,
    stores: Vec<StoreCounts>,
    ran_by: Vec<String>,
    held: Vec<HeldBy>,
}

impl Stated {
    /// Returns the statement with the facts of the job's row. Returns `None` if they cannot be read.
    fn with(self, facts: Facts) -> Option<Body> {
        let fingerprints: Fingerprints = serde_json::from_str(facts.fingerprints.as_deref()?).ok()?;
        let earlier: Vec<Attempt> = read_list(facts.attempts.as_deref())?;
        let [erased, held] = [Outcome::Erased, Outcome::Held].map(|outcome| most(&self.stores, outcome));
        let stays = |outcome: &Outcome| !outcome.is_settled() && *outcome != Outcome::Held;
        let stayed = Outcome::iter().filter(stays).map(|outcome| most(&self.stores, outcome));
        let stayed = stayed.max().unwrap_or(0);
        let begins = earlier.iter().map(|attempt| attempt.started_at).chain([facts.started]);
        let begun: Vec<Time> = begins.flatten().map(Time::from).collect();
        let completed = Time::from(self.ended_at);
        // Memories that a hold keeps are exempted: the others are gone.
        let is_gone = matches!(self.state, State::Succeeded | State::Held);
        let result = read_back(self.state, facts.code.as_deref());
        let extended = match (facts.extended_from, facts.extension.as_deref()) {
            (Some(from), Some(reason)) => Some(Extended {
                from: Time::from(from),
                reason: reason.parse().ok()?,
            }),
            _ => None,
        };
        let store = |store: StoreCounts| StoreOf {
            target: store.target,
            store: store.store,
            method: Method::DeleteByIdUnderConditions,
            counts: store.counts,
            dependents: store.dependents,
            first_attempt: begun.first().copied(),
            last_attempt: begun.last().copied(),
        };
        Some(Body {
            version: VERSION,
            receipt_id: self.id,
            software: SOFTWARE.to_owned(),
            job: self.job,
            request: OfRequest {
                hash: fingerprints.request,
                regulation: facts.regulation,
                ground: facts.ground.as_deref().map(str::parse).transpose().ok()?,
                reference: facts.reference,
                asked_by: self.asked_by,
            },
            times: Times {
                received: Time::from(facts.received.unwrap_or(facts.accepted)),
                accepted: Time::from(facts.accepted),
                due: facts.deadline.map(Time::from),
                extended,
                started: facts.started.map(Time::from),
                completed,
            },
            selection: SelectionOf {
                kind: facts.selector.parse().ok()?,
                persons: fingerprints.persons,
                places: read_list(facts.places.as_deref())?,
            },
            stores: self.stores.into_iter().map(store).collect(),
            read_back: ReadBackOf {
                method: ReadBackMethod::SamePredicateLessHeld,
                at: (result != ReadBackResult::NotDone).then_some(completed),
                result,
                rounds: facts.rounds,
            },
            removal: Removal {
                logical: (is_gone && erased > 0 && stayed == 0).then_some(completed),
                physical: None,
            },
            held: self.held,
            recipients: Vec::new(),
            ran_by: self.ran_by,
            remains: Remains {
                suppression_until: None,
            },
            status: Status::of(self.state, erased, held).with_stayed(stayed),
        })
    }
}

/// Reads a list that may be absent.
fn read_list<T: serde::de::DeserializeOwned>(text: Option<&str>) -> Option<Vec<T>> {
    text.map_or_else(|| Some(Vec::new()), |text| serde_json::from_str(text).ok())
}

/// Returns the number of memories with an outcome, in the store that has the most of them.
fn most(stores: &[StoreCounts], outcome: Outcome) -> u64 {
    let counts = stores.iter().filter_map(|store| store.counts.get(outcome.as_str()));
    counts.copied().max().unwrap_or(0)
}

/// Returns the answer of the last read-back.
// A job that fails for another reason may have been read back in part. The receipt does not claim it.
fn read_back(state: State, code: Option<&str>) -> ReadBackResult {
    match state {
        State::Succeeded | State::Held => ReadBackResult::NothingLeft,
        State::Failed if code == Some(ErrorCode::Residue.as_str()) => ReadBackResult::Residue,
        _ => ReadBackResult::NotDone,
    }
}
