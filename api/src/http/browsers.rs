//! Security headers for browsers, and the refusal of changes that pages of other origins send.
//!
//! A browser sends a page's requests with the credentials that it keeps for this origin. OpenSearch's routes take
//! Basic, which browsers keep. So a request for a change is refused if the browser says that a page of another origin
//! sent it. Origins in the configuration are allowed.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use lethe_common::config::{Api, Config};

use super::problem::{Kind, Problem};

/// Tells which page sent a request. Browsers set it, pages cannot (W3C, Fetch Metadata Request Headers).
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The host that a proxy was asked for. A page needs a preflight to set it.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

const REFUSED: &str = "this page's origin may not change anything: add it to api.cors.origins";

/// The headers of data, which only the caller reads.
const OF_DATA: [(HeaderName, &str); 2] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// The headers of our pages, which load only our files. Swagger UI writes styles into its elements.
const OF_PAGES: [(HeaderName, &str); 1] = [(
    header::CONTENT_SECURITY_POLICY,
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)];

const OF_ALL: [(HeaderName, &str); 2] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// Refuses changes from pages of other origins, and restricts the use of answers by headers.
pub(crate) async fn guard(State(config): State<Arc<Config>>, request: Request, next: Next) -> Response {
    let is_page = is_page(request.uri());
    let mut response = if !request.method().is_safe() && is_foreign(request.headers(), &config.api) {
        Problem::new(Kind::Forbidden, REFUSED).into_response()
    } else {
        next.run(request).await
    };
    let more: &[_] = if is_page { &OF_PAGES } else { &OF_DATA };
    for (name, value) in OF_ALL.iter().chain(more) {
        let headers = response.headers_mut();
        // A header that the route has set stays.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Returns whether this path belongs to the page that shows the `OpenAPI` document.
fn is_page(uri: &Uri) -> bool {
    uri.path() == "/docs" || uri.path().starts_with("/docs/")
}

/// Returns whether a page of another origin sent the request, and the configuration does not name it.
fn is_foreign(headers: &HeaderMap, api: &Api) -> bool {
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    // `*` is meant for pages that write the credentials themselves, not for credentials that the browser keeps.
    let is_every = api.cors.origins.iter().any(|known| known == "*");
    let is_named = origin.is_some_and(|origin| api.cors.allows(origin)) && !(is_every && is_kept(headers));
    !is_named && is_elsewhere(headers, api)
}

/// Returns whether a page of another origin sent the request, whatever the configuration says of it.
pub(crate) fn is_elsewhere(headers: &HeaderMap, api: &Api) -> bool {
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    match headers.get(SITE).map(HeaderValue::as_bytes) {
        // A page of ours, or an address that a person typed.
        Some(b"same-origin" | b"none") => false,
        Some(_) => true,
        // No browser, or a request without TLS, for which browsers send only the origin.
        None => origin.is_some_and(|origin| !is_ours(origin, headers, api.trusted_proxies > 0)),
    }
}

/// Returns whether an origin is the host that the request was sent to. The scheme does not count, since a proxy may
/// have ended TLS. A proxy may also have written another host.
fn is_ours(origin: &[u8], headers: &HeaderMap, behind_proxy: bool) -> bool {
    let schemes = [b"https://".as_slice(), b"http://"];
    let Some(named) = schemes.into_iter().find_map(|scheme| origin.strip_prefix(scheme)) else {
        return false;
    };
    let said = [(header::HOST, true), (FORWARDED_HOST, behind_proxy)];
    let believed = said.into_iter().filter(|(_, believed)| *believed);
    let hosts = believed.filter_map(|(name, _)| headers.get(name)?.to_str().ok());
    // The browser asked for the first of several hosts.
    let hosts = hosts.map(|hosts| hosts.split(',').next().unwrap_or_default().trim());
    // A proxy may write the port that a browser omits.
    hosts
        .flat_map(|host| [Some(host), host.strip_suffix(":443"), host.strip_suffix(":80")])
        .flatten()
        .any(|host| host.as_bytes() == named)
}

/// Returns whether the credentials are of the kind that browsers keep and send by themselves.
fn is_kept(headers: &HeaderMap) -> bool {
    let credentials = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    credentials.is_some_and(|text| {
        text.get(..5)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(said: &[(HeaderName, &'static str)]) -> bool {
        let headers = said
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        let mut all: HeaderMap = headers.collect();
        all.insert(header::HOST, HeaderValue::from_static("lethe.example:7878"));
        let mut api = Api {
            trusted_proxies: 1,
            ..Api::default()
        };
        api.cors.origins.push("https://app.example".to_owned());
        is_foreign(&all, &api)
    }

    #[test]
    fn a_page_of_another_origin_is_told_from_everybody_else() {
        let from = |origin| (header::ORIGIN, origin);
        let site = |site| (SITE, site);
        assert!(!foreign(&[]), "no browser");
        assert!(!foreign(&[from("http://lethe.example:7878")]));
        assert!(!foreign(&[from("https://lethe.example:7878")]), "a proxy ended TLS");
        assert!(
            !foreign(&[from("https://app.example"), site("cross-site")]),
            "the configuration names it"
        );
        assert!(
            !foreign(&[from("https://behind.example"), site("same-origin")]),
            "a proxy writes another host"
        );
        assert!(!foreign(&[
            from("http://behind.example"),
            (FORWARDED_HOST, "behind.example")
        ]));
        let forwarded = "behind.example:443, inner:7878";
        assert!(!foreign(&[from("https://behind.example"), (FORWARDED_HOST, forwarded)]));
        assert!(!foreign(&[site("none")]));
        for origin in [
            "https://evil.example",
            "null",
            "http://lethe.example",
            "https://app.example.evil.example",
        ] {
            assert!(foreign(&[from(origin)]), "{origin}");
            assert!(foreign(&[from(origin), site("cross-site")]), "{origin}");
            assert!(foreign(&[from(origin), site("same-site")]), "{origin}");
        }
        assert!(foreign(&[site("cross-site")]), "a form without an origin");
        assert!(foreign(&[site("unheard-of")]));
    }

    #[test]
    fn every_origin_may_not_use_what_the_browser_keeps() {
        let mut api = Api::default();
        api.cors.origins.push("*".to_owned());
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
        headers.insert(SITE, HeaderValue::from_static("cross-site"));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer key"));
        assert!(!is_foreign(&headers, &api));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic a2V5"));
        assert!(is_foreign(&headers, &api));
    }
}
