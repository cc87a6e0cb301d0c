//! What the document says about the errors of other systems' routes: their statuses, in their shape.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::{Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use crate::answer::Job;

/// The shape of a system's errors, and the statuses that they come with.
pub(crate) trait ErrorShape: ToSchema {
    /// The statuses.
    const STATUSES: &'static [u16];
}

/// What a system's routes answer with beside success: errors, and 202 with the job.
pub(crate) struct Errors<B>(PhantomData<B>);

impl<B: ErrorShape> IntoResponses for Errors<B> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let later = (202, response("Accepted, and not ended yet", &Job::name()));
        let errors = B::STATUSES
            .iter()
            .map(|&status| (status, response(says(status), &B::name())));
        std::iter::once(later)
            .chain(errors)
            .map(|(status, response)| (status.to_string(), RefOr::T(response)))
            .collect()
    }
}

fn response(says: &str, schema: &str) -> Response {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .build();
    ResponseBuilder::new()
        .description(says)
        .content("application/json", content)
        .build()
}

fn says(status: u16) -> &'static str {
    match status {
        400 => "Something is missing or wrong",
        401 => "No credentials that are known here",
        403 => "The credentials do not open this",
        404 => "There is no such thing, or it is somebody else's",
        408 => "The body did not arrive in time",
        409 => "The deletion was stopped",
        413 => "The body is too large",
        415 => "The body is of the wrong kind",
        422 => "Something is wrong",
        429 => "Too many requests, or too many failed authentications",
        500 => "Not everything could be erased, or a fault of the service",
        _ => "The ledger is away, or too many jobs are unfinished",
    }
}
