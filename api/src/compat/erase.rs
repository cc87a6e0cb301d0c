//! Accepting a deletion for another system's client, and waiting for it.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use lethe_common::doorbell::Ring;
use lethe_common::filter::Filter;
use lethe_common::job::Subject;
use lethe_common::ledger::{Accepted, JobView};
use lethe_common::state::State;
use tokio::time::timeout;

use crate::accept;
use crate::answer::{self, just_accepted};
use crate::app::AppState;
use crate::auth::Principal;
use crate::prefer::Prefer;
use crate::problem::{Kind, Problem};
use crate::request::{self, Options};
use crate::watch;

/// How long a caller is waited for that wants to see the end: longer than any connection lasts.
const FOR_GOOD: Duration = Duration::from_hours(24 * 7);

/// What a client of another system wants erased.
pub(crate) enum What {
    /// These memories.
    Ids(Vec<String>),
    /// Everything of somebody or something.
    Subject(Subject),
    /// What a filter matches.
    Query(Filter),
}

/// Whose memories, and where; what is absent is not demanded, or follows from who asks.
#[derive(Default)]
pub(crate) struct Place {
    pub(crate) target: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) workspace: Option<String>,
    /// The kind of memory.
    pub(crate) kind: Option<String>,
}

/// How far a deletion came while its request waited.
pub(crate) enum Erasure {
    /// It has succeeded, read back.
    Done(Box<JobView>),
    /// It has not ended: 202 and the job.
    Later(Response),
}

impl From<&lethe_common::config::Place> for Place {
    fn from(place: &lethe_common::config::Place) -> Self {
        Self {
            target: place.target.clone(),
            table: place.table.clone(),
            ..Self::default()
        }
    }
}

/// A request of another system's client, as far as all of them are alike.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) state: &'a AppState,
    pub(crate) principal: &'a Principal,
    pub(crate) headers: &'a HeaderMap,
    /// The route's template.
    pub(crate) route: &'static str,
}

impl Asked<'_> {
    /// Accepts a deletion, without waiting.
    ///
    /// # Errors
    /// Whatever can be refused is; nothing was touched then.
    pub(crate) async fn accept(self, place: Place, what: What) -> Result<JobView, Problem> {
        self.submit(place, what, false).await
    }

    /// Accepts a deletion, and waits for its end as long as the configuration and the caller have it.
    ///
    /// # Errors
    /// Besides refusals: [`Kind::ErasureFailed`] and [`Kind::JobStopped`], about a job that has ended
    /// otherwise than as a success. Part erased is never success.
    pub(crate) async fn erase(self, place: Place, what: What) -> Result<Erasure, Problem> {
        let job = self.accept(place, what).await?;
        let asked = self.preference();
        let wait = asked.wait.unwrap_or_else(|| self.state.config().compat.wait);
        let job = self.wait_for(job, asked, wait).await;
        if job.state == State::Failed {
            return Err(Problem::usual(Kind::ErasureFailed).about(job.id));
        }
        ended(job, asked)
    }

    /// Accepts a deletion, and waits until it ends or the caller leaves: then it goes on. One that
    /// failed is done as well: the answer says why.
    ///
    /// # Errors
    /// Besides refusals: [`Kind::JobStopped`].
    pub(crate) async fn erase_to_the_end(self, place: Place, what: What) -> Result<Erasure, Problem> {
        let job = self.accept(place, what).await?;
        let asked = self.preference();
        let job = self.wait_for(job, asked, asked.wait.unwrap_or(FOR_GOOD)).await;
        ended(job, asked)
    }

    /// Returns whether there is anything to erase, by a dry run.
    ///
    /// # Errors
    /// Besides refusals: if it cannot be said now.
    pub(crate) async fn finds(self, place: Place, what: What) -> Result<bool, Problem> {
        let job = self.submit(place, what, true).await?;
        let within = self.state.config().api.request_timeout;
        let job = self.wait_for(job, Prefer::default(), within).await;
        match job.state {
            // What a dry run found it left.
            State::Succeeded => Ok(most(&job, "left") > 0),
            _ => Err(Problem::usual(Kind::Slow)),
        }
    }

    async fn submit(self, place: Place, what: What, dry_run: bool) -> Result<JobView, Problem> {
        let (state, config) = (self.state, self.state.config());
        let options = Options {
            target: place.target,
            table: place.table,
            owner: place.owner,
            workspace: place.workspace,
            kind: place.kind,
            dry_run,
            ..Options::default()
        };
        let longest = config.api.max_id_length;
        options.check(longest)?;
        if let What::Subject(subject) = &what {
            for (_, value) in subject.fields() {
                request::text("subject", value, longest)?;
            }
        }
        let mut job = match what {
            What::Ids(ids) => accept::by_ids(config, self.principal, &options, ids)?,
            What::Subject(subject) => accept::by_subject(config, self.principal, &options, subject)?,
            What::Query(filter) => accept::by_query(config, self.principal, &options, filter)?,
        };
        job.scope.route = self.route;
        job.trace = accept::trace(self.headers);
        let view = just_accepted(&job, state.clock().now());
        let accepted = timeout(config.api.request_timeout, async {
            state.backlog().admit(state.ledger()).await?;
            Ok::<_, Problem>(state.ledger().accept(job).await?)
        });
        match accepted.await.map_err(|_| Problem::usual(Kind::Slow))?? {
            Accepted::New(_) => {
                state.doorbell().ring(Ring::Work);
                Ok(view)
            }
            // Without an idempotency key every job is new.
            _ => Err(Problem::usual(Kind::Internal)),
        }
    }

    fn preference(self) -> Prefer {
        Prefer::read(self.headers, self.state.config().api.max_wait)
    }

    async fn wait_for(self, job: JobView, asked: Prefer, wait: Duration) -> JobView {
        let waiting = Prefer {
            wait: (!asked.respond_async && !wait.is_zero()).then_some(wait),
            ..asked
        };
        let (job, _) = watch::as_preferred(self.state, job, waiting).await;
        job
    }
}

fn ended(job: JobView, asked: Prefer) -> Result<Erasure, Problem> {
    match job.state {
        State::Succeeded | State::Failed => Ok(Erasure::Done(Box::new(job))),
        State::Cancelled | State::Held => Err(Problem::usual(Kind::JobStopped).about(job.id)),
        _ => Ok(Erasure::Later(answer::with_job(StatusCode::ACCEPTED, job, asked))),
    }
}

/// Returns how many memories a job has erased: of one that was in two stores, once.
pub(crate) fn erased(job: &JobView) -> u64 {
    most(job, "erased")
}

/// Returns how many memories met an outcome.
// Of the stores the one with the most: a memory may be missing in one of them.
fn most(job: &JobView, outcome: &str) -> u64 {
    let counts = job.stores.iter().filter_map(|store| store.counts.get(outcome));
    counts.copied().max().unwrap_or(0)
}
