//! The upload as a whole: its job, its ids, its end.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::http::{HeaderMap, Uri};
use lethe_common::ledger::{Idempotency, JobView, LedgerError, Route, StoreCounts};

use super::receiver::Receiver;
use super::repeat::Repeat;
use super::staged::Staged;
use crate::auth::Principal;
use crate::deletion::accepted::{announce, just_accepted};
use crate::deletion::deadline;
use crate::deletion::new_job::{self, ROUTE};
use crate::deletion::request::UploadParams;
use crate::deletion::spelling;
use crate::deletion::submit::settle;
use crate::http::body::Incoming;
use crate::http::headers;
use crate::http::idempotency;
use crate::http::json;
use crate::http::limits::time::within;
use crate::http::problem::{Kind, Problem};
use crate::http::query;
use crate::state::AppState;

/// Accepts a stream of ids.
pub(in crate::routes::jobs) async fn receive(
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
    let limit = config.api.request_timeout;
    let mut fingerprint = within(limit, state.fingerprints().begin(ROUTE)).await?;
    fingerprint.add(&serde_json::to_vec(&params).expect("texts are always JSON"));
    fingerprint.add(&principal.adds());
    // Ends the parameters, so that no byte of the body can pass for a part of them.
    fingerprint.add(&[0]);
    // The hash is not known before the last byte.
    let idempotency = key.map(|key| Idempotency {
        key,
        fingerprint: String::new(),
    });
    let repeat = Repeat {
        state,
        scope: new_job::scope(principal),
        key: idempotency.clone(),
        fingerprint: fingerprint.clone(),
    };
    let _permit = state.places().of(&principal.name).upload()?;
    let admit = async {
        let options = params.options(config.api.max_id_length)?;
        let (mut job, place) = new_job::without_ids(config, principal, &options)?;
        let now = state.clock().now();
        options.check_start(now)?;
        job.execution.legal = deadline::legal(config, &options, false, now)?;
        let added = within(limit, state.backlog().admit(state.ledger(), &principal.name, 0)).await?;
        Ok::<_, Problem>((options, job, place, added))
    };
    let admitted = admit.await;
    let (options, mut job, place, added) = match admitted {
        Ok(admitted) => admitted,
        // A repeated request needs the rights of the first one.
        Err(problem) if problem.kind == Kind::Forbidden => return Err(problem),
        // The same request may have been accepted before its start was in the past, before its caller was at a limit,
        // or before the configuration changed.
        Err(problem) => return repeat.earlier(incoming, problem).await,
    };
    job.trace = headers::trace(headers);
    job.idempotency = idempotency;
    state.known_holds().warn(&mut job).await;
    let mut receiver = Receiver::new(state, principal, place, &options, fingerprint);
    let view = just_accepted(&job, state.clock().now(), config.deadlines.soon);
    let Some(upload) = within(limit, state.ledger().begin_upload(&job, &receiver.partition())).await? else {
        added.give_back();
        let known = repeat.known(incoming).await?;
        return Ok(within(limit, settle(state, known, view)).await?.job);
    };
    let mut staged = Staged::new(state, upload);
    receiver.receive(incoming, &mut staged).await?;
    let stores = receiver.partition().stores;
    let spelling = within(limit, spelling::of(state, &Route::to(place.0, place.1), place.1)).await?;
    // The end has no time limit: millions of ids take minutes to sort, and a commit that is cut off may have been made.
    let repeats = state.ledger().drop_repeats(staged.upload(), spelling).await;
    repeats.map_err(swept)?;
    let selected = staged.upload().selected();
    if options.limit.is_some_and(|limit| selected > limit) {
        return Err(new_job::over_limit());
    }
    let finished = state.ledger().finish_upload(staged.take(), &receiver.hash()).await;
    finished.map_err(swept)?;
    announce(state, view.id, &view.kind);
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

/// Returns the problem of a failed end. An upload that is gone was swept: its sender was silent for too long.
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
