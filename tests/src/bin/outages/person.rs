//! A person who asks, cancels, tries again and pauses, and does not give up while the API is out of reach.

use std::time::Duration;

use lethe_common::clock::Clock;
use lethe_tests::client::{Answer, Client};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::jobs::{Asked, Sort};
use crate::sites::NAMES;
use crate::timeline::{Interval, now};

/// How long somebody waits before a request is sent again.
const AGAIN: Duration = Duration::from_millis(300);

/// How often an upload is sent under one key while another one under that key is said to be under way.
const SAME_KEY: usize = 10;

/// Somebody with the key of all tests.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) client: Client,
}

impl Person {
    /// Sends a request again until the service has decided; returns its answer, and between when it was decided.
    async fn insist(&self, request: impl Fn() -> RequestBuilder) -> (Answer, Interval) {
        loop {
            let asked = now();
            if let Ok(answer) = self.client.try_send(request()).await
                && !answer.status.is_server_error()
                && answer.status != StatusCode::TOO_MANY_REQUESTS
                && answer.status != StatusCode::REQUEST_TIMEOUT
            {
                return (answer, (asked, now()));
            }
            sleep(AGAIN).await;
        }
    }

    /// Asks for a deletion; returns the job's id.
    ///
    /// # Errors
    /// Says what was answered in its place.
    pub(crate) async fn ask(&self, asked: &Asked) -> Result<String, String> {
        for sent in 0.. {
            // An upload whose sender was cut off blocks its key until it is swept.
            let key = format!("outages-{}-{}", asked.number, sent / SAME_KEY);
            let (answer, _) = self
                .insist(|| self.request(asked).header("idempotency-key", &key))
                .await;
            match answer.body["id"].as_str() {
                Some(id) if answer.status.is_success() => return Ok(id.to_owned()),
                _ if answer.status == StatusCode::CONFLICT => sleep(AGAIN).await,
                _ => return Err(format!("{} {}", answer.status, answer.text)),
            }
        }
        unreachable!("it is sent until it is decided")
    }

    fn request(&self, asked: &Asked) -> RequestBuilder {
        let request = self.client.request(Method::POST, "/v1/jobs");
        if asked.sort != Sort::Upload {
            return request.json(&asked.body);
        }
        let fields = asked.body.as_object().into_iter().flatten();
        let query: Vec<_> = fields
            .filter_map(|(name, value)| Some((name, value.as_str()?)))
            .collect();
        request
            .query(&query)
            .header("content-type", "application/x-ndjson")
            .body(asked.lines.join("\n"))
    }

    /// Cancels a job, unless it has ended.
    pub(crate) async fn cancel(&self, id: &str) {
        let path = format!("/v1/jobs/{id}/cancel");
        self.insist(|| self.client.request(Method::POST, &path)).await;
    }

    /// Tries a job again that has ended; returns between when that was accepted.
    pub(crate) async fn retry(&self, id: &str) -> Result<Interval, String> {
        let path = format!("/v1/jobs/{id}/retry");
        let first = now();
        let (answer, (_, answered)) = self.insist(|| self.client.request(Method::POST, &path)).await;
        // A conflict: one that was not answered was accepted.
        if answer.status.is_success() || answer.status == StatusCode::CONFLICT {
            return Ok((first, answered));
        }
        Err(format!("{} {}", answer.status, answer.text))
    }

    /// Pauses a target or everything, or lifts that.
    pub(crate) async fn pause(&self, scope: Option<usize>, paused: bool) {
        let word = if paused { "pause" } else { "resume" };
        let path = match scope {
            Some(target) => format!("/v1/targets/{}/{word}", NAMES[target]),
            None => format!("/v1/{word}"),
        };
        let (answer, _) = self.insist(|| self.client.request(Method::POST, &path)).await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }

    /// Writes the schedule of a deletion, whose windows are closed or open; returns between when that was done. It fires
    /// in two seconds if it is to fire, else not in this run.
    pub(crate) async fn schedule(&self, asked: &Asked, fires: bool, closed: bool) -> Result<Interval, String> {
        let path = format!("/v1/schedules/{}", name(asked));
        let (answer, decided) = self
            .insist(|| {
                let body = schedule(asked, fires, closed);
                self.client.request(Method::PUT, &path).json(&body)
            })
            .await;
        if answer.status.is_success() {
            Ok(decided)
        } else {
            Err(format!("{} {}", answer.status, answer.text))
        }
    }

    /// Returns the jobs that a schedule has made.
    pub(crate) async fn scheduled(&self, asked: &Asked) -> Vec<String> {
        let path = format!("/v1/jobs?limit=200&schedule={}", name(asked));
        let (answer, _) = self.insist(|| self.client.request(Method::GET, &path)).await;
        let jobs = answer.body["jobs"].as_array().into_iter().flatten();
        jobs.filter_map(|job| Some(job["id"].as_str()?.to_owned())).collect()
    }
}

fn name(asked: &Asked) -> String {
    format!("outages-{}", asked.number)
}

fn schedule(asked: &Asked, fires: bool, closed: bool) -> Value {
    let at = Clock::system().now().to_zoned(jiff::tz::TimeZone::UTC);
    let soon = at.saturating_add(jiff::Span::new().seconds(2));
    let cron = if fires {
        soon.strftime("%-S %-M %-H %-d %-m *").to_string()
    } else {
        "0 3 29 2 *".to_owned()
    };
    let hour = |hours| format!("{:02}:00", (i32::from(at.hour()) + hours) % 24);
    let window = if closed {
        json!({"from": hour(12), "to": hour(13)})
    } else {
        json!({"from": "00:00", "to": "24:00"})
    };
    json!({"cron": cron, "time_zone": "UTC", "windows": [window], "job": asked.body})
}
