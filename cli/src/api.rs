//! The API from a caller's view: its address, and the requests to it.

use anyhow::{Context, anyhow, bail};
use clap::{Args, Parser};
use lethe_common::job::JobId;
use reqwest::header::HeaderValue;
use reqwest::{RequestBuilder, StatusCode, Url};
use serde_json::Value;

use crate::output::Format;
use crate::unreached::unreached;

/// The heading of the options that every command about the API has.
const CONNECTION: &str = "Connection";

/// The base URL of the API of `lethe up`.
const LOCAL: &str = "http://127.0.0.1:7878";

/// The URL of the API, the key for it, and the form of its answers.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The base URL of the API.
    #[arg(long, env = "LETHE_URL", default_value = LOCAL, value_parser = api_url, help_heading = CONNECTION)]
    pub(crate) url: String,
    /// The API key.
    #[arg(long, env = "LETHE_KEY", hide_env_values = true, help_heading = CONNECTION)]
    pub(crate) key: String,
    /// The form of the answer: text for people, json for scripts.
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Format::Text, help_heading = CONNECTION)]
    pub(crate) output: Format,
}

/// The API that the environment names, and the key for it: for commands whose URL may be of another server.
#[derive(Parser)]
pub(crate) struct Environment {
    #[arg(long, env = "LETHE_URL", default_value = LOCAL)]
    url: String,
    #[arg(long, env = "LETHE_KEY", hide_env_values = true)]
    key: Option<String>,
}

impl Environment {
    /// Reads the values of the environment; `None`: one of them is not text.
    pub(crate) fn read() -> Option<Self> {
        Self::try_parse_from(["lethe"]).ok()
    }

    /// Returns the key, if `url` is of the API that it is for. No other server may learn it.
    pub(crate) fn key_for(self, url: &str) -> Option<String> {
        let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
        let is_for = origin(url)? == origin(&self.url)?;
        self.key.filter(|_| is_for)
    }
}

/// A connection to the API.
pub(crate) struct Api {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl Api {
    pub(crate) fn new(url: &str, key: &str) -> anyhow::Result<Self> {
        if HeaderValue::try_from(key).is_err() {
            bail!("check LETHE_KEY: the API key has a line end or another character that no key can have");
        }
        let client = reqwest::Client::builder().build().context("make an HTTP client")?;
        Ok(Self {
            client,
            url: url.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
        })
    }

    /// Returns the connection for the options.
    pub(crate) fn of(server: &Server) -> anyhow::Result<Self> {
        Self::new(&server.url, &server.key)
    }

    /// Sends a request. Returns the answer's body, or the API's refusal as an error.
    pub(crate) async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let request = request.bearer_auth(&self.key).build();
        let request = request
            .map_err(reqwest::Error::without_url)
            .context("write the request")?;
        let reads = request.method().is_safe();
        let answer = self.client.execute(request).await;
        let answer = answer.map_err(|error| self.unanswered(error, reads))?;
        let status = answer.status();
        let text = answer.text().await;
        if status.is_success() {
            let text = text.map_err(|error| self.unanswered(error, reads))?;
            if text.is_empty() {
                return Ok(Value::Null);
            }
            return serde_json::from_str(&text).context("check the URL: the API did not answer with JSON");
        }
        let body: Option<Value> = text.ok().and_then(|text| serde_json::from_str(&text).ok());
        Err(refusal(status, &body.unwrap_or_default()))
    }

    /// Returns the error of a request without a whole answer.
    fn unanswered(&self, error: reqwest::Error, reads: bool) -> anyhow::Error {
        if reads || error.is_connect() {
            return unreached(error, "the API", &self.url, "--url or LETHE_URL");
        }
        anyhow!(
            "the connection to the API broke before its answer: the request may have been accepted, look with `lethe jobs`"
        )
    }

    /// Begins a GET of a path under `/v1/`.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}/v1/{path}", self.url))
    }

    /// Begins a POST to a path under `/v1/`.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}/v1/{path}", self.url))
    }

    /// Begins a PUT to a path under `/v1/`.
    pub(crate) fn put(&self, path: &str) -> RequestBuilder {
        self.client.put(format!("{}/v1/{path}", self.url))
    }

    /// Begins a PATCH of a path under `/v1/`.
    pub(crate) fn patch(&self, path: &str) -> RequestBuilder {
        self.client.patch(format!("{}/v1/{path}", self.url))
    }

    /// Begins a DELETE of a path under `/v1/`.
    pub(crate) fn delete(&self, path: &str) -> RequestBuilder {
        self.client.delete(format!("{}/v1/{path}", self.url))
    }

    /// Submits a deletion; returns the job.
    pub(crate) async fn submit(&self, job: &Value) -> anyhow::Result<Value> {
        self.send(self.post("jobs").json(job)).await
    }

    /// Returns a job.
    pub(crate) async fn job(&self, id: &str) -> anyhow::Result<Value> {
        self.send(self.get(&job_path(id)?)).await
    }
}

