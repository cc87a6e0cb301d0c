//! The header `Accept`.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// Returns whether the client is a browser that shows a page: it accepts HTML by name.
pub(crate) fn html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let media = range.split(';').next().unwrap_or_default();
        media.trim().eq_ignore_ascii_case("text/html")
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn who_accepts_html_is_a_browser() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(value));
            html(&headers)
        };
        assert!(accepts("text/html") && accepts("application/json, Text/HTML;q=0.9"));
        assert!(!accepts("*/*") && !accepts("application/json") && !accepts("text/htmlx"));
        assert!(!html(&HeaderMap::new()));
    }
}
