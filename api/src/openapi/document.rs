//! The document without the routes, and the routes that serve it.

use axum::Router;
use axum::http::header;
use axum::routing::get;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{choices, fill, parameters};
use crate::compat;
use crate::http::problem::ProblemBody;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lethe",
        description = "Erases memories from SQL databases and vector stores. Errors are problems as RFC 9457 describes them."
    ),
    paths(document_itself),
    // utoipa does not find schemas that only sets of answers refer to.
    components(schemas(
        ProblemBody,
        compat::agno::ErrorBody,
        compat::mielto::ErrorBody,
        compat::memoryplugin::ErrorBody,
        compat::mem0::ErrorBody,
        compat::opensearch::ErrorBody,
        compat::opensearch::Stopped,
        compat::opensearch::ByQuery,
        compat::mem0::Deleting,
    )),
    // The page and generated clients group operations by tag, in this order.
    tags(
        (name = "jobs", description = "Deletions: submit, watch, change, cancel and retry them"),
        (name = "receipts", description = "Signed statements of ended jobs, and the log that has them"),
        (name = "holds", description = "Legal holds: memories that no deletion erases"),
        (name = "schedules", description = "Deletions that recur"),
        (name = "keys", description = "API keys"),
        (name = "operation", description = "Pauses, targets, workers and the audit trail"),
        (name = "service", description = "Health, metrics and this document"),
        (name = "agno", description = "Compatible with Agno's clients"),
        (name = "mem0", description = "Compatible with mem0's clients"),
        (name = "memoryplugin", description = "Compatible with MemoryPlugin's clients"),
        (name = "mielto", description = "Compatible with Mielto's clients"),
        (name = "opensearch", description = "Compatible with OpenSearch's clients"),
    ),
    security(("bearer" = [])),
    modifiers(&Schemes)
)]
struct Document;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let http = |scheme, says| {
            let scheme = HttpBuilder::new().scheme(scheme).description(Some(says)).build();
            SecurityScheme::Http(scheme)
        };
        let bearer = http(
            HttpAuthScheme::Bearer,
            "An API key, or a JSON Web Token of a configured issuer",
        );
        let basic = http(HttpAuthScheme::Basic, "An API key's name, and the key");
        let token = ApiKeyValue::with_description("Authorization", "`Token` and an API key");
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", bearer);
        components.add_security_scheme("basic", basic);
        components.add_security_scheme("token", SecurityScheme::ApiKey(ApiKey::Header(token)));
    }
}

/// Returns the document, without the routes.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Returns the document with its routes, ready for readers and for generators of clients.
pub(crate) fn finished(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    choices::by_field(&mut document);
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            parameters::without_null(operation);
            fill::examples(operation);
        }
    }
    document
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "service",
    security(()),
    responses((status = 200, description = "This document", content_type = "application/json"))
)]
#[expect(
    dead_code,
    reason = "the document cannot be served by a route that it has to hold first"
)]
fn document_itself() {}

/// Returns the routes that serve `document` as JSON, and as a page. This process serves all parts of the page.
// The parts of the page are compressed, whatever a client accepts: every browser does, and the binary is 3 MB smaller.
pub(crate) fn route<S: Clone + Send + Sync + 'static>(document: String) -> Router<S> {
    let json = [(header::CONTENT_TYPE, "application/json")];
    Router::new()
        .route("/openapi.json", get(async move || (json, document)))
        .merge(SwaggerUi::new("/docs").config(Config::from("/openapi.json").validator_url("none")))
}