/// Returns JSON as written, on the command line or in a file. The API reports its faults, such as a
/// field that occurs twice.
pub(crate) fn json_of(given: &str) -> anyhow::Result<String> {
    let text = if given.trim_start().starts_with('{') {
        given.to_owned()
    } else {
        std::fs::read_to_string(given).with_context(|| format!("read {given}"))?
    };
    let text = text.trim_start_matches('\u{feff}');
    // The text becomes a part of the request, so it has to be one value.
    serde_json::from_str::<Value>(text).context("read it as JSON")?;
    Ok(text.to_owned())
}

/// Returns the API's refusal of a request.
fn refusal(status: StatusCode, body: &Value) -> anyhow::Error {
    let code = status.as_u16();
    let advice = if status == StatusCode::UNAUTHORIZED {
        ": check --key or LETHE_KEY"
    } else {
        ""
    };
    match (body["title"].as_str(), body["detail"].as_str()) {
        (Some(title), Some(detail)) => anyhow!("{title}: {detail} (HTTP {code}){advice}"),
        (Some(text), None) | (None, Some(text)) => anyhow!("{text} (HTTP {code}){advice}"),
        (None, None) => {
            anyhow!("HTTP {code} without details: check that --url or LETHE_URL is the address of Lethe's API")
        }
    }
}

/// Returns the path of a job.
pub(crate) fn job_path(id: &str) -> anyhow::Result<String> {
    // Another text might be another path.
    let id: JobId = id
        .parse()
        .map_err(|_| anyhow!("write the id of a job, as `lethe jobs` lists it"))?;
    Ok(format!("jobs/{id}"))
}

/// Returns a list in an answer.
pub(crate) fn listed<'a>(answer: &'a Value, name: &str) -> anyhow::Result<&'a [Value]> {
    let list = answer[name].as_array().map(Vec::as_slice);
    list.context("the API did not answer with a list")
}

/// Reads the base URL of a process.
pub(crate) fn url(text: &str) -> Result<String, String> {
    if is_base(text) {
        return Ok(text.to_owned());
    }
    // `localhost:7878` is a URL too, of the scheme `localhost`.
    let whole = format!("http://{text}");
    Err(if !text.contains("://") && is_base(&whole) {
        format!("the scheme is missing: write {whole}")
    } else {
        "write a URL such as http://127.0.0.1:7878".to_owned()
    })
}

/// Reads the base URL of the API. The error names the variable too, since `clap` names the option alone.
fn api_url(text: &str) -> Result<String, String> {
    url(text).map_err(|what| format!("{what} in --url or LETHE_URL"))
}

fn is_base(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_key_of_the_environment_is_for_its_api_alone() {
        let key_for = |url: &str, place: &str| {
            let environment = Environment {
                url: url.to_owned(),
                key: Some("key".to_owned()),
            };
            environment.key_for(place).is_some()
        };
        let api = "https://lethe.example.com/";
        for place in [api, "https://lethe.example.com:443", "https://LETHE.example.com/log"] {
            assert!(key_for(api, place), "{place}");
        }
        for place in [
            "http://lethe.example.com",
            "https://lethe.example.com:8443",
            "https://other.example.com",
            "https://lethe.example.com@other.example.com",
            "./a-directory",
        ] {
            assert!(!key_for(api, place), "{place}");
        }
        assert!(!key_for("lethe.example.com", api));
    }

    #[test]
    fn a_url_without_a_scheme_is_refused_with_the_whole_url() {
        for good in ["http://127.0.0.1:7878", "https://lethe.example.com/"] {
            assert_eq!(url(good).unwrap(), good);
        }
        for (text, says) in [
            ("localhost:7878", "write http://localhost:7878"),
            ("127.0.0.1:7878", "write http://127.0.0.1:7878"),
            ("lethe.example.com", "write http://lethe.example.com"),
            ("[::1]:7878", "write http://[::1]:7878"),
            ("", "such as http://127.0.0.1:7878"),
            ("ftp://localhost", "such as http://127.0.0.1:7878"),
            ("http://", "such as http://127.0.0.1:7878"),
        ] {
            let refused = api_url(text).unwrap_err();
            assert!(
                refused.contains(says) && refused.contains("LETHE_URL"),
                "{text}: {refused}"
            );
        }
    }

    #[test]
    fn a_refusal_says_what_happened_and_what_to_do() {
        let problem = json!({"title": "The ledger cannot be reached", "detail": "send the request again"});
        assert_eq!(
            refusal(StatusCode::SERVICE_UNAVAILABLE, &problem).to_string(),
            "The ledger cannot be reached: send the request again (HTTP 503)"
        );
        let unknown = json!({"title": "The credentials are missing or not known", "detail": "use a known API key"});
        let said = refusal(StatusCode::UNAUTHORIZED, &unknown).to_string();
        assert!(said.ends_with("(HTTP 401): check --key or LETHE_KEY"), "{said}");
        let other = refusal(StatusCode::NOT_FOUND, &Value::Null).to_string();
        assert!(other.contains("HTTP 404") && other.contains("LETHE_URL"), "{other}");
    }
}
