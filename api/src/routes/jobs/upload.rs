//! Ids that arrive as a stream: in memory there are one line and a few batches.
//!
//! Nothing of it can be claimed before the last line was read. A sender that leaves takes
//! everything with it; if this process dies, workers sweep what is left of it.

use std::collections::{BTreeMap, HashSet};

use axum::extract::Query;
use axum::http::{HeaderMap, Uri};
use lethe_common::doorbell::Ring;
use lethe_common::ledger::{
    Accepted, Idempotency, JobView, Ledger, LedgerError, NewJob, NewPartition, Route, StoreCounts, Upload,
};
use lethe_common::ndjson::{Line, LineError, LineFault, Lines};
use tokio_util::task::TaskTracker;

use crate::auth::Principal;
use crate::deletion::accepted::just_accepted;
use crate::deletion::new_job::{self, ROUTE};
use crate::deletion::placement::Place;
use crate::deletion::request::{Options, UploadParams};
use crate::deletion::spelling;
use crate::deletion::submit::settle;
use crate::fingerprint::Fingerprint;
use crate::http::body::Incoming;
use crate::http::headers;
use crate::http::idempotency;
use crate::http::json;
use crate::http::problem::{Kind, Problem};
use crate::http::query;
use crate::state::AppState;

/// How many batches are stored at a time.
// A commit costs as much as storing some thousand ids.
const TOGETHER: usize = 4;

/// Accepts a stream of ids.
pub(super) async fn receive(
    state: &AppState,
    principal: &Principal,
    headers: &HeaderMap,
    uri: &Uri,
    incoming: &mut Incoming,
) -> Result<JobView, Problem> {
    let config = state.config();
    let key = idempotency::key(headers)?;
    query::utf8(uri.query().unwrap_or_default())?;
    let Query(params) = Query::<UploadParams>::try_from_uri(uri).map_err(|rejection| json::of_query(&rejection))?;
    let mut fingerprint = state.fingerprints().begin(ROUTE).await?;
    fingerprint.add(&serde_json::to_vec(&params).expect("texts are always JSON"));
    // Ends the parameters: no byte of the body can be taken for a part of them.
    fingerprint.add(&[0]);
    let options = params.options(config.api.max_id_length)?;
    let (mut job, place) = new_job::without_ids(config, principal, &options)?;
    job.trace = headers::trace(headers);
    // The hash is not known before the last byte.
    job.idempotency = key.map(|key| Idempotency {
        key,
        fingerprint: String::new(),
    });
    let _permit = state.places().upload()?;
    let mut receiver = Receiver {
        state,
        place,
        options: &options,
        lines: Lines::new(config.api.max_id_length),
        batch: Batch::default(),
        ready: Vec::with_capacity(TOGETHER),
        count: 0,
        fingerprint,
    };
    if let Err(problem) = options.check_start(state.clock().now()) {
        // It may have been accepted while its start was not in the past yet.
        return match receiver.known(incoming, &job).await? {
            Some(accepted @ Accepted::Replay(_)) => {
                let view = just_accepted(&job, state.clock().now());
                Ok(settle(state, accepted, view).await?.job)
            }
            _ => Err(problem),
        };
    }
    state.backlog().admit(state.ledger()).await?;
    let view = just_accepted(&job, state.clock().now());
    let Some(upload) = state.ledger().begin_upload(&job, &receiver.partition()).await? else {
        let known = receiver.known(incoming, &job).await?;
        let accepted = known.unwrap_or(Accepted::InFlight);
        return Ok(settle(state, accepted, view).await?.job);
    };
    let mut staged = Staged::new(state, upload);
    receiver.receive(incoming, &mut staged).await?;
    let stores = receiver.partition().stores;
    let spelling = spelling::of(state, &Route::to(place.0, place.1), place.1).await?;
    let repeats = state.ledger().drop_repeats(staged.upload(), spelling).await;
    repeats.map_err(swept)?;
    let selected = staged.upload().selected();
    if options.limit.is_some_and(|limit| selected > limit) {
        return Err(new_job::over_limit());
    }
    let finished = state
        .ledger()
        .finish_upload(staged.take(), &receiver.fingerprint.end())
        .await;
    finished.map_err(swept)?;
    state.doorbell().ring(Ring::Work);
    let counts = |store| StoreCounts {
        target: place.0.name.clone(),
        store,
        counts: BTreeMap::new(),
        dependents: BTreeMap::new(),
    };
    Ok(JobView {
        selected,
        remaining: selected,
        stores: stores.into_iter().map(counts).collect(),
        ..view
    })
}

