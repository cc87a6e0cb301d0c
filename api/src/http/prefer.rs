//! `Prefer: wait=n, respond-async` of RFC 7240.
//!
//! Unknown preferences are ignored, as the RFC requires.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The preferences of a caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Prefer {
    /// The time to wait for the job's end.
    pub(crate) wait: Option<Duration>,
    /// Whether to answer before the job's end.
    pub(crate) respond_async: bool,
}

impl Prefer {
    /// Reads the preferences, and caps the wait at `most`.
    pub(crate) fn read(headers: &HeaderMap, most: Duration) -> Self {
        let mut prefer = Self::default();
        let lists = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        for preference in lists.flat_map(|list| list.split(',')) {
            // Parameters after a semicolon belong to preferences that are not defined yet.
            let preference = preference.split(';').next().unwrap_or_default().trim();
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            let name = name.trim();
            if name.eq_ignore_ascii_case("respond-async") {
                prefer.respond_async = true;
            } else if name.eq_ignore_ascii_case("wait") && prefer.wait.is_none() {
                // If a preference comes twice, the first one counts.
                let seconds: Option<u64> = value.trim().trim_matches('"').parse().ok();
                prefer.wait = seconds.map(|seconds| Duration::from_secs(seconds).min(most));
            }
        }
        prefer
    }

    /// Writes the applied preferences into `headers`.
    pub(crate) fn applied(self, headers: &mut HeaderMap) {
        let wait = self.wait.map(|wait| format!("wait={}", wait.as_secs()));
        let respond_async = self.respond_async.then(|| "respond-async".to_owned());
        let words: Vec<_> = respond_async.into_iter().chain(wait).collect();
        if let (false, Ok(value)) = (words.is_empty(), HeaderValue::from_str(&words.join(", "))) {
            headers.insert(APPLIED, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&'static str]) -> Prefer {
        let headers = lines
            .iter()
            .map(|line| (PREFER, HeaderValue::from_static(line)))
            .collect();
        Prefer::read(&headers, Duration::from_mins(1))
    }

    #[test]
    fn the_first_wait_counts_and_is_capped() {
        let seconds = |lines: &[&'static str]| read(lines).wait.map(|wait| wait.as_secs());
        assert_eq!(seconds(&["wait=5"]), Some(5));
        assert_eq!(seconds(&["respond-async; x=1, Wait = \"7\""]), Some(7));
        assert_eq!(seconds(&["wait=5", "wait=6"]), Some(5));
        assert_eq!(seconds(&["wait=99999999"]), Some(60));
        assert_eq!(seconds(&["wait=-1"]), None);
        assert_eq!(seconds(&["handling=strict"]), None);
    }

    #[test]
    fn what_was_heeded_is_said() {
        let mut headers = HeaderMap::new();
        read(&["wait=5, respond-async, return=minimal"]).applied(&mut headers);
        assert_eq!(headers[APPLIED], "respond-async, wait=5");
        let mut headers = HeaderMap::new();
        Prefer::default().applied(&mut headers);
        assert!(headers.is_empty());
    }
}
