//! The HTTP API as a caller uses it.

use std::collections::BTreeMap;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::wait;

/// A caller.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, or null if it is not JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Client {
    /// Returns a caller of the API at `url`.
    pub fn new(url: &str, key: &str) -> Self {
        // Another part of this process may have installed it.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self {
            http: reqwest::Client::builder().timeout(wait::DEADLINE).build().unwrap(),
            url: url.to_owned(),
            key: key.to_owned(),
        }
    }

    /// Returns the base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a request with the key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.key)
    }

    /// Sends a request. Panics without an answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// Sends a request.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        Ok(Answer {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        })
    }

    /// Returns the answer to a GET of a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Sends an empty POST.
    pub async fn post(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    /// Submits a deletion, which must be accepted. Returns the job's id.
    pub async fn submit(&self, job: &Value) -> String {
        let answer = self.send(self.request(Method::POST, "/v1/jobs").json(job)).await;
        answer.accepted()
    }

    /// Submits a deletion of ids.
    pub async fn submit_ids(&self, ids: &[&str]) -> String {
        self.submit(&json!({"select": {"ids": ids}})).await
    }

    /// Returns a job.
    pub async fn job(&self, id: &str) -> Value {
        let answer = self.get(&format!("/v1/jobs/{id}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.body
    }

    /// Waits until a job has ended, also through outages of the service. Returns the job.
    pub async fn ended(&self, id: &str) -> Value {
        self.when(id, "it has ended", |job| !job["ended_at"].is_null()).await
    }

    /// Waits until `is_so` holds for a job. Returns the job.
    pub async fn when(&self, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/v1/jobs/{id}");
        let mut last = Value::Null;
        let start = std::time::Instant::now();
        while start.elapsed() < wait::DEADLINE {
            if let Ok(answer) = self.try_send(self.request(Method::GET, &path)).await
                && answer.status == StatusCode::OK
            {
                if is_so(&answer.body) {
                    return answer.body;
                }
                last = answer.body;
            }
            tokio::time::sleep(std::time::Duration::from_millis(15)).await;
        }
        panic!("timed out before {what}: {last:#}")
    }

    /// Submits a deletion, and waits until it has succeeded. Returns the job.
    pub async fn succeeds(&self, job: &Value) -> Value {
        let id = self.submit(job).await;
        let job = self.ended(&id).await;
        assert_eq!(job["state"], "succeeded", "{job:#}");
        job
    }

    /// Returns the memories of a job by outcome, as (id, store, code), sorted.
    pub async fn items(&self, id: &str, outcome: &str) -> Vec<(String, String, Option<String>)> {
        let answer = self
            .get(&format!("/v1/jobs/{id}/items?outcome={outcome}&limit=1000"))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let mut items: Vec<_> = answer.body["items"]
            .as_array()
            .unwrap_or_else(|| panic!("no items: {}", answer.text))
            .iter()
            .map(|item| {
                let text = |name: &str| item[name].as_str().map(str::to_owned);
                (text("id").unwrap(), text("store").unwrap(), text("code"))
            })
            .collect();
        items.sort();
        items
    }

    /// Returns the samples of `/metrics`: series with its labels, and value.
    pub async fn metrics(&self) -> BTreeMap<String, f64> {
        let answer = self.get("/metrics").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        samples(&answer.text)
    }
}

impl Answer {
    /// Returns the id of the job that was accepted.
    pub fn accepted(&self) -> String {
        assert_eq!(self.status, StatusCode::ACCEPTED, "{}", self.text);
        self.body["id"].as_str().unwrap().to_owned()
    }
}

/// Returns the samples of a page in Prometheus' text format.
pub fn samples(page: &str) -> BTreeMap<String, f64> {
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
        .collect()
}

/// Returns a job's counts that are not zero, by store.
pub fn counts(job: &Value) -> Value {
    let stores = job["stores"].as_array().unwrap_or_else(|| panic!("no stores: {job:#}"));
    let mut by_store = serde_json::Map::new();
    for store in stores {
        let counts = store["counts"].as_object().unwrap();
        let counts = counts.iter().filter(|(_, n)| n.as_u64() != Some(0));
        let counts: serde_json::Map<String, Value> = counts.map(|(word, n)| (word.clone(), n.clone())).collect();
        let name = store["store"].as_str().unwrap().to_owned();
        let before = by_store.insert(name, Value::Object(counts));
        assert!(before.is_none(), "two targets: {job:#}");
    }
    Value::Object(by_store)
}

/// Returns the sum of a process' samples of a metric with a label.
pub async fn total(client: &Client, name: &str, label: &str) -> f64 {
    let samples = client.metrics().await;
    let mut found = samples
        .iter()
        .filter(|(series, _)| series.starts_with(name) && series.contains(label))
        .peekable();
    assert!(found.peek().is_some(), "{name} {label}");
    found.map(|(_, value)| value).sum()
}