/// Turns a stream into partitions.
struct Receiver<'a> {
    state: &'a AppState,
    place: Place<'a>,
    options: &'a Options,
    lines: Lines,
    batch: Batch,
    /// Whole batches that are not stored yet.
    ready: Vec<NewPartition>,
    /// How many ids there were, one that came in an earlier batch counted again.
    count: u64,
    fingerprint: Fingerprint,
}

/// The distinct ids of one partition, in the order in which they came.
#[derive(Default)]
struct Batch {
    ids: Vec<String>,
    seen: HashSet<String>,
}

impl Receiver<'_> {
    /// Stages the ids, batch by batch.
    async fn receive(&mut self, incoming: &mut Incoming, staged: &mut Staged) -> Result<(), Problem> {
        let within = self.state.config().api.request_timeout;
        while let Some(bytes) = incoming.next(within).await? {
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
        self.close_batch();
        self.stage(staged).await?;
        if self.count == 0 {
            return Err(Problem::new(Kind::Invalid, "send at least one id"));
        }
        Ok(())
    }

    async fn take(&mut self, line: Line, staged: &mut Staged) -> Result<(), Problem> {
        let Line::Id(id) = line else { return Ok(()) };
        let config = self.state.config();
        new_job::id(&id, config).map_err(|what| nothing_accepted(self.lines.number(), &what))?;
        if !self.batch.seen.insert(id.clone()) {
            return Ok(());
        }
        self.batch.ids.push(id);
        self.count += 1;
        let most = config.api.max_ids_per_job;
        if self.count > most {
            let detail = format!("send at most {most} ids: split them into several jobs");
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        if self.batch.ids.len() >= config.worker.batch as usize {
            self.close_batch();
            if self.ready.len() >= TOGETHER {
                self.stage(staged).await?;
            }
        }
        Ok(())
    }

    fn close_batch(&mut self) {
        if !self.batch.ids.is_empty() {
            let partition = self.partition();
            self.ready.push(partition);
        }
    }

    async fn stage(&mut self, staged: &mut Staged) -> Result<(), Problem> {
        if !self.ready.is_empty() {
            self.state.ledger().append(staged.upload(), &self.ready).await?;
            self.ready.clear();
        }
        Ok(())
    }

    /// Returns the batch as a partition, and begins the next one.
    fn partition(&mut self) -> NewPartition {
        let batch = std::mem::take(&mut self.batch);
        let (target, table) = self.place;
        NewPartition::ids(target, table, batch.ids, self.options.purpose())
    }

    /// Reads the stream for its hash alone; returns what a request with this key led to.
    async fn known(&mut self, incoming: &mut Incoming, job: &NewJob) -> Result<Option<Accepted>, Problem> {
        let Some(key) = &job.idempotency else { return Ok(None) };
        let within = self.state.config().api.request_timeout;
        while let Some(bytes) = incoming.next(within).await? {
            self.fingerprint.add(&bytes);
        }
        let key = self.fingerprint.clone().of(key.key.clone());
        Ok(Some(self.state.ledger().replayed(job, &key).await?))
    }
}

/// What was staged so far; dropped with it unless it is taken.
struct Staged {
    upload: Option<Upload>,
    ledger: Ledger,
    tasks: TaskTracker,
}

impl Staged {
    fn new(state: &AppState, upload: Upload) -> Self {
        Self {
            upload: Some(upload),
            ledger: state.ledger().clone(),
            tasks: state.tasks().clone(),
        }
    }

    fn upload(&mut self) -> &mut Upload {
        self.upload.as_mut().expect("only the end of an upload takes it")
    }

    fn take(&mut self) -> Upload {
        self.upload.take().expect("an upload ends once")
    }
}

impl Drop for Staged {
    // Reached by a refusal, and by a sender that left: then nobody polls the handler any more.
    fn drop(&mut self) {
        let Some(upload) = self.upload.take() else { return };
        let ledger = self.ledger.clone();
        self.tasks.spawn(async move {
            if let Err(error) = ledger.abort_upload(upload).await {
                tracing::warn!(error = %error, sqlstate = error.sqlstate(), "a broken upload is left to be swept");
            }
        });
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

/// An upload that is gone at its end was swept: its sender was silent for too long.
fn swept(error: LedgerError) -> Problem {
    match error {
        LedgerError::Corrupt {
            table: "jobs",
            column: "state",
            ..
        } => Problem::new(
            Kind::Timeout,
            "the upload paused for too long, and was dropped: send it again",
        ),
        other => other.into(),
    }
}
