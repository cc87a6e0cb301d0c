//! The fingerprints of a job that is accepted. Its receipts show them in place of its request and its persons.
//!
//! They are made here, since a job may end after its personal data left the ledger. Each job has a key of its own. Once the
//! key is destroyed, nobody can compute which person a receipt is about.

use serde::Serialize;
use serde_json::json;

use super::new_job::NewJob;
use crate::filter::Filter;
use crate::job::{Field, Subject};
use crate::ledger::receipts::Fingerprints;
use crate::ledger::types::{NewPartition, Work};
use crate::receipt::fingerprint::{FingerprintKey, RequestHash};

/// The part of a request that decides which memories it is about, without its ids. Its bytes must stay the same: an
/// operator computes the hash again.
#[derive(Serialize)]
struct Asked<'a> {
    kind: &'a str,
    target: Option<&'a str>,
    table: Option<&'a str>,
    owner: Option<&'a str>,
    workspace: Option<&'a str>,
    memory_kind: Option<&'a str>,
    subject: Option<&'a Subject>,
    query: Option<&'a Filter>,
}

/// The fingerprints of a job while its ids come in.
pub(super) struct Printing {
    key: FingerprintKey,
    hash: RequestHash,
    persons: Vec<String>,
}

impl Printing {
    /// Begins the fingerprints of a job without its ids. A dry run has none, since it has no receipt.
    pub(super) fn begin(job: &NewJob) -> Option<Self> {
        if job.dry_run {
            return None;
        }
        let key = FingerprintKey::fresh();
        let asked = Asked {
            kind: job.kind(),
            target: job.target.as_deref(),
            table: job.table.as_deref(),
            owner: job.owner.as_deref(),
            workspace: job.workspace.as_deref(),
            memory_kind: job.memory_kind.as_deref(),
            subject: job.subject.as_ref(),
            query: job.query.as_ref(),
        };
        let mut hash = RequestHash::begin(&key);
        // Not by way of a `Value`: a feature of serde_json that other crates set decides the order of its fields.
        hash.add(&serde_json::to_vec(&asked).expect("a request is always JSON"));
        let persons = persons(job).map(|(field, value)| key.person(field, value)).collect();
        Some(Self { key, hash, persons })
    }

    /// Adds the ids of partitions, in the order of the request.
    pub(super) fn add(&mut self, partitions: &[NewPartition]) {
        for partition in partitions {
            if let Work::Ids(ids) = &partition.work {
                ids.iter().for_each(|id| self.hash.add_id(id));
            }
        }
    }

    /// Returns the columns `fingerprint_key` and `fingerprints`.
    pub(super) fn end(self) -> (String, String) {
        let prints = Fingerprints {
            request: self.hash.end(),
            persons: self.persons,
        };
        (self.key.hex(), json!(prints).to_string())
    }
}

/// Returns the columns `fingerprint_key` and `fingerprints` of a job with all of its ids.
pub(super) fn columns(job: &NewJob) -> (Option<String>, Option<String>) {
    let columns = Printing::begin(job).map(|mut printing| {
        printing.add(&job.partitions);
        printing.end()
    });
    columns.unzip()
}

/// Returns the persons that a job names, each with its meaning: of a subject all fields and aliases, else the owner and
/// the workspace.
fn persons(job: &NewJob) -> impl Iterator<Item = (Field, &str)> {
    let subject = job.subject.iter().flat_map(|subject| {
        let aliases = subject.aliases.iter().map(|alias| (Field::User, alias.as_str()));
        subject.fields().chain(aliases)
    });
    let owner = job.owner.as_deref().map(|owner| (Field::User, owner));
    let workspace = job.workspace.as_deref().map(|workspace| (Field::Workspace, workspace));
    subject.chain(owner).chain(workspace)
}
