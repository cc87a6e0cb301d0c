//! Signing in with an API key or a token, and signing out.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::cookie::Cookie;
use super::filters::Filters;
use super::form::{Fields, Posted};
use super::frame::{Frame, answer};
use super::links;
use super::session::{self, Session, open};
use crate::http::problem::{Kind, Problem, Whole};
use crate::state::AppState;

/// The page to which signing in leads.
const THEN: &str = "then";

/// The most bytes of the form: more than any token that a browser keeps.
const LARGEST: u64 = 16 << 10;

/// The page where to sign in.
#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignIn {
    frame: Frame,
    then: String,
    /// Why the last try failed.
    refused: Option<String>,
}

/// A page that leads to another one by itself.
#[derive(Template)]
#[template(path = "console/step.html")]
struct Step<'a> {
    frame: Frame,
    page: &'a str,
}

/// Returns the path of the page where to sign in, which leads to `then`.
pub(super) fn path(then: &str) -> String {
    links::with(links::SIGN_IN, [(THEN, then)])
}

/// Returns a page that leads to `page`.
pub(super) fn step(page: &str) -> Response {
    answer(StatusCode::OK, Frame::outside("Sign in"), |frame| Step { frame, page })
}

/// Shows the page, or leads on if there is a session.
pub(super) async fn page(session: Result<Session, session::Refused>, filters: Filters) -> Response {
    let then = back_to(filters.value(THEN));
    match session {
        Ok(_) => session::see(&then),
        Err(_) => shown(StatusCode::OK, then, None),
    }
}

fn shown(status: StatusCode, then: String, refused: Option<String>) -> Response {
    let page = |frame| SignIn { frame, then, refused };
    answer(status, Frame::outside("Sign in"), page)
}

fn back_to(then: &str) -> String {
    let ours = links::is_ours(then) && !then.starts_with(links::SIGN_IN);
    if ours { then } else { links::OVERVIEW }.to_owned()
}

/// Opens a session.
pub(super) async fn sign_in(State(state): State<AppState>, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    // There is no caller yet, and one address must not keep all others out.
    let from = state.auth().address(&parts);
    let fields = Fields::read(&state, &from, &parts.headers, body, LARGEST).await?;
    let then = back_to(fields.value(THEN));
    let credentials = fields.value("credentials").trim();
    let Some(cookie) = Cookie::for_page(&parts.headers) else {
        let why = "Open this page over HTTPS: without it, anyone on the network could read your key.";
        return Ok(refused(StatusCode::FORBIDDEN, then, why));
    };
    match open(&mut parts, &state, credentials).await {
        Ok(_) => {}
        Err(problem) if problem.kind == Kind::Unauthorized => {
            let mut response = refused(StatusCode::UNAUTHORIZED, then, &problem.detail);
            // For the audit trail: the key may have expired.
            response.extensions_mut().insert(problem);
            return Ok(response);
        }
        Err(problem) => return Err(problem),
    }
    let Some(set) = cookie.set(credentials) else {
        let why = "This token is too long for a browser to keep. Use an API key, or a token with fewer claims.";
        return Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, then, why));
    };
    let mut response = session::see(&then);
    response.headers_mut().append(header::SET_COOKIE, set);
    Ok(response)
}

fn refused(status: StatusCode, then: String, why: &str) -> Response {
    let mut response = shown(status, then, Some(why.to_owned()));
    response.extensions_mut().insert(Whole);
    response
}

/// Ends a session.
pub(super) async fn sign_out(_: Posted) -> Response {
    let mut response = session::see(links::SIGN_IN);
    session::forget(&mut response);
    response
}
