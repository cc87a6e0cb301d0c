//! The certificate: a receipt as a page for printing, which carries the receipt's file.
//!
//! The file is in a block of data. Browsers run no such block, and the policy of pages does not concern it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::facts::Facts;
use super::meaning;
use super::proof::proof;
use super::read::{Reading, Signed, read};
use super::statement::Statement;
use crate::console::frame::{Frame, answer};
use crate::console::links;
use crate::console::session::{Session, see};
use crate::http::extract::ReceiptPath;
use crate::http::problem::Problem;
use crate::routes::receipts::seen::seen;
use crate::state::AppState;

/// The page.
#[derive(Template)]
#[template(path = "console/certificate.html")]
struct Page {
    frame: Frame,
    /// The path of the receipt's page.
    path: String,
    result: &'static str,
    statement: Statement,
    proof: Facts,
    /// The receipt's file.
    data: String,
}

/// Shows the certificate of a receipt. Without a verified statement it leads to the receipt's page, which says why.
pub(in crate::console) async fn page(
    State(state): State<AppState>,
    ReceiptPath(id): ReceiptPath,
    session: Session,
) -> Result<Response, Problem> {
    let row = seen(&state, &session.principal, id).await?;
    let path = links::receipt(id);
    let Reading::Signed(signed) = read(&state, &row).await? else {
        return Ok(see(&path));
    };
    let Ok(verified) = &signed.verified else {
        return Ok(see(&path));
    };
    let frame = Frame::of(&session, links::RECEIPTS, "Certificate about a deletion");
    Ok(answer(StatusCode::OK, frame, |frame| Page {
        frame,
        path,
        result: meaning::result(&verified.body),
        statement: Statement::of(&verified.issuer, &verified.body),
        proof: proof(&signed, verified),
        data: data(&signed),
    }))
}

/// Returns the file of a receipt as the content of a block of data. It stays the same JSON.
fn data(signed: &Signed) -> String {
    // Only texts of the file can have the character. Without it no text ends the block.
    signed.file().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use lethe_common::receipt::{Envelope, Signer};

    use super::super::tests::{key_set, signed};
    use super::*;

    #[test]
    fn no_text_of_a_file_ends_its_block() {
        let signer = Signer::fresh();
        let mut file = signed(&signer, &key_set(&signer));
        file.envelope.tlog_proof = Some("</script><!--<script>".to_owned());
        let data = data(&file);
        assert!(!data.contains('<'), "{data}");
        assert_eq!(Envelope::read(data.as_bytes()), Ok(file.envelope));
    }
}
