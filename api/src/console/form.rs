//! Forms that pages send.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::{HeaderMap, header};

use super::session::{Refused, Session};
use super::{multipart, pairs};
use crate::http::body::Incoming;
use crate::http::limits::body_bytes::Held;
use crate::http::problem::{Kind, Problem};
use crate::http::query;
use crate::state::AppState;

/// The field that holds the token of the session.
const TOKEN: &str = "csrf";

/// The most bytes of a form: a pasted list of some ten thousand ids.
const LARGEST: u64 = 1 << 20;

/// The most fields of a form: more than any page has. Each takes memory beside its text.
const MOST: usize = 4_096;

/// A form of a session.
pub(super) struct Posted {
    pub(super) session: Session,
    pub(super) fields: Fields,
}

impl FromRequest<AppState> for Posted {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let session = Session::from_request_parts(&mut parts, state).await?;
        let caller = &session.principal.name;
        let fields = Fields::read(state, caller, &parts.headers, body, LARGEST).await?;
        session.require(Some(fields.value(TOKEN)))?;
        Ok(Self { session, fields })
    }
}

/// The fields of a form, in its order.
#[derive(Default)]
pub(super) struct Fields {
    pairs: Vec<(String, String)>,
    /// Their bytes of the budget: a form stays in memory until its answer.
    _held: Option<Held>,
}

impl Fields {
    /// Reads a form of at most `most` bytes, which count as those of `caller`.
    pub(super) async fn read(
        state: &AppState,
        caller: &str,
        headers: &HeaderMap,
        body: Body,
        most: u64,
    ) -> Result<Self, Problem> {
        let mut incoming = Incoming::new(body, most);
        let within = state.config().api.request_timeout;
        let mut held = state.places().of(caller).body();
        let read = async {
            let Some(encoding) = Encoding::of(headers) else {
                return Err(Problem::new(Kind::MediaType, "send the form of a page of the console"));
            };
            let mut bytes = Vec::new();
            while let Some(part) = incoming.next(within).await? {
                held.take(part.len()).await?;
                bytes.extend_from_slice(&part);
            }
            // A character in place of wrong bytes would name another memory or person.
            let text = std::str::from_utf8(&bytes);
            let text = text.map_err(|_| Problem::invalid("the form", "write its values as UTF-8"))?;
            encoding.read(text)
        };
        let read = read.await;
        let pairs = incoming.settle(headers, read).await?;
        Ok(Self {
            pairs,
            _held: Some(held),
        })
    }

    /// Returns the first value of a field, empty if there is none.
    pub(super) fn value(&self, name: &str) -> &str {
        pairs::value(&self.pairs, name)
    }

    /// Returns all fields with their values.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns a form with these fields.
    #[cfg(test)]
    pub(super) fn of<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            pairs: pairs.into(),
            _held: None,
        }
    }

    /// Returns the values of a field.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        pairs::values(&self.pairs, name)
    }
}

/// The encoding of a form.
enum Encoding {
    /// `application/x-www-form-urlencoded`.
    Url,
    /// `multipart/form-data` with this boundary: a form with a file.
    Multipart(String),
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let mut parts = kind.split(';').map(str::trim);
        let essence = parts.next()?;
        if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Some(Self::Url);
        }
        let boundary = parts.find_map(|part| part.strip_prefix("boundary="))?;
        let is_multipart = essence.eq_ignore_ascii_case("multipart/form-data");
        is_multipart.then(|| Self::Multipart(boundary.trim_matches('"').to_owned()))
    }

    fn read(&self, form: &str) -> Result<Vec<(String, String)>, Problem> {
        let pairs: Vec<_> = match self {
            Self::Url => {
                query::utf8(form)?;
                let pairs = form_urlencoded::parse(form.as_bytes()).into_owned();
                pairs.take(MOST + 1).collect()
            }
            Self::Multipart(boundary) => multipart::fields(form, boundary)
                .ok_or_else(|| Problem::new(Kind::Malformed, "load the page of this form again: it cannot be read"))?,
        };
        if pairs.len() > MOST {
            let detail = format!("send at most {MOST} fields");
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        Ok(pairs)
    }
}
