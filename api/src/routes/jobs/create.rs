//! `POST /v1/jobs`: accepting a deletion.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use lethe_common::error_code::ErrorCode;
use lethe_common::ledger::{Accepted, JobView, NewJob};
use tokio::time::timeout;

use super::upload;
use crate::auth::Principal;
use crate::deletion::accepted::just_accepted;
use crate::deletion::new_job::{self, ROUTE, WORDS};
use crate::deletion::request::{CreateJob, UploadParams};
use crate::deletion::submit::{Columns, settle, submit};
use crate::http::body::Incoming;
use crate::http::headers;
use crate::http::idempotency;
use crate::http::json;
use crate::http::media_type::MediaType;
use crate::http::object::Object;
use crate::http::prefer::Prefer;
use crate::http::problem::{Kind, Problem};
use crate::job::answer;
use crate::job::watch;
use crate::routes::answers::{AcceptedJob, problems};
use crate::state::AppState;

problems! {
    /// What is answered where no job is accepted.
    NotAccepted {
        400 "Not JSON, or a query that nests too deep"
        401 "No credentials that are known here"
        403 "A scope is missing"
        408 "The body did not arrive in time"
        409 "A request with this key is in flight; or, while waiting, the job ended untouched: more than `limit` is selected, or not what `expect` says"
        410 "The job of this key was forgotten"
        413 "Too large, or a query that names too many values"
        415 "Wrong content type"
        422 "A field is wrong, more than `limit` is selected, or the key belongs to another request"
        429 "Too many requests in a second, uploads at a time, or failed authentications in a minute"
        500 "A fault of the service"
        503 "The ledger is away, or too many jobs are unfinished"
    }
}

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
        AcceptedJob,
        NotAccepted,
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
    let bytes = incoming.whole(headers, state.places(), within).await?;
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
            let mut fingerprint = state.fingerprints().begin(ROUTE).await?;
            // Field by field in the order of the type: no matter how it was written.
            fingerprint.add(&serde_json::to_vec(&asked).expect("a request that was JSON can be again"));
            Some(fingerprint.of(key))
        }
    };
    let (mut job, options) = new_job::job(
        state.config(),
        principal,
        asked,
        headers::trace(headers),
        state.clock().now(),
    )?;
    job.idempotency = fingerprint;
    if let Err(problem) = options.check_start(state.clock().now()) {
        let accepted = known(state, &job).await?.ok_or(problem)?;
        let view = just_accepted(&job, state.clock().now());
        return Ok(settle(state, accepted, view).await?.job);
    }
    Ok(submit(state, job, Columns::Known(WORDS)).await?.job)
}

/// Returns what the same request led to, if it was accepted while its start was not in the past yet.
async fn known(state: &AppState, job: &NewJob) -> Result<Option<Accepted>, Problem> {
    let Some(key) = &job.idempotency else { return Ok(None) };
    let accepted = state.ledger().replayed(job, key).await?;
    Ok(Some(accepted).filter(|accepted| matches!(accepted, Accepted::Replay(_))))
}
