//! The parts of the `OpenAPI` document that all compatible routes share: errors in each system's format, and Lethe's
//! headers.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use super::sample;
use crate::http::problem::Problem;
use crate::job::answer::Job;

/// The format of a system's errors, and their statuses.
pub(crate) trait ErrorShape: ToSchema {
    /// The statuses.
    const STATUSES: &'static [u16];

    /// Returns an example body for a status.
    fn example(_status: u16) -> Option<Value> {
        None
    }
}

/// A system's error body, made from a problem. Real errors and examples use it.
pub(crate) trait Says: Serialize + Sized {
    /// Returns the error body of a problem.
    fn of(problem: &Problem, status: StatusCode, request_id: &str) -> Self;

    /// Returns the problem with this status, if the system has its own words for it.
    fn special(status: u16) -> Option<Problem>;
}

/// Returns an example body for a status, in a system's words.
pub(crate) fn example_of<B: Says>(status: u16) -> Option<Value> {
    let problem = B::special(status).unwrap_or_else(|| sample::problem(status));
    let body = B::of(&problem, StatusCode::from_u16(status).ok()?, sample::REQUEST_ID);
    serde_json::to_value(body).ok()
}

/// The answers of a system's routes other than success: errors, and 202 with the job.
pub(crate) struct Errors<B>(PhantomData<B>);

impl<B: ErrorShape> IntoResponses for Errors<B> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let job = Some(sample::job());
        let later = (202, response("Accepted, and still running", &Job::name(), job));
        let errors = B::STATUSES
            .iter()
            .map(|&status| (status, response(says(status), &B::name(), B::example(status))));
        std::iter::once(later)
            .chain(errors)
            .map(|(status, response)| (status.to_string(), RefOr::T(response)))
            .collect()
    }
}

/// Documents Lethe's request and response headers for every deletion. `waits` tells which paths wait for the end of
/// the job.
pub(super) fn add_headers(document: &mut OpenApi, waits: impl Fn(&str) -> bool) {
    for (path, item) in &mut document.paths.paths {
        for operation in [&mut item.delete, &mut item.post].into_iter().flatten() {
            if waits(path) {
                operation.parameters.get_or_insert_default().push(RefOr::T(prefer()));
            } else {
                operation.responses.responses.remove("202");
            }
            add_answered(operation);
        }
    }
}

/// Removes statuses that cannot occur: errors about the body from routes without one, and 202, 403 and 409 from reads.
pub(super) fn trim(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        if let Some(read) = &mut item.get {
            remove(read, &["202", "403", "409"]);
        }
        let operations = [&mut item.get, &mut item.delete, &mut item.post];
        for operation in operations.into_iter().flatten() {
            if operation.request_body.is_none() {
                remove(operation, &["408", "413", "415"]);
            }
        }
    }
}

fn remove(operation: &mut Operation, statuses: &[&str]) {
    for status in statuses {
        operation.responses.responses.remove(*status);
    }
}

fn prefer() -> Parameter {
    ParameterBuilder::new()
        .name("Prefer")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "`wait=5`: answer within 5 seconds, with 202 and the job if it is unfinished. `respond-async`: answer at once",
        ))
        .schema(Some(Object::with_type(Type::String)))
        .build()
}

fn add_answered(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let mut add = |name: &str, says: &str| {
            let header = HeaderBuilder::new().description(Some(says)).build();
            response.headers.insert(name.to_owned(), RefOr::T(header));
        };
        let done = status.starts_with('2');
        if done || matches!(status.as_str(), "404" | "409" | "500" | "503") {
            add("Lethe-Job", "The job's id, where there is one");
        }
        if done {
            add("Preference-Applied", "The applied preferences");
        }
        if status == "202" {
            add("Location", "The path of the job");
        }
    }
}

fn response(says: &str, schema: &str, example: Option<Value>) -> Response {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .example(example)
        .build();
    ResponseBuilder::new()
        .description(says)
        .content("application/json", content)
        .build()
}

fn says(status: u16) -> &'static str {
    match status {
        400 => "The request is malformed or incomplete",
        401 => "No known credentials",
        403 => "The credentials do not allow this",
        404 => "Not found, or it is somebody else's",
        408 => "The body did not arrive in time",
        409 => "The deletion was stopped, or left memories that are held, conflicted or unverifiable",
        413 => "The body is too large",
        415 => "The content type is wrong",
        422 => "The request is invalid",
        429 => {
            "Too many requests, failed authentications, bytes of bodies at a time, unfinished jobs of the caller, or ids in them"
        }
        500 => "Some memories could not be erased, or the service has an internal error",
        _ => {
            "The ledger does not answer, too many jobs are unfinished, or (with `compat.on_timeout`) the job has not ended"
        }
    }
}
