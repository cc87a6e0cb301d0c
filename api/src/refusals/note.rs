//! Writing the events of refusals.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use lethe_common::config::Config;
use lethe_common::ledger::{Act, Actor, Ledger, LedgerError, Object};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::act::act;
use super::counts::{Counts, Refused};
use super::place::Place;
use crate::auth::Presented;
use crate::http::problem::{Kind, Problem};

/// The longest time that an answer waits for its event. The event is written also after that.
// The usual time is some milliseconds. A caller that is refused learns nothing, so its answer need not wait for longer.
const WAIT: Duration = Duration::from_secs(1);

/// The time between two looks for counts to write.
const LOOK: Duration = Duration::from_secs(10);

/// The time limit of a write, also of all at the end of the process: a ledger that hangs must not keep it from ending.
const LIMIT: Duration = Duration::from_secs(2);

/// Writes audit events for refusals. Clones are the same.
#[derive(Clone)]
pub(crate) struct Refusals(Arc<Shared>);

struct Shared {
    config: Arc<Config>,
    ledger: Ledger,
    tasks: TaskTracker,
    counts: Counts,
}

/// Notes an act of a known actor that is refused for lack of rights.
pub(crate) async fn note(State(refusals): State<Refusals>, mut request: Request, next: Next) -> Response {
    let template = request.extensions().get::<MatchedPath>();
    let Some(act) = template.and_then(|template| act(request.method(), template.as_str())) else {
        return next.run(request).await;
    };
    let place = Place::of(request.uri().path());
    let presented = Presented::default();
    request.extensions_mut().insert(presented.clone());
    let response = next.run(request).await;
    if let (Some(code), Some(actor)) = (refusal(&response), presented.actor()) {
        refusals.refused(actor.clone(), (act, code), place).await;
    }
    response
}

/// Returns the code of the problem, if the answer says that the rights are lacking.
fn refusal(response: &Response) -> Option<&'static str> {
    let kind = response.extensions().get::<Problem>()?.kind;
    matches!(kind, Kind::Unauthorized | Kind::Forbidden).then(|| kind.code())
}

impl Refusals {
    pub(crate) fn new(config: Arc<Config>, ledger: Ledger, tasks: TaskTracker) -> Self {
        Self(Arc::new(Shared {
            config,
            ledger,
            tasks,
            counts: Counts::default(),
        }))
    }

    /// Notes that an act on several jobs was refused for some of them. Its answer is no problem.
    pub(crate) async fn part(&self, by: Actor, act: Act) {
        self.refused(by, (act, Kind::Forbidden.code()), None).await;
    }

    /// Writes the event of a refusal, or counts it.
    async fn refused(&self, by: Actor, refused: Refused, place: Option<Place>) {
        if !self.0.counts.add(&by.name, refused, Instant::now()) {
            return;
        }
        let refusals = self.clone();
        // A task, so that the event is written also if the caller leaves.
        let writing = self.0.tasks.spawn(async move {
            let written = timeout(LIMIT, refusals.event(&by, refused, place.as_ref())).await;
            if !matches!(written, Ok(Ok(()))) {
                refusals.put_back(&by.name, refused, 1);
            }
        });
        drop(timeout(WAIT, writing).await);
    }

    async fn event(&self, by: &Actor, (act, code): Refused, place: Option<&Place>) -> Result<(), LedgerError> {
        let Shared { config, ledger, .. } = &*self.0;
        let object = match place {
            Some(place) => place.object(config, ledger).await?,
            None => None,
        };
        ledger
            .note_refusal(by, act, object.unwrap_or(Object::All), code, 1)
            .await
    }

    /// Writes counts when their windows are over, until `stopping`. A write that has begun is finished.
    pub(crate) async fn run(&self, stopping: &CancellationToken) {
        while stopping.run_until_cancelled(sleep(LOOK)).await.is_some() {
            self.write(Some(Instant::now())).await;
        }
    }

    /// Writes the counts that are left when the process ends.
    pub(crate) async fn finish(&self) {
        if timeout(LIMIT, self.write(None)).await.is_err() {
            tracing::warn!("the last counts of refused acts could not be written");
        }
    }

    async fn write(&self, now: Option<Instant>) {
        let mut counts = self.0.counts.take(now).into_iter();
        for (actor, refused, times) in counts.by_ref() {
            let (by, (act, code)) = (Actor::named(&actor), refused);
            let written = self.0.ledger.note_refusal(&by, act, Object::All, code, times);
            if !matches!(timeout(LIMIT, written).await, Ok(Ok(()))) {
                self.put_back(&actor, refused, times);
                break;
            }
        }
        for (actor, refused, times) in counts {
            self.put_back(&actor, refused, times);
        }
    }

    /// Counts refusals whose event could not be written. A later event has them.
    fn put_back(&self, actor: &str, refused: Refused, times: u64) {
        tracing::debug!("a refused act could not be noted yet");
        self.0.counts.put_back(actor, refused, times, Instant::now());
    }
}
