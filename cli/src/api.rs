//! The API from a caller's view: its address, and the requests to it.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use lethe_common::job::JobId;
use reqwest::header::HeaderValue;
use reqwest::{RequestBuilder, Response, Url};
use serde_json::Value;

/// The interval of requests for a watched job.
// An eye follows no faster steps of a bar.
const LOOK: Duration = Duration::from_millis(100);

/// The length of a full bar. The number of memories may not be known yet, and a bar of length 0
/// looks full.
const BAR: u64 = 1_000;

/// The URL of the API, and the key for it.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The base URL of the API.
    #[arg(long, env = "LETHE_URL", default_value = "http://127.0.0.1:7878", value_parser = url)]
    pub(crate) url: String,
    /// The API key.
    #[arg(long, env = "LETHE_KEY", hide_env_values = true)]
    pub(crate) key: String,
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
        let answer: Response = request
            .bearer_auth(&self.key)
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .context("reach the API")?;
        let status = answer.status();
        let text = answer.text().await.map_err(reqwest::Error::without_url);
        if status.is_success() {
            let text = text.context("read the answer")?;
            if text.is_empty() {
                return Ok(Value::Null);
            }
            return serde_json::from_str(&text).context("check the URL: the API did not answer with JSON");
        }
        let body: Value = text
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let detail = body["detail"].as_str().or_else(|| body["title"].as_str());
        bail!("{status}: {}", detail.unwrap_or("no details"));
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

    /// Shows a job's progress until it ends; returns the job.
    pub(crate) async fn follow(&self, id: &str) -> anyhow::Result<Value> {
        let bar = ProgressBar::new(BAR);
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("  {bar:40.cyan/blue} {msg}").context("draw a bar")?;
            bar.set_style(style);
        } else {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        loop {
            let job = self.job(id).await?;
            let state = job["state"].as_str().context("the API did not answer with a job")?;
            let state = state.to_owned();
            let selected = job["selected"].as_u64().unwrap_or(0);
            let progress = job["progress"].as_f64().unwrap_or(0.0).clamp(0.0, 1.0);
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a bar shows a fraction"
            )]
            let of = |whole: u64| (progress * whole as f64).round() as u64;
            bar.set_position(of(BAR));
            bar.set_message(format!("{}/{selected} {state}", of(selected)));
            if ["succeeded", "failed", "cancelled"].contains(&state.as_str()) {
                bar.finish();
                return Ok(job);
            }
            tokio::time::sleep(LOOK).await;
        }
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
pub(crate) fn url(text: &str) -> Result<String, &'static str> {
    let is_one = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let url = Url::parse(text).ok().filter(is_one);
    url.map(|_| text.to_owned())
        .ok_or("write a URL such as http://127.0.0.1:7878")
}
