//! Accepting a deletion for another system's client, and waiting for its end.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use lethe_common::doorbell::Listener;
use lethe_common::job::JobId;
use lethe_common::ledger::{JobView, NewJob};
use lethe_common::state::State;
use tokio::time::timeout;

use super::advice::{self, Words};
use super::outcome::{Done, Erasure, about, ended, failed, kept, most};
use super::wanted::{MemoryScope, What};
use crate::auth::Principal;
use crate::deletion::deadline;
use crate::deletion::new_job;
use crate::deletion::placement;
use crate::deletion::request::{self, Options};
use crate::deletion::submit::{Columns, Submitted, submit};
use crate::http::headers;
use crate::http::limits::body_bytes::Held;
use crate::http::prefer::Prefer;
use crate::http::problem::{Kind, Problem};
use crate::job::watch;
use crate::state::AppState;

/// The wait for callers that want the end of the job. It is longer than any connection lasts.
const FOR_GOOD: Duration = Duration::from_hours(24 * 7);

/// The parts that all compatible requests share.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) state: &'a AppState,
    pub(crate) principal: &'a Principal,
    pub(crate) headers: &'a HeaderMap,
    /// The route's template.
    pub(crate) route: &'static str,
    /// The configuration section with the target and table, if the system's API names neither.
    pub(crate) section: Option<&'static str>,
    /// The system's names for fields that have another name in Lethe.
    pub(crate) words: Words,
}

