//! The systems: the credentials of their clients, their errors, and their requests.

use axum::http::{Request, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::app::{Answer, App, key};
use crate::callers::Caller;

/// A system whose clients are answered in its own shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    Agno,
    Mielto,
    MemoryPlugin,
    Mem0,
    OpenSearch,
}

impl System {
    /// Returns the header with a client's credentials. A token is always a `Bearer`.
    pub(super) fn authorization(self, caller: &Caller) -> Option<String> {
        let key = key(&caller.sends);
        match self {
            _ if caller.sends.is_empty() => None,
            Self::Mem0 if !key.contains('.') => Some(format!("Token {key}")),
            Self::OpenSearch if !key.contains('.') => {
                let pair = STANDARD.encode(format!("{}:{key}", caller.name));
                Some(format!("Basic {pair}"))
            }
            _ => Some(format!("Bearer {key}")),
        }
    }

    /// Asserts that an error has this system's shape, with some text and nothing else.
    #[track_caller]
    pub(super) fn assert_shape(self, answer: &Answer) {
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json", "{self:?}");
        let (body, status) = (&answer.body, answer.status.as_u16());
        let (text, expected) = match self {
            Self::Agno => {
                let code = match status {
                    401 => "UNAUTHENTICATED",
                    403 => "FORBIDDEN",
                    404 => "NOT_FOUND",
                    422 => "VALIDATION_ERROR",
                    _ => "BAD_REQUEST",
                };
                let text = &body["detail"];
                (text, json!({"detail": text, "error_code": code}))
            }
            Self::Mielto if status == 422 => {
                let wrong = &body["detail"][0];
                let (place, text) = (&wrong["loc"], &wrong["msg"]);
                let wrong = json!({"loc": place, "msg": text, "type": "value_error"});
                assert!(place[0].is_string() && place[1].is_string(), "{}", answer.text);
                (text, json!({"detail": [wrong]}))
            }
            Self::Mielto => {
                let text = &body["detail"];
                (text, json!({"detail": text}))
            }
            Self::MemoryPlugin => {
                let text = &body["error"];
                (text, json!({"error": text}))
            }
            Self::Mem0 => {
                let text = &body["error"];
                (text, json!({"error": text, "detail": text}))
            }
            Self::OpenSearch => {
                let kind = match status {
                    400 => "illegal_argument_exception",
                    401 => "security_exception",
                    404 if body["error"]["type"] == "index_not_found_exception" => "index_not_found_exception",
                    _ => "status_exception",
                };
                let text = &body["error"]["reason"];
                let cause = json!({"type": kind, "reason": text});
                let error = json!({"root_cause": [cause], "type": kind, "reason": text});
                (text, json!({"error": error, "status": status}))
            }
        };
        assert_eq!(*body, expected, "{self:?}");
        assert!(text.as_str().is_some_and(|text| !text.is_empty()), "{}", answer.text);
    }
}

/// A request of a system's client.
pub(super) struct Ask {
    pub(super) system: System,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Value,
    /// Whether the answer comes at the end of its job.
    pub(super) waits: bool,
}

impl Ask {
    pub(super) fn delete(system: System, path: impl Into<String>) -> Self {
        Self::new(system, "DELETE", path)
    }

    pub(super) fn new(system: System, method: &'static str, path: impl Into<String>) -> Self {
        Self {
            system,
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Value::Null,
            waits: true,
        }
    }

    pub(super) fn json(self, body: Value) -> Self {
        let mut headers = self.headers;
        headers.push(("content-type", "application/json".to_owned()));
        Self { headers, body, ..self }
    }

    pub(super) async fn send(&self, app: &App, authorization: Option<String>) -> Answer {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let body = if self.body.is_null() {
            String::new()
        } else {
            self.body.to_string()
        };
        app.send(request.body(body.into()).expect("a request")).await
    }
}
