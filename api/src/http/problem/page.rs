//! `/problems`: the page to whose sections the types of problems lead.

use axum::response::Html;
use strum::VariantArray as _;

use super::kind::Kind;

/// The path of the page.
// A process does not know the name by which callers reach it, so the types of problems are URLs on the same server.
pub const PATH: &str = "/problems";

/// Returns the page: a section for each kind of problem.
// Its texts are this crate's own, and a test checks that none needs an escape.
pub fn render() -> Html<String> {
    let section = |kind: &Kind| {
        let (code, title, status) = (kind.code(), kind.title(), kind.status().as_u16());
        let advice = kind.usual_detail();
        format!("<h2 id=\"{code}\">{code}</h2>\n<p>{status}. {title}: {advice}.</p>\n")
    };
    let sections: Vec<String> = Kind::VARIANTS.iter().map(section).collect();
    Html(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Lethe: problems</title></head>\n\
         <body>\n<h1>Problems</h1>\n<p>The <code>detail</code> of an answer says what to change.</p>\n{}</body>\n</html>\n",
        sections.concat()
    ))
}
