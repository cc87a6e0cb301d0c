//! The steps of a deletion. A selection is counted before it is erased.
//!
//! The form carries the whole request in each step, so nothing is stored between them. The step that erases sends the
//! dry run again, with the same idempotency key. The ledger answers with the dry run of exactly this request, or
//! refuses another one. So no form erases without a preview.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use lethe_common::ledger::JobView;

use super::entered::Entered;
use super::preview::{Found, LARGE, Shown};
use super::{page, preview, request};
use crate::console::form::{Fields, Posted};
use crate::console::links;
use crate::console::session::{Session, see};
use crate::deletion::new_job;
use crate::deletion::request::CreateJob;
use crate::http::body::Buffered;
use crate::http::json;
use crate::http::limits::body_bytes::Held;
use crate::http::object::Object;
use crate::http::problem::{Kind, Problem};
use crate::job::answer::Job;
use crate::routes::jobs::create;
use crate::routes::jobs::items::{self, ItemParams};
use crate::state::AppState;

/// Does the step that the form names. Any other word is the preview.
pub(in crate::console) async fn send(
    State(state): State<AppState>,
    headers: HeaderMap,
    Posted { session, fields }: Posted,
) -> Result<Response, Problem> {
    session.principal.require_erasing()?;
    let mut entered = Entered::of(&fields);
    let step = fields.value("step");
    if matches!(step, "add" | "change") {
        return Ok(page::shown(&state, &session, &entered.anew(), step == "add"));
    }
    let sending = Sending {
        state: &state,
        session: &session,
        headers: &headers,
        entered: &entered,
    };
    let problem = match Box::pin(sending.sent(step, &fields)).await {
        Ok(response) => return Ok(response),
        Err(problem) => in_words_of_a_form(problem),
    };
    // After these the same form may be sent again.
    if !(problem.kind.status().is_server_error() || problem.kind == Kind::KeyInFlight) {
        entered = entered.anew();
    }
    Ok(page::refused(&state, &session, &entered, problem))
}

/// Returns a problem in words that name no idempotency key: the form has no such input.
fn in_words_of_a_form(problem: Problem) -> Problem {
    match problem.kind {
        Kind::KeyReused => Problem::new(
            Kind::KeyReused,
            "this form was changed after it was sent, and nothing was erased: send it again",
        ),
        _ => problem,
    }
}

/// A form that is sent.
struct Sending<'a> {
    state: &'a AppState,
    session: &'a Session,
    headers: &'a HeaderMap,
    entered: &'a Entered,
}

impl Sending<'_> {
    async fn sent(&self, step: &str, fields: &Fields) -> Result<Response, Problem> {
        let body = request::body(self.entered)?;
        self.check(&body).await?;
        let view = self.counted(&body).await?;
        let (id, job) = (view.id, Job::from(view.clone()));
        let found = Found::of(&job, &self.session.principal.name);
        let mut shown = Shown {
            entered: Some(self.entered),
            ..Shown::default()
        };
        match (step, found) {
            ("show", Some(_)) => {
                let params = ItemParams {
                    outcome: Some("found".to_owned()),
                    after: None,
                    limit: None,
                };
                let list = items::listed(self.state, &self.session.principal, id, params).await?;
                shown.items = Some(list.items);
            }
            ("erase", Some(found)) if found.memories > 0 => match confirmed(&found, fields) {
                Ok(()) => {
                    let erasing = self.erased(&body, found).await?;
                    return Ok(see(&links::job(erasing.id)));
                }
                Err(problem) => shown.wrong = Some(problem),
            },
            _ => {}
        }
        Ok(preview::shown(self.session, view, shown))
    }

    /// Checks the whole request, also the parts that a dry run does not have.
    async fn check(&self, body: &str) -> Result<(), Problem> {
        let (asked, _held) = self.read(body).await?;
        let now = self.state.clock().now();
        let (_, options) = new_job::job(self.state.config(), &self.session.principal, asked, None, now)?;
        options.check_start(now)
    }

    /// Returns the dry run of the request. It begins at once, and at full speed: it only reads.
    async fn counted(&self, body: &str) -> Result<JobView, Problem> {
        let dry = |asked: CreateJob| CreateJob {
            dry_run: true,
            not_before: None,
            per_second: None,
            ..asked
        };
        self.accepted("preview", body, dry).await
    }

    /// Erases exactly what the dry run found.
    async fn erased(&self, body: &str, found: Found) -> Result<JobView, Problem> {
        let exact = |asked: CreateJob| CreateJob {
            expect: Some(found.digest),
            limit: Some(found.limit),
            ..asked
        };
        self.accepted("erase", body, exact).await
    }

    async fn accepted(
        &self,
        step: &str,
        body: &str,
        change: impl FnOnce(CreateJob) -> CreateJob + Send,
    ) -> Result<JobView, Problem> {
        let (asked, held) = self.read(body).await?;
        let key = Some(format!("console-{}-{step}", self.entered.key));
        let principal = &self.session.principal;
        Box::pin(create::accept(
            self.state,
            principal,
            self.headers,
            key,
            change(asked),
            held,
        ))
        .await
    }

    /// Reads the request as the route does.
    async fn read(&self, body: &str) -> Result<(CreateJob, Held), Problem> {
        let places = self.state.places().of(&self.session.principal.name);
        let bytes = body.as_bytes().to_vec();
        let bytes = Buffered::of(bytes, &places, &self.state.config().api).await?;
        let Object(asked) = json::read(&bytes)?;
        Ok((asked, bytes.parsed()))
    }
}

/// Refuses a confirmation of another selection.
fn confirmed(found: &Found, fields: &Fields) -> Result<(), Problem> {
    if fields.value("expect") != found.digest {
        let what = "this is not the selection that you confirmed: look at it, and confirm it";
        return Err(Problem::new(Kind::SelectionChanged, what));
    }
    let typed = fields.value("count").trim().replace(',', "");
    if found.memories > LARGE && typed.parse::<u64>().ok() != Some(found.memories) {
        let what = format_args!("type {}, the number of memories", found.memories);
        return Err(Problem::invalid("count", what));
    }
    Ok(())
}
