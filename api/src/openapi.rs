//! `/openapi.json`: what exists, and nothing of what is to come.

use axum::Router;
use axum::http::header;
use axum::routing::get;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::compat;
use crate::http::problem::ProblemBody;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lethe",
        description = "Erases memories from SQL databases and vector stores. Errors are problems as RFC 9457 describes them."
    ),
    paths(document_itself),
    // Those that only errors refer to are not found by themselves.
    components(schemas(
        ProblemBody,
        compat::agno::ErrorBody,
        compat::mielto::ErrorBody,
        compat::memoryplugin::ErrorBody,
        compat::mem0::ErrorBody,
        compat::opensearch::ErrorBody,
        compat::opensearch::Stopped,
    )),
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
            "An API key, or a JSON Web Token of an issuer that the configuration names",
        );
        let basic = http(HttpAuthScheme::Basic, "An API key's name, and the key");
        let token = ApiKeyValue::with_description("Authorization", "`Token` and an API key");
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", bearer);
        components.add_security_scheme("basic", basic);
        components.add_security_scheme("token", SecurityScheme::ApiKey(ApiKey::Header(token)));
    }
}

/// What every route with a key can answer with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only for the document")]
pub(crate) enum Usual {
    /// No credentials that are known here.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(ProblemBody),
    /// A scope is missing.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// A parameter is wrong, or nothing of the kind is taken here.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(ProblemBody),
    /// Too many requests in a second, or too many failed authentications in a minute.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(ProblemBody),
    /// A fault of the service.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemBody),
    /// The ledger is away, or took too long.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

/// Returns the document, without the routes.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
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

/// Returns the routes that serve `document`, as it is and as a page whose parts are all ours to serve.
pub(crate) fn route<S: Clone + Send + Sync + 'static>(document: String) -> Router<S> {
    let json = [(header::CONTENT_TYPE, "application/json")];
    Router::new()
        .route("/openapi.json", get(async move || (json, document)))
        .merge(SwaggerUi::new("/docs").config(Config::from("/openapi.json").validator_url("none")))
}
