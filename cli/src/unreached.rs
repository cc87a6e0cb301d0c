//! The reason why a server gave no answer, and what to do about it.
//!
//! No text holds more of a URL than its origin: a path may hold an id.

use std::error::Error;
use std::{io, iter};

use anyhow::anyhow;
use reqwest::Url;

/// Returns the error of a request without an answer. `name` is the server's, `setting` is where its address is written.
pub(crate) fn unreached(error: reqwest::Error, name: &str, url: &str, setting: &str) -> anyhow::Error {
    let (why, what) = reason(&error.without_url());
    let origin = origin(url);
    anyhow!("cannot reach {name} at {origin}: {why}: {what}, or correct {setting}")
}

/// Returns the scheme, the host and the port of a URL.
fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| "its URL".to_owned(), |url| url.origin().ascii_serialization())
}

/// Returns what happened, and the first thing to try.
fn reason(error: &reqwest::Error) -> (String, &'static str) {
    let told = |why: &str, what| (why.to_owned(), what);
    let io_error = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
    if error.is_dns() {
        return told(
            "the host name does not resolve",
            "check the name server of this machine",
        );
    }
    if io_error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        return told("nothing listens there", "start it, for example with `lethe up`");
    }
    if error.is_timeout() {
        return told("no answer in time", "try again");
    }
    // These errors of rustls are inside an error of another crate, which shows their texts alone.
    let says = |text: &str| causes(error).any(|cause| cause.to_string().contains(text));
    if says("invalid peer certificate") {
        return told(
            "its certificate is not trusted",
            "let the system trust the authority that signed it",
        );
    }
    if says("received corrupt message") {
        return told("it does not speak TLS", "write http:// in place of https://");
    }
    let last = causes(error).last().map(ToString::to_string).unwrap_or_default();
    (last, "try again")
}

fn causes<'e>(error: &'e reqwest::Error) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let first: &'e (dyn Error + 'static) = error;
    // Of the error itself: a reference to it has a `source` of its own, which lives shorter.
    iter::successors(Some(first), |error| Error::source(*error))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn said(url: &str) -> String {
        // As `main` does.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let error = client.get(format!("{url}/v1/jobs/an-id")).send().await.unwrap_err();
        unreached(error, "the API", &format!("{url}/v1/jobs/an-id"), "--url").to_string()
    }

    #[tokio::test]
    async fn what_happened_and_what_to_do_are_said_and_no_path_is() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taken = listener.local_addr().unwrap();
        // Takes a request, and closes the connection in place of an answer.
        let closing = tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                drop(connection.read(&mut [0; 64]).await);
            }
        });
        // Longer than any name can be: no name server is asked.
        let nowhere = format!("http://{}.invalid:7878", "x".repeat(64));
        let closes = format!("http://{taken}");
        for (url, why) in [
            ("http://127.0.0.1:9", "nothing listens there: start it"),
            (nowhere.as_str(), "the host name does not resolve: check"),
            (closes.as_str(), "try again, or correct --url"),
        ] {
            let said = said(url).await;
            assert!(said.starts_with(&format!("cannot reach the API at {url}: ")), "{said}");
            assert!(said.contains(why) && !said.contains("an-id"), "{said}");
        }
        closing.abort();
    }
}
