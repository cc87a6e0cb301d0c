//! The formats of a page of the audit trail: JSON, CSV, or NDJSON with an event per line.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::event::Event;
use super::list::EventList;
use crate::http::problem::{Kind, Problem};

/// A format of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
    Ndjson,
}

impl Format {
    /// Returns the first supported format that the caller accepts, or JSON if there is none.
    // Weights are ignored: a caller that sends `text/csv` wants it.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
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

    /// Writes a page. CSV and NDJSON have no place for the next page's cursor, so the header `x-next` carries it.
    pub(super) fn write(self, page: EventList) -> Result<Response, Problem> {
        let next = page.next.as_deref().and_then(|next| HeaderValue::from_str(next).ok());
        let mut response = match self {
            Self::Json => return Ok(Json(page).into_response()),
            Self::Csv => csv(page.events)
                .map_err(|_| Problem::usual(Kind::Internal))?
                .into_response(),
            Self::Ndjson => lines(&page.events).into_response(),
        };
        let kind = match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            _ => "application/x-ndjson",
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(next) = next {
            headers.insert("x-next", next);
        }
        Ok(response)
    }
}

fn csv(events: Vec<Event>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(Event::COLUMNS)?;
    for event in events {
        writer.write_record(event.row())?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn lines(events: &[Event]) -> String {
    let line = |event: &Event| serde_json::to_string(event).expect("an event is JSON") + "\n";
    events.iter().map(line).collect()
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
