//! Problems as pages.

use askama::Template;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;

use super::frame::{Frame, answer};
use super::links;
use crate::http::accept;
use crate::http::observe::Voice;
use crate::http::problem::Problem;

/// The page of a problem.
#[derive(Template)]
#[template(path = "console/problem.html")]
struct Page<'a> {
    frame: Frame,
    detail: &'a str,
    request: &'a str,
}

/// Returns the function that writes the problems of a request as pages; `None` if it is not for a page.
pub(crate) fn voice(request: &Request) -> Option<Voice> {
    let path = request.uri().path();
    let rest = path.strip_prefix(links::ROOT);
    let is_root = path == links::OVERVIEW && accept::html(request.headers());
    (is_root || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))).then_some(page as Voice)
}

fn page(problem: &Problem, status: StatusCode, request: &str) -> Response {
    let detail = problem.detail.as_str();
    let page = |frame| Page { frame, detail, request };
    answer(status, Frame::outside(problem.kind.title()), page)
}
