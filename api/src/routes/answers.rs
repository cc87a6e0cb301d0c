//! Sets of answers that several routes share, for the `OpenAPI` document.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::{Object, OneOfBuilder, Ref, RefOr, Response, ResponseBuilder, Type};

use crate::job::answer::Job;

/// Declares sets of problems: each status with its description.
macro_rules! problems {
    ($($(#[$about:meta])* $name:ident { $($status:literal $says:literal)+ })+) => {$(
        $(#[$about])*
        pub(crate) struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                let all = [$((stringify!($status), $says)),+];
                let response = |(status, says): (&str, &str)| (status.to_owned(), $crate::routes::answers::problem(says));
                all.into_iter().map(response).collect()
            }
        }
    )+};
}
pub(super) use problems;

/// Returns the description of an answer that is a problem.
pub(super) fn problem(says: &str) -> RefOr<Response> {
    let schema = Some(Ref::from_schema_name("Problem"));
    let content = ContentBuilder::new().schema(schema).build();
    let response = ResponseBuilder::new().description(says);
    response.content("application/problem+json", content).into()
}

problems! {
    /// The problems of every route that needs credentials.
    Usual {
        401 "No known credentials."
        403 "A scope is missing."
        422 "A parameter is wrong, or the route takes no query or no body."
        429 "Too many requests in a second, bytes of bodies at a time, or failed authentications in a minute."
        500 "A fault of the service."
        503 "The ledger does not answer in time."
    }

    /// The problems of every route that reads a body.
    Unread {
        400 "The body cannot be read"
        408 "The body did not arrive in time"
        413 "The body is too large"
        415 "The body is not JSON"
    }

    NoJob { 404 "No such job" }
    NoReceipt { 404 "No such receipt, or the job has none" }
    ReceiptForgotten { 410 "The retention of receipts has passed" }
    NoSchedule { 404 "No such schedule" }
    NoHold { 404 "No such hold" }
    NoTarget { 404 "No such target" }
    HasEnded { 409 "The job has ended" }
    IdsForgotten { 410 "The retention of its ids has passed" }
}

/// An accepted job.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only for the document")]
pub(crate) enum AcceptedJob {
    #[response(
        status = 202,
        description = "Accepted",
        headers(
            ("Location" = String, description = "The path of the job"),
            ("Lethe-Job" = String, description = "The job's id"),
            ("Preference-Applied" = String, description = "The applied preferences"),
        ),
    )]
    Accepted(Job),
    #[response(status = 200, description = "Accepted, and ended while waiting")]
    Ended(Job),
}

/// A job as server-sent events.
pub(crate) struct JobEvents;

impl IntoResponses for JobEvents {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        // Some clients read the stream as one text, others the data of each event.
        let schema = OneOfBuilder::new()
            .item(Ref::from_schema_name("Job"))
            .item(Object::with_type(Type::String));
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response =
            ResponseBuilder::new().description("The job, once per change that is seen, as the data of an event");
        let response = response.content("text/event-stream", content).build();
        BTreeMap::from([("200".to_owned(), RefOr::T(response))])
    }
}
