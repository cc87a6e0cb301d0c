//! A caller that submits, cancels, retries and pauses, and repeats requests while the API is unreachable.

use std::time::Duration;

use lethe_common::clock::Clock;
use lethe_tests::client::{Answer, Client};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::jobs::{Asked, Sort};
use crate::sites::NAMES;
use crate::timeline::{Interval, now};

/// The wait before a request is sent again.
const AGAIN: Duration = Duration::from_millis(300);

/// The number of sends of an upload under one key, while the API reports another upload under that key.
const SAME_KEY: usize = 10;

/// A caller with the key of all tests.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) client: Client,
}

impl Person {
    /// Repeats a request until the service has decided. Returns its answer, and the interval of the last request.
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

    /// Submits a deletion. Returns the job's id.
    ///
    /// # Errors
    /// Returns the answer in place of a job.
    pub(crate) async fn ask(&self, asked: &Asked) -> Result<String, String> {
        for sent in 0.. {
            // An upload that was cut off blocks its key until housekeeping sweeps it.
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

    /// Retries an ended job. Returns the interval in which the retry was accepted.
    pub(crate) async fn retry(&self, id: &str) -> Result<Interval, String> {
        let path = format!("/v1/jobs/{id}/retry");
        let first = now();
        let (answer, (_, answered)) = self.insist(|| self.client.request(Method::POST, &path)).await;
        // A conflict means that an earlier, unanswered request was accepted.
        if answer.status.is_success() || answer.status == StatusCode::CONFLICT {
            return Ok((first, answered));
        }
        Err(format!("{} {}", answer.status, answer.text))
    }

    /// Pauses or resumes a target, or everything.
    pub(crate) async fn pause(&self, scope: Option<usize>, paused: bool) {
        let word = if paused { "pause" } else { "resume" };
        let path = match scope {
            Some(target) => format!("/v1/targets/{}/{word}", NAMES[target]),
            None => format!("/v1/{word}"),
        };
        let (answer, _) = self.insist(|| self.client.request(Method::POST, &path)).await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }

    /// Writes the schedule of a deletion, with closed or open windows. Returns the interval of the write. It fires in
    /// two seconds, or not at all in this run.
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
