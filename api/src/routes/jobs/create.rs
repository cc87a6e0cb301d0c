//! `POST /v1/jobs`: accepting a deletion.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use lethe_common::doorbell::Ring;
use lethe_common::error_code::ErrorCode;
use lethe_common::job::JobId;
use lethe_common::ledger::{Accepted, JobView, NewJob};
use tokio::time::timeout;

use super::upload;
use crate::accept::{self, ROUTE, WORDS};
use crate::answer::{self, Job, just_accepted};
use crate::app::AppState;
use crate::auth::Principal;
use crate::body::{Incoming, MediaType};
use crate::idempotency;
use crate::json;
use crate::object::Object;
use crate::prefer::Prefer;
use crate::problem::{Kind, Problem, ProblemBody};
use crate::request::{CreateJob, Options, UploadParams};
use crate::spelling;
use crate::types;
use crate::watch;

/// Accept a deletion.
///
/// The job is on the disk when this answers. A stream of ids (`application/x-ndjson`: in each line a JSON
/// string or `{"id": "…"}`, or in each line a bare id) takes its other fields from the query; an id that comes again
/// more than a batch later is then erased once and counted as absent once. With an idempotency key
/// the same request can be sent again: it is answered with the job that it made.
#[utoipa::path(
    post,
    path = "/v1/jobs",
    operation_id = "createJob",
    tag = "jobs",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters; valid for at least a day"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: answer when the job has ended, or after 5 seconds; `respond-async`"),
        ("traceparent" = Option<String>, Header, description = "W3C Trace Context; the job keeps it"),
        UploadParams,
    ),
    request_body(content(
        (CreateJob = "application/json"),
        (String = "application/x-ndjson")
    )),
    responses(
        (status = 202, description = "Accepted", body = Job, headers(
            ("Location" = String, description = "Where the job is"),
            ("Lethe-Job" = String, description = "The job's id"),
            ("Preference-Applied" = String, description = "What was heeded of `Prefer`")
        )),
        (status = 200, description = "Accepted, and ended while waiting", body = Job),
        (status = 400, description = "Not JSON, or a query that nests too deep", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No credentials that are known here", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "A scope is missing", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The body did not arrive in time", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A request with this key is in flight; or, while waiting, the job ended untouched: more than `limit` is selected, or not what `expect` says", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "The job of this key was forgotten", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too large, or a query that names too many values", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Wrong content type", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is wrong, more than `limit` is selected, or the key belongs to another request", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests in a second, uploads at a time, or failed authentications in a minute", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "A fault of the service", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The ledger is away, or too many jobs are unfinished", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(state): State<AppState>,
    principal: Principal,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let prefer = Prefer::read(&headers, state.config().api.max_wait);
    let media = MediaType::of(&headers);
    let most = match media {
        Ok(MediaType::Ndjson) => state.config().api.max_upload,
        _ => state.config().api.max_body,
    };
    let mut incoming = Incoming::new(body, most);
    let accepted = match media {
        Ok(MediaType::Json) => from_json(&state, &principal, &headers, &uri, &mut incoming).await,
        Ok(MediaType::Ndjson) => Box::pin(upload::receive(&state, &principal, &headers, &uri, &mut incoming)).await,
        Err(problem) => Err(problem),
    };
    let job = incoming.settle(&headers, accepted).await?;
    let (job, prefer) = watch::as_preferred(&state, job, prefer).await;
    if prefer.wait.is_none() || !job.state.is_ended() {
        return Ok(answer::with_job(StatusCode::ACCEPTED, job, prefer));
    }
    match untouched(&job) {
        Some(problem) => Err(problem.about(job.id)),
        None => Ok(answer::with_job(StatusCode::OK, job, prefer)),
    }
}

/// Returns why a job that has ended touched nothing: what it selects is not what its caller thought.
fn untouched(job: &JobView) -> Option<Problem> {
    match job.error_code.as_ref()?.known()? {
        ErrorCode::SelectionChanged => Some(Problem::new(
            Kind::SelectionChanged,
            "the selection is not the one that `expect` stands for, and nothing was touched: look again with a dry run",
        )),
        ErrorCode::LimitExceeded => Some(Problem::new(
            Kind::SelectionTooLarge,
            "more is selected than `limit` allows, and nothing was touched: look at it with a dry run",
        )),
        _ => None,
    }
}

/// Accepts what a JSON body asks for.
async fn from_json(
    state: &AppState,
    principal: &Principal,
    headers: &HeaderMap,
    uri: &Uri,
    incoming: &mut Incoming,
) -> Result<JobView, Problem> {
    if uri.query().is_some_and(|query| !query.is_empty()) {
        // `?dry_run=true` must not be overlooked.
        return Err(Problem::new(
            Kind::Invalid,
            "send no query with JSON: write its fields into the body",
        ));
    }
    let key = idempotency::key(headers)?;
    let within = state.config().api.request_timeout;
    let bytes = incoming.whole(headers, state, within).await?;
    let Object(asked): Object<CreateJob> = json::read(&bytes)?;
    drop(bytes);
    let slow = |_| Problem::usual(Kind::Slow);
    timeout(within, accept(state, principal, headers, key, asked))
        .await
        .map_err(slow)?
}

async fn accept(
    state: &AppState,
    principal: &Principal,
    headers: &HeaderMap,
    key: Option<String>,
    asked: CreateJob,
) -> Result<JobView, Problem> {
    let fingerprint = match key {
        None => None,
        Some(key) => {
            let mut fingerprint = state.fingerprints().begin(state.ledger(), ROUTE).await?;
            // Field by field in the order of the type: no matter how it was written.
            fingerprint.add(&serde_json::to_vec(&asked).expect("a request that was JSON can be again"));
            Some(fingerprint.of(key))
        }
    };
    let (mut job, options) = accept::job(
        state.config(),
        principal,
        asked,
        accept::trace(headers),
        state.clock().now(),
    )?;
    job.idempotency = fingerprint;
    if let Some(id) = check_start(state, &job, &options).await? {
        return replayed(state, id).await;
    }
    types::check(state, &job, WORDS).await?;
    spelling::fold(state, &mut job).await?;
    state.backlog().admit(state.ledger()).await?;
    let view = just_accepted(&job, state.clock().now());
    let accepted = state.ledger().accept(job).await?;
    settle(state, accepted, view).await
}

/// Refuses a start that is too far away; returns the job if the same request was accepted while
/// it was not.
async fn check_start(state: &AppState, job: &NewJob, options: &Options) -> Result<Option<JobId>, Problem> {
    let Err(problem) = options.check_start(state.clock().now()) else {
        return Ok(None);
    };
    let Some(key) = &job.idempotency else {
        return Err(problem);
    };
    match state.ledger().replayed(job, key).await? {
        Accepted::Replay(id) => Ok(Some(id)),
        _ => Err(problem),
    }
}

/// Returns the job that an acceptance led to.
pub(super) async fn settle(state: &AppState, accepted: Accepted, view: JobView) -> Result<JobView, Problem> {
    match accepted {
        Accepted::New(_) => {
            state.doorbell().ring(Ring::Work);
            Ok(view)
        }
        Accepted::Replay(id) => replayed(state, id).await,
        Accepted::Conflict => Err(Problem::new(
            Kind::KeyReused,
            "use another idempotency key, or send the same request as before",
        )),
        Accepted::InFlight => Err(Problem::new(
            Kind::KeyInFlight,
            "send this again when the first request with this key has been answered",
        )),
    }
}

async fn replayed(state: &AppState, id: JobId) -> Result<JobView, Problem> {
    let job = state.ledger().job(id).await?;
    job.ok_or_else(|| {
        Problem::new(
            Kind::Forgotten,
            "the job that this idempotency key made was forgotten: use another key",
        )
    })
}