impl Asked<'_> {
    /// Accepts a deletion, and returns the answer from `answer` without waiting.
    ///
    /// # Errors
    /// The request is refused. No store was touched.
    pub(crate) async fn accept<A: IntoResponse>(
        self,
        place: MemoryScope,
        what: What,
        answer: impl FnOnce(JobId) -> A,
    ) -> Result<Response, Problem> {
        let job = self.submit(place, what).await?;
        let heeded = Prefer {
            wait: None,
            ..self.preference()
        };
        Ok(about(answer(job.id), job.id, heeded))
    }

    /// Accepts a deletion, and waits for its end. The caller's preference, or else `compat.wait`, limits the wait.
    ///
    /// # Errors
    /// Besides refusals: [`Kind::JobStopped`] for a job that is cancelled, or left memories that are held, conflicted or
    /// unverifiable. [`Kind::ErasureFailed`] for another failed job. A partial erasure is never a success.
    pub(crate) async fn erase(self, place: MemoryScope, what: What) -> Result<Erasure, Problem> {
        let rings = self.state.doorbell().subscribe();
        let job = self.submit(place, what).await?;
        self.outcome(job, rings).await
    }

    /// Waits for the end of an accepted job, as [`Asked::erase`] does.
    pub(super) async fn outcome(self, job: JobView, rings: Listener) -> Result<Erasure, Problem> {
        let (job, heeded) = self.wait_for(job, rings, self.state.config().compat.wait).await;
        if let Some(problem) = kept(&job) {
            return Err(problem);
        }
        if job.state == State::Failed {
            return Err(failed(&job));
        }
        ended(job, heeded)
    }

    /// Accepts a deletion, and waits for its end unless the caller prefers less. The job continues after a disconnect.
    /// A failed, cancelled or held job is done as well: the answer says why.
    ///
    /// # Errors
    /// The request is refused. No store was touched.
    pub(crate) async fn erase_to_the_end(self, place: MemoryScope, what: What) -> Result<Erasure, Problem> {
        let rings = self.state.doorbell().subscribe();
        let job = self.submit(place, what).await?;
        let (job, heeded) = self.wait_for(job, rings, FOR_GOOD).await;
        if matches!(job.state, State::Cancelled | State::Held) {
            let job = Box::new(job);
            return Ok(Erasure::Done(Done { job, heeded }));
        }
        ended(job, heeded)
    }

    /// Returns whether a dry run with the rights of `probe` finds any memory. It counts among the jobs of the caller.
    ///
    /// # Errors
    /// Besides refusals: [`Kind::Slow`] if the dry run does not succeed in time.
    pub(crate) async fn finds(self, probe: &Principal, place: MemoryScope, what: What) -> Result<bool, Problem> {
        let rings = self.state.doorbell().subscribe();
        let asked = Asked {
            principal: probe,
            ..self
        };
        let (job, held) = asked.job(place, what, true)?;
        // Charged to the caller: the probes of one caller must not use up the limit of all.
        let job = self.put(job, held, Columns::Unasked).await?.job;
        let within = Prefer {
            wait: Some(self.state.config().api.request_timeout),
            ..Prefer::default()
        };
        // The caller's own slot: the probes of one caller must not use up those of all.
        let (job, _) = watch::as_preferred(self.state, &self.principal.name, job, rings, within).await;
        match job.state {
            // A dry run counts a memory that it finds as `left`, or by the reason for which it would stay.
            State::Succeeded => Ok(["left", "held", "conflicted"]
                .iter()
                .any(|outcome| most(&job, outcome) > 0)),
            _ => Err(Problem::usual(Kind::Slow)),
        }
    }

    async fn submit(self, place: MemoryScope, what: What) -> Result<JobView, Problem> {
        let columns = match &what {
            What::Query(_, how, _) => Columns::Awaited(self.state.config().compat.wait, how.mistyped),
            What::Ids(..) | What::Subject(_) => Columns::Unasked,
        };
        let (job, held) = self.job(place, what, false)?;
        Ok(self.put(job, held, columns).await?.job)
    }

    /// Accepts a job of this caller, or joins the unfinished job of the same request.
    pub(super) async fn put(self, job: NewJob, held: Option<Held>, columns: Columns<'_>) -> Result<Submitted, Problem> {
        let within = self.state.config().api.request_timeout;
        let submitted = timeout(within, submit(self.state, &self.principal.name, job, held, columns)).await;
        submitted.map_err(|_| Problem::usual(Kind::Slow))?
    }

    /// Returns the job of a request, and the bytes of its body. A refusal uses the system's field names.
    pub(super) fn job(self, place: MemoryScope, what: What, dry_run: bool) -> Result<(NewJob, Option<Held>), Problem> {
        let job = self.job_at(place, what, dry_run);
        job.map_err(|problem| advice::followable(problem, self.section, self.words).in_words(self.words))
    }

    fn job_at(self, place: MemoryScope, what: What, dry_run: bool) -> Result<(NewJob, Option<Held>), Problem> {
        let config = self.state.config();
        let reached = |target: &String| self.principal.reaches(target);
        if place.target.as_ref().is_some_and(|target| !reached(target)) {
            // The configuration chose this target. The caller cannot choose another.
            let detail = "your credentials do not cover the memories that this route is about: use others";
            return Err(Problem::new(Kind::Forbidden, detail));
        }
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
            for (field, value) in subject.fields() {
                request::text(&placement::subject_field(field), value, longest)?;
            }
        }
        let (mut job, held) = match what {
            What::Ids(ids, held) => (new_job::by_ids(config, self.principal, &options, ids)?, held),
            What::Subject(subject) => (new_job::by_subject(config, self.principal, &options, subject)?, None),
            What::Query(filter, how, held) => {
                let job = NewJob {
                    per_second: how.per_second,
                    execution: how.execution,
                    ..new_job::by_query(config, self.principal, &options, |_| Ok(filter))?
                };
                (job, Some(held))
            }
        };
        if job.subject.is_some() {
            job.execution.legal = deadline::legal(config, &options, true, self.state.clock().now())?;
        }
        job.scope.route = self.route;
        // Other systems find nothing for a value that no column can hold, and report no error.
        job.execution.lenient = true;
        job.trace = headers::trace(self.headers);
        Ok((job, held))
    }

    pub(super) fn preference(self) -> Prefer {
        Prefer::read(self.headers, self.state.config().api.max_wait)
    }

    /// Waits for the job's end, for the caller's preferred time or else for `usual`. Returns the job as it is then, and
    /// the preferences that applied.
    async fn wait_for(self, job: JobView, rings: Listener, usual: Duration) -> (JobView, Prefer) {
        let asked = self.preference();
        let wait = asked.wait.or_else(|| (!asked.respond_async).then_some(usual));
        let wait = wait.filter(|wait| !wait.is_zero());
        let within = Prefer { wait, ..asked };
        let (job, waited) = watch::as_preferred(self.state, &self.principal.name, job, rings, within).await;
        let heeded = Prefer {
            wait: asked.wait.filter(|asked| asked.is_zero() || waited.wait.is_some()),
            ..asked
        };
        (job, heeded)
    }
}
