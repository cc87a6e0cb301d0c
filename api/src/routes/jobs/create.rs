//! `POST /v1/jobs`: accepting a deletion.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use lethe_common::ledger::{JobView, NewJob};

use super::not_accepted::{NotAccepted, untouched};
use super::upload;
use crate::auth::Principal;
use crate::deletion::new_job::{self, ROUTE, WORDS};
use crate::deletion::request::{CreateJob, UploadParams};
use crate::deletion::submit::{Columns, earlier, submit};
use crate::http::body::Incoming;
use crate::http::headers;
use crate::http::idempotency;
use crate::http::json;
use crate::http::limits::body_bytes::Held;
use crate::http::limits::time::within;
use crate::http::media_type::MediaType;
use crate::http::object::Object;
use crate::http::prefer::Prefer;
use crate::http::problem::{Kind, Problem};
use crate::job::{answer, watch};
use crate::routes::answers::AcceptedJob;
use crate::state::AppState;

/// Accept a deletion.
///
/// The job is on the disk when this answers. A stream of ids (`application/x-ndjson`) takes its other fields from the
/// query. All its lines are JSON, a string or `{"id": "…"}`, or all are bare ids. An id that comes twice counts once.
/// With an idempotency key the same request can be sent again. It is answered with the job that it made.
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
    let most = match &media {
        Ok(MediaType::Ndjson) => state.config().api.max_upload,
        _ => state.config().api.max_body,
    };
    let mut incoming = Incoming::new(body, most);
    let rings = state.doorbell().subscribe();
    let accepted = async {
        principal.require_erasing()?;
        match media? {
            MediaType::Json => Box::pin(from_json(&state, &principal, &headers, &uri, &mut incoming)).await,
            MediaType::Ndjson => Box::pin(upload::receive(&state, &principal, &headers, &uri, &mut incoming)).await,
        }
    };
    let accepted = accepted.await;
    let job = incoming.settle(&headers, accepted).await?;
    let (job, prefer) = watch::as_preferred(&state, &principal.name, job, rings, prefer).await;
    if prefer.wait.is_none() || !job.state.is_ended() {
        return Ok(answer::with_job(StatusCode::ACCEPTED, job, prefer));
    }
    match untouched(&job) {
        Some(problem) => Err(problem.about(job.id)),
        None => Ok(answer::with_job(StatusCode::OK, job, prefer)),
    }
}

/// Accepts the deletion of a JSON body.
async fn from_json(
    state: &AppState,
    principal: &Principal,
    headers: &HeaderMap,
    uri: &Uri,
    incoming: &mut Incoming,
) -> Result<JobView, Problem> {
    if uri.query().is_some_and(|query| !query.is_empty()) {
        // `?dry_run=true` must not be ignored.
        let what = "send no query with JSON: write its fields into the body";
        return Err(Problem::new(Kind::Invalid, what));
    }
    let key = idempotency::key(headers)?;
    let (api, places) = (&state.config().api, state.places().of(&principal.name));
    let bytes = incoming.whole(headers, &places, api).await?;
    let Object(asked): Object<CreateJob> = json::read(&bytes)?;
    let held = bytes.parsed();
    let accepted = Box::pin(accept(state, principal, headers, key, asked, held));
    within(api.request_timeout, accepted).await
}

/// Accepts the deletion of a request. With a used key, this returns the job that the same request made before.
pub(crate) async fn accept(
    state: &AppState,
    principal: &Principal,
    headers: &HeaderMap,
    key: Option<String>,
    asked: CreateJob,
    held: Held,
) -> Result<JobView, Problem> {
    let idempotency = match key {
        None => None,
        Some(key) => {
            let mut fingerprint = state.fingerprints().begin(ROUTE).await?;
            fingerprint.add(&principal.adds());
            // Serialised again in field order, so that the caller's spelling of the JSON does not matter.
            fingerprint.add(&serde_json::to_vec(&asked).expect("a request that was JSON can be again"));
            Some(fingerprint.of(key))
        }
    };
    let now = state.clock().now();
    let job = new_job::job(state.config(), principal, asked, headers::trace(headers), now);
    let job = job.and_then(|(job, options)| options.check_start(now).map(|()| job));
    let submitted = match job {
        Ok(job) => {
            let job = NewJob { idempotency, ..job };
            submit(state, &principal.name, job, Some(held), Columns::Known(WORDS)).await?
        }
        // A repeated request needs the rights of the first one.
        Err(problem) if problem.kind == Kind::Forbidden => return Err(problem),
        // The same request may have been accepted before its start was in the past, or before the configuration changed.
        Err(problem) => {
            let made = match &idempotency {
                Some(key) => state.ledger().replayed(&new_job::scope(principal), key).await?.replay(),
                None => None,
            };
            earlier(state, made, problem).await?
        }
    };
    Ok(submitted.job)
}
