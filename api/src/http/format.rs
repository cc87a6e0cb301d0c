//! The formats of a page: JSON, CSV, or NDJSON with one element a line.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::{Kind, Problem};

/// A format of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Csv,
    Ndjson,
}

/// An element of a page, as a row of a table too.
pub(crate) trait Row: Serialize {
    /// The names of the columns of [`row`](Self::row).
    const COLUMNS: &'static [&'static str];

    /// Returns the element as a row of a table.
    fn row(self) -> Vec<String>;
}

impl Format {
    /// Returns the first supported format that the caller accepts, or JSON if there is none.
    // Weights are ignored: a caller that sends `text/csv` wants it.
    pub(crate) fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter();
        let types = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let mut formats = types.filter_map(|kind| {
            let essence = kind.split(';').next().unwrap_or_default().trim();
            match essence.to_ascii_lowercase().as_str() {
                "application/json" => Some(Self::Json),
                "text/csv" => Some(Self::Csv),
                "application/x-ndjson" => Some(Self::Ndjson),
                _ => None,
            }
        });
        formats.next().unwrap_or(Self::Json)
    }

    /// Writes a page. `list` makes the answer in JSON. CSV and NDJSON have no place for the next page's cursor, so the
    /// header `x-next` carries it.
    pub(crate) fn write<R: Row, L: Serialize>(
        self,
        rows: Vec<R>,
        next: Option<String>,
        list: impl FnOnce(Vec<R>, Option<String>) -> L,
    ) -> Result<Response, Problem> {
        let (kind, body) = match self {
            Self::Json => return Ok(Json(list(rows, next)).into_response()),
            Self::Csv => (
                "text/csv; charset=utf-8; header=present",
                csv(rows).map_err(|_| Problem::usual(Kind::Internal))?,
            ),
            Self::Ndjson => ("application/x-ndjson", lines(&rows).into_bytes()),
        };
        let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
        if let Some(next) = next.and_then(|next| HeaderValue::try_from(next).ok()) {
            response.headers_mut().insert("x-next", next);
        }
        Ok(response)
    }
}

fn csv<R: Row>(rows: Vec<R>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(R::COLUMNS)?;
    for row in rows {
        writer.write_record(row.row().into_iter().map(inert))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// Returns a cell that no spreadsheet reads as a formula: some of the texts come from callers.
fn inert(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{cell}")
    } else {
        cell
    }
}

fn lines<R: Row>(rows: &[R]) -> String {
    let line = |row: &R| serde_json::to_string(row).expect("an element of a page is JSON") + "\n";
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_known_is_taken() {
        for (accept, expected) in [
            ("*/*", Format::Json),
            ("text/html, text/CSV;q=0.9, application/json", Format::Csv),
            ("application/x-ndjson", Format::Ndjson),
            ("application/json, text/csv", Format::Json),
        ] {
            let headers = [(header::ACCEPT, HeaderValue::from_static(accept))];
            assert_eq!(Format::accepted(&headers.into_iter().collect()), expected, "{accept}");
        }
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::Json);
    }
}
