//! Requests as a browser sends them.

use axum::body::Body;
use axum::http::{Request, header};

use crate::app::{Answer, App, key};

/// The origin of the pages of tests: plain HTTP on this machine.
pub(super) const HERE: &str = "http://127.0.0.1:7878";

/// A browser, with the cookie that it keeps.
pub(super) struct Browser<'a> {
    app: &'a App,
    /// The name and the value of the cookie; empty without a session.
    pub(super) cookie: String,
}

impl<'a> Browser<'a> {
    /// Returns a browser without a session.
    pub(super) fn new(app: &'a App) -> Self {
        Self {
            app,
            cookie: String::new(),
        }
    }

    /// Returns a browser with the session of a caller.
    pub(super) async fn signed_in(app: &'a App, who: &str) -> Self {
        let mut browser = Self::new(app);
        let answer = browser.sign_in(who, "/").await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        browser
    }

    /// Sends the form where to sign in, and keeps the cookie of the answer.
    pub(super) async fn sign_in(&mut self, who: &str, then: &str) -> Answer {
        let form = form_of(&[("credentials", &key(who)), ("then", then)]);
        let answer = self.send("POST", "/console/sign-in", &[("origin", HERE)], &form).await;
        if let Some(set) = answer.headers.get(header::SET_COOKIE) {
            let set = set.to_str().expect("text");
            set.split(';').next().unwrap_or_default().clone_into(&mut self.cookie);
        }
        answer
    }

    /// Reads a page.
    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    /// Sends a form of this session to `path`, with the token of the page at `of`.
    pub(super) async fn post(&self, of: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token(of).await;
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", token.as_str())]).collect();
        self.send("POST", path, &[("origin", HERE)], &form_of(&fields)).await
    }

    /// Returns the token of the forms on a page.
    pub(super) async fn token(&self, of: &str) -> String {
        let page = self.get(of).await;
        let (_, rest) = page.text.split_once("name=\"csrf\" value=\"").expect("a form");
        rest.split('"').next().expect("a value").to_owned()
    }

    /// Sends a request with headers and a form.
    pub(super) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], form: &str) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "127.0.0.1:7878")
            .header(header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8");
        if !self.cookie.is_empty() {
            request = request.header(header::COOKIE, &self.cookie);
        }
        if method == "POST" {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Body::from(form.to_owned());
        self.app.send(request.body(body).expect("a request")).await
    }
}

/// Returns the body of a form.
pub(super) fn form_of(fields: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    form.finish()
}
