//! The list of receipts.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::auth::Principal;
use crate::console::filter_form::FilterForm;
use crate::console::filters::Filters;
use crate::console::frame::{Frame, answer};
use crate::console::links;
use crate::console::pages::Pages;
use crate::console::session::Session;
use crate::console::words::Moment;
use crate::http::problem::Problem;
use crate::routes::log::Reader;
use crate::routes::receipts::answer::ListedReceipt;
use crate::routes::receipts::list::listed;
use crate::state::AppState;

/// The filters: the parameter, its label, and an example.
const TEXTS: [(&str, &str, &str); 2] = [("job", "Job", ""), ("since", "From", "2030-01-31T12:00:00Z")];

/// The page.
#[derive(Template)]
#[template(path = "console/receipts.html")]
struct Receipts {
    frame: Frame,
    form: FilterForm,
    rows: Vec<Row>,
    pages: Pages,
    /// Whether the caller may read the log.
    reads_log: bool,
}

/// A receipt in the list.
struct Row {
    path: String,
    id: String,
    job: String,
    /// The path of the job's page, if the caller may see it.
    job_path: Option<String>,
    ending: u64,
    state: &'static str,
    ended: Option<Moment>,
    principal: String,
    targets: String,
    /// Its place in the log, or why it has none to show.
    log: String,
}

impl Row {
    fn of(receipt: ListedReceipt, principal: &Principal) -> Self {
        let targets: BTreeSet<String> = receipt.targets.into_iter().collect();
        let sees_job = principal.sees_job_of(&receipt.principal, &targets);
        let log = match receipt.log_index {
            Some(index) if receipt.forgotten => format!("{index}, statement deleted"),
            Some(index) => index.to_string(),
            None => "not signed yet".to_owned(),
        };
        Self {
            path: links::receipt(receipt.id),
            id: receipt.id.to_string(),
            job: receipt.job_id.to_string(),
            job_path: sees_job.then(|| links::job(receipt.job_id)),
            ending: receipt.ending,
            state: receipt.state,
            ended: receipt.ended_at.map(Moment),
            principal: receipt.principal,
            targets: targets.into_iter().collect::<Vec<_>>().join(", "),
            log,
        }
    }
}

/// Shows the receipts that the caller may see, the newest first.
pub(in crate::console) async fn page(
    State(state): State<AppState>,
    session: Session,
    filters: Filters,
) -> Result<Response, Problem> {
    let list = listed(&state, &session.principal, filters.read()?).await?;
    let pages = Pages::new(links::RECEIPTS, &filters, list.next.as_deref(), ("Newest", "Older"));
    let form = FilterForm::new((links::RECEIPTS, "Filter receipts"), &filters, Vec::new(), &TEXTS);
    let rows = list.receipts.into_iter();
    let rows = rows.map(|receipt| Row::of(receipt, &session.principal)).collect();
    let reads_log = Reader::require(&state, &session.principal).is_ok();
    let frame = Frame::of(&session, links::RECEIPTS, "Receipts");
    Ok(answer(StatusCode::OK, frame, |frame| Receipts {
        frame,
        form,
        rows,
        pages,
        reads_log,
    }))
}
