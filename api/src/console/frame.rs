//! The frame of every page: its head, the navigation, and the headers that restrict it.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use lethe_common::config::Scope;
use uuid::Uuid;

use super::links;
use super::session::Session;
use crate::http::problem::{Kind, Problem};

/// A page in the navigation.
struct Entry {
    path: &'static str,
    label: &'static str,
    /// The scope without which the page shows nothing.
    needs: Option<Scope>,
}

/// The navigation, in its order.
const NAVIGATION: &[Entry] = &[
    Entry {
        path: links::OVERVIEW,
        label: "Overview",
        needs: None,
    },
    Entry {
        path: links::JOBS,
        label: "Jobs",
        needs: None,
    },
    Entry {
        path: links::NEW,
        label: "New deletion",
        needs: None,
    },
    Entry {
        path: links::SCHEDULES,
        label: "Schedules",
        needs: None,
    },
    Entry {
        path: links::HOLDS,
        label: "Holds",
        needs: Some(Scope::HoldsAdmin),
    },
    Entry {
        path: links::TARGETS,
        label: "Targets",
        needs: Some(Scope::JobsRead),
    },
    Entry {
        path: links::WORKERS,
        label: "Workers",
        needs: Some(Scope::JobsRead),
    },
    Entry {
        path: links::KEYS,
        label: "Keys",
        needs: Some(Scope::Admin),
    },
    Entry {
        path: links::RECEIPTS,
        label: "Receipts",
        needs: None,
    },
    Entry {
        path: links::AUDIT,
        label: "Audit",
        needs: Some(Scope::AuditRead),
    },
];

/// A page in the navigation, as a caller sees it.
pub(super) struct Link {
    pub(super) path: &'static str,
    pub(super) label: &'static str,
    pub(super) is_current: bool,
}

/// The frame of a page. Templates extend `console/layout.html`, which reads it.
pub(super) struct Frame {
    pub(super) title: String,
    /// The word that allows the page's own script and style to load, and no other.
    pub(super) nonce: String,
    /// The name of the caller; empty without a session.
    pub(super) caller: String,
    /// The token of the caller's forms.
    pub(super) token: String,
    pub(super) navigation: Vec<Link>,
    /// The path of the events that announce changes of the page; empty if it does not change.
    pub(super) events: String,
}

impl Frame {
    /// Returns the frame of a page of a session. `section` is the path of its entry in the navigation.
    pub(super) fn of(session: &Session, section: &str, title: impl Into<String>) -> Self {
        let shown = |entry: &&Entry| entry.needs.is_none_or(|scope| session.principal.has(scope));
        let link = |entry: &Entry| Link {
            path: entry.path,
            label: entry.label,
            is_current: entry.path == section,
        };
        Self {
            caller: session.principal.name.clone(),
            token: session.token.clone(),
            navigation: NAVIGATION.iter().filter(shown).map(link).collect(),
            ..Self::outside(title)
        }
    }

    /// Returns the frame of a page without a session.
    pub(super) fn outside(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            nonce: Uuid::new_v4().simple().to_string(),
            caller: String::new(),
            token: String::new(),
            navigation: Vec::new(),
            events: String::new(),
        }
    }

    /// Sets the path of the events that announce changes of the page.
    pub(super) fn with_events(self, events: impl Into<String>) -> Self {
        Self {
            events: events.into(),
            ..self
        }
    }
}

/// Returns the answer that shows a page.
pub(super) fn answer<T: Template>(status: StatusCode, frame: Frame, page: impl FnOnce(Frame) -> T) -> Response {
    let policy = policy(&frame.nonce);
    match page(frame).render() {
        Ok(text) => (status, headers(policy), Html(text)).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "a page could not be written");
            Problem::usual(Kind::Internal).into_response()
        }
    }
}

/// Returns the headers that restrict a page.
// Without a referrer a browser says no origin either, and the form of a page without TLS would be refused.
fn headers(policy: HeaderValue) -> [(HeaderName, HeaderValue); 3] {
    [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ]
}

/// Returns the policy of a page: it loads our files, speaks to this service, and writes markup only in one place.
fn policy(nonce: &str) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types lethe"
    );
    HeaderValue::try_from(policy).expect("hexadecimal digits are printable ASCII")
}
