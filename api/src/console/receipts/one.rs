//! One receipt: its state, its statement, its verification here, and its file.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use lethe_common::clock::from_millis;
use lethe_common::ledger::ReceiptRow;

use super::facts::Facts;
use super::meaning;
use super::proof::proof;
use super::read::{Reading, Signed, read};
use super::statement::Statement;
use crate::console::frame::{Frame, answer};
use crate::console::links;
use crate::console::session::Session;
use crate::console::words::Moment;
use crate::http::extract::ReceiptPath;
use crate::http::problem::Problem;
use crate::routes::log::Reader;
use crate::routes::receipts::file;
use crate::routes::receipts::seen::seen;
use crate::state::AppState;

/// The page.
#[derive(Template)]
#[template(path = "console/receipt.html")]
struct Page {
    frame: Frame,
    path: String,
    id: String,
    job: String,
    /// The path of the job's page, if the caller may see it.
    job_path: Option<String>,
    ending: u64,
    state: &'static str,
    ended: Option<Moment>,
    principal: String,
    /// Its place in the log.
    index: Option<u64>,
    is_forgotten: bool,
    /// The verified content; `None` before the signature, and after the retention.
    content: Option<Content>,
    /// Whether the caller may read the log.
    reads_log: bool,
}

/// The content of a signed receipt.
enum Content {
    /// The statement, which its keys signed.
    Verified {
        result: &'static str,
        statement: Statement,
        proof: Facts,
    },
    /// The fault for which the receipt is refused.
    Refused(String),
}

impl Content {
    fn of(signed: &Signed) -> Self {
        match &signed.verified {
            Ok(verified) => Self::Verified {
                result: meaning::result(&verified.body),
                statement: Statement::of(&verified.issuer, &verified.body),
                proof: proof(signed, verified),
            },
            Err(fault) => Self::Refused(fault.to_string()),
        }
    }
}

/// Shows a receipt.
pub(in crate::console) async fn page(
    State(state): State<AppState>,
    ReceiptPath(id): ReceiptPath,
    session: Session,
) -> Result<Response, Problem> {
    let row = seen(&state, &session.principal, id).await?;
    let content = match read(&state, &row).await? {
        Reading::Signed(signed) => Some(Content::of(&signed)),
        Reading::Pending | Reading::Forgotten => None,
    };
    let sees_job = session.principal.sees_job_of(&row.principal, &row.targets);
    let reads_log = Reader::require(&state, &session.principal).is_ok();
    let frame = Frame::of(&session, links::RECEIPTS, "Receipt");
    Ok(answer(StatusCode::OK, frame, |frame| Page {
        job_path: sees_job.then(|| links::job(row.job)),
        reads_log,
        ..Page::of(frame, row, content)
    }))
}

impl Page {
    fn of(frame: Frame, row: ReceiptRow, content: Option<Content>) -> Self {
        Self {
            frame,
            path: links::receipt(row.id),
            id: row.id.to_string(),
            job: row.job.to_string(),
            job_path: None,
            ending: row.ending,
            state: row.state.as_str(),
            ended: from_millis(row.ended_at).map(Moment),
            principal: row.principal,
            index: row.log_index,
            is_forgotten: row.is_forgotten,
            content,
            reads_log: false,
        }
    }
}

/// Sends the file of a receipt. Waits for its signature, as the API's route does.
pub(in crate::console) async fn file(
    State(state): State<AppState>,
    ReceiptPath(id): ReceiptPath,
    session: Session,
) -> Result<Response, Problem> {
    let row = seen(&state, &session.principal, id).await?;
    let receipt = file::file(&state, row).await?;
    let disposition = format!("attachment; filename=\"receipt-{id}.json\"");
    Ok(([(header::CONTENT_DISPOSITION, disposition)], Json(receipt)).into_response())
}

#[cfg(test)]
mod tests {
    use lethe_common::job::JobId;
    use lethe_common::receipt::Signer;
    use lethe_common::state::State as JobState;
    use uuid::Uuid;

    use super::super::tests::{key_set, signed};
    use super::*;

    fn row(is_forgotten: bool, log_index: Option<u64>) -> ReceiptRow {
        ReceiptRow {
            id: Uuid::nil(),
            job: JobId::new(),
            ending: 1,
            state: JobState::Succeeded,
            principal: "privacy-team".to_owned(),
            targets: ["main".to_owned()].into(),
            ended_at: 0,
            log_index,
            is_forgotten,
        }
    }

    fn text(row: ReceiptRow, content: Option<Content>) -> String {
        Page::of(Frame::outside("Receipt"), row, content).render().unwrap()
    }

    #[test]
    fn a_receipt_that_its_keys_signed_shows_its_statement() {
        let signer = Signer::fresh();
        let content = Content::of(&signed(&signer, &key_set(&signer)));
        let text = text(row(false, Some(7)), Some(content));
        assert!(text.contains("DSR-4711") && text.contains("/certificate"), "{text}");
        assert!(text.contains(signer.key_id().as_str()), "{text}");
        assert!(!text.contains("could not verify"), "{text}");
    }

    #[test]
    fn a_receipt_of_an_unknown_key_shows_the_fault_and_no_statement() {
        let content = Content::of(&signed(&Signer::fresh(), &key_set(&Signer::fresh())));
        let text = text(row(false, Some(7)), Some(content));
        assert!(
            text.contains("could not verify") && text.contains("the key is not known"),
            "{text}"
        );
        assert!(!text.contains("DSR-4711") && !text.contains("/certificate"), "{text}");
        assert!(text.contains("/file"), "the file can be looked at: {text}");
    }

    #[test]
    fn a_receipt_without_a_statement_says_why() {
        let pending = text(row(false, None), None);
        assert!(
            pending.contains("not signed yet") && !pending.contains("/file"),
            "{pending}"
        );
        let forgotten = text(row(true, Some(7)), None);
        assert!(
            forgotten.contains("retention") && !forgotten.contains("/file"),
            "{forgotten}"
        );
    }
}
