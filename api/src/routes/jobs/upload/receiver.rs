//! Turns a stream of ids into partitions.

use std::collections::HashSet;

use lethe_common::ledger::NewPartition;
use lethe_common::ndjson::{Line, LineError, LineFault, Lines};

use super::staged::Staged;
use super::unwritten::Unwritten;
use crate::auth::Principal;
use crate::deletion::new_job;
use crate::deletion::placement::MappedTable;
use crate::deletion::request::Options;
use crate::fingerprint::Fingerprint;
use crate::http::body::Incoming;
use crate::http::limits::backlog::request_refused;
use crate::http::limits::time::within;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The number of batches that are stored at a time.
// A commit costs as much as storing some thousand ids.
const TOGETHER: usize = 4;

/// Turns a stream into partitions.
pub(super) struct Receiver<'a> {
    state: &'a AppState,
    principal: &'a Principal,
    place: MappedTable<'a>,
    options: &'a Options,
    lines: Lines,
    batch: Batch,
    /// Whole batches that are not stored yet.
    ready: Vec<NewPartition>,
    /// The bytes of the batches.
    unwritten: Unwritten,
    /// The number of ids. An id that came in an earlier batch counts again.
    count: u64,
    fingerprint: Fingerprint,
}

/// The distinct ids of one partition, in the order in which they came.
#[derive(Default)]
struct Batch {
    ids: Vec<String>,
    seen: HashSet<String>,
}

impl<'a> Receiver<'a> {
    pub(super) fn new(
        state: &'a AppState,
        principal: &'a Principal,
        place: MappedTable<'a>,
        options: &'a Options,
        fingerprint: Fingerprint,
    ) -> Self {
        Self {
            state,
            principal,
            place,
            options,
            lines: Lines::new(state.config().api.max_id_length),
            batch: Batch::default(),
            ready: Vec::with_capacity(TOGETHER),
            unwritten: Unwritten::new(state.places().of(&principal.name).body()),
            count: 0,
            fingerprint,
        }
    }

    /// Stages the ids, batch by batch.
    pub(super) async fn receive(&mut self, incoming: &mut Incoming, staged: &mut Staged) -> Result<(), Problem> {
        let limit = self.state.config().api.request_timeout;
        while let Some(bytes) = incoming.next(limit).await? {
            self.fingerprint.add(&bytes);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                if let Some(line) = self.lines.next(&mut rest).map_err(|error| refused(&error))? {
                    self.take(line, staged).await?;
                }
            }
        }
        if let Some(line) = self.lines.last().map_err(|error| refused(&error))? {
            self.take(line, staged).await?;
        }
        self.write(staged).await?;
        if self.count == 0 {
            return Err(Problem::new(Kind::Invalid, "send at least one id"));
        }
        Ok(())
    }

    async fn take(&mut self, line: Line, staged: &mut Staged) -> Result<(), Problem> {
        let Line::Id(id) = line else { return Ok(()) };
        let config = self.state.config();
        new_job::id(&id, config).map_err(|what| nothing_accepted(self.lines.number(), &what))?;
        if self.batch.seen.contains(&id) {
            return Ok(());
        }
        if !self.unwritten.add(&id) {
            // An upload that waits holds no bytes. Otherwise two uploads could wait for each other.
            self.write(staged).await?;
            self.unwritten.add_in_time(&id).await?;
        }
        self.batch.seen.insert(id.clone());
        self.batch.ids.push(id);
        self.count += 1;
        let most = config.api.max_ids_per_job;
        if self.count > most {
            let detail = format!("send at most {most} ids: split them into several jobs");
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        if self.batch.ids.len() >= config.worker.batch as usize {
            self.close_batch();
        }
        if self.ready.len() >= TOGETHER || self.unwritten.is_large() {
            self.write(staged).await?;
        }
        Ok(())
    }

    fn close_batch(&mut self) {
        if !self.batch.ids.is_empty() {
            let partition = self.partition();
            self.ready.push(partition);
        }
    }

    /// Stages all ids that were read.
    async fn write(&mut self, staged: &mut Staged) -> Result<(), Problem> {
        self.close_batch();
        if !self.ready.is_empty() {
            let (state, limit) = (self.state, self.state.config().api.request_timeout);
            let ids = self.ready.iter().map(|partition| partition.remaining).sum();
            let admitted = state.backlog().admit_ids(state.ledger(), &self.principal.name, ids);
            within(limit, admitted).await.inspect_err(request_refused)?;
            within(limit, state.ledger().append(staged.upload(), &self.ready)).await?;
            self.ready.clear();
        }
        self.unwritten.clear();
        Ok(())
    }

    /// Returns the batch as a partition, and begins the next one.
    pub(super) fn partition(&mut self) -> NewPartition {
        let batch = std::mem::take(&mut self.batch);
        let (target, table) = self.place;
        NewPartition::ids(target, table, batch.ids, self.options.purpose())
    }

    /// Returns the hash of all bytes that were read.
    pub(super) fn hash(self) -> String {
        self.fingerprint.end()
    }
}

/// Returns the problem of a line that was refused.
fn refused(error: &LineError) -> Problem {
    match error.fault {
        LineFault::TooLong(_) => Problem::new(Kind::TooLarge, error.to_string()),
        LineFault::NoId(what) => nothing_accepted(error.line, what),
    }
}

fn nothing_accepted(line: u64, what: &str) -> Problem {
    let detail = format!("line {line}: {what}; no line of this upload was accepted");
    Problem::new(Kind::Invalid, detail)
}
