//! Prometheus with the alerts of this repository, in a hurry: all their times are a tenth.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;
use tempfile::TempDir;

use crate::client::Client;
use crate::config::KEY;
use crate::postgres::free_port;
use crate::process::Process;
use crate::wait;

const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yml");

/// The factor by which alerts are faster than in an installation.
// The shortest alert then waits for 12 s. Processes look at their dependencies every 5 s, whatever the factor.
const HURRY: u64 = 10;

/// The ages in seconds that alerts compare with.
const AGES: [&str; 3] = ["300", "900", "3600"];

/// A server that scrapes a service.
#[derive(Debug)]
pub struct Prometheus {
    client: Client,
    _process: Process,
    directory: TempDir,
}

impl Prometheus {
    /// Starts a server that scrapes nothing yet.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        std::fs::write(file("alerts.yml"), hurried(ALERTS)).unwrap();
        let jobs = ["lethe-api", "lethe-worker"].map(|job| {
            let targets = file(&format!("{job}.json"));
            json!({
                "job_name": job,
                "authorization": {"credentials": KEY},
                "file_sd_configs": [{"files": [targets], "refresh_interval": "1s"}],
            })
        });
        let config = json!({
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"},
            "rule_files": [file("alerts.yml")],
            "scrape_configs": jobs,
        });
        // JSON is YAML.
        std::fs::write(file("prometheus.yml"), config.to_string()).unwrap();
        let start = Instant::now();
        loop {
            let address = format!("127.0.0.1:{}", free_port());
            let mut command = Command::new("prometheus");
            command.arg(format!("--config.file={}", file("prometheus.yml").display()));
            command.arg(format!("--storage.tsdb.path={}", file("tsdb").display()));
            command.arg(format!("--web.listen-address={address}"));
            let mut process = Process::start("prometheus", &mut command, directory.path());
            let client = Client::new(&format!("http://{address}"), "");
            // If another process has taken the port, it ends, and another port is tried.
            while process.ended().is_none() {
                let ready = client.try_send(client.request(Method::GET, "/-/ready")).await;
                if ready.is_ok_and(|ready| ready.status == StatusCode::OK) {
                    return Self {
                        client,
                        _process: process,
                        directory,
                    };
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert!(start.elapsed() < wait::DEADLINE, "timed out: {}", process.log());
            }
            assert!(start.elapsed() < wait::DEADLINE, "it ends: {}", process.log());
        }
    }

    /// Sets the processes of a scrape job. Processes that are not named are forgotten.
    pub fn scrape<'c>(&self, job: &str, processes: impl IntoIterator<Item = &'c Client>) {
        let urls = processes.into_iter().map(Client::url);
        let targets: Vec<&str> = urls.map(|url| url.trim_start_matches("http://")).collect();
        let [new, file] = ["new", "json"].map(|ending| self.directory.path().join(format!("{job}.{ending}")));
        std::fs::write(&new, json!([{"targets": targets}]).to_string()).unwrap();
        std::fs::rename(new, file).unwrap();
    }

    /// Returns the first value of a query, if it has one.
    pub async fn value(&self, query: &str) -> Option<f64> {
        let request = self.client.request(Method::GET, "/api/v1/query");
        let answer = self.client.send(request.query(&[("query", query)])).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
        let value = answer.body["data"]["result"][0]["value"][1].as_str()?;
        Some(value.parse().unwrap())
    }

    /// Returns the names of the alerts that fire now, with the dependency that an alert is about.
    pub async fn firing(&self) -> BTreeSet<String> {
        let answer = self.client.get("/api/v1/alerts").await.body;
        let alerts = answer["data"]["alerts"].as_array().into_iter().flatten();
        let firing = alerts.filter(|alert| alert["state"] == "firing");
        let names = firing.map(|alert| {
            let labels = ["alertname", "dependency"].map(|label| alert["labels"][label].as_str());
            labels.into_iter().flatten().collect::<Vec<_>>().join(" ")
        });
        names.collect()
    }
}

/// Divides the durations and the ages in rules.
fn hurried(rules: &str) -> String {
    let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let pieces = rules.split_inclusive(is_end);
    let hurried = pieces.map(|piece| {
        let word = piece.trim_end_matches(is_end);
        match hurried_word(word) {
            Some(hurried) => piece.replacen(word, &hurried, 1),
            None => piece.to_owned(),
        }
    });
    hurried.collect()
}

fn hurried_word(word: &str) -> Option<String> {
    if AGES.contains(&word) {
        let age: u64 = word.parse().ok()?;
        return Some((age / HURRY).to_string());
    }
    let ms = match word.chars().last()? {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        _ => return None,
    };
    let number: u64 = word.strip_suffix(['s', 'm', 'h'])?.parse().ok()?;
    Some(format!("{}ms", number * ms / HURRY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_a_tenth_and_nothing_else_changes() {
        let rule = "a_1m[1h:5m] > 3600 and b > 10 # 15 minutes\n        for: 2m\n";
        let hurried_rule = "a_1m[360000ms:30000ms] > 360 and b > 10 # 15 minutes\n        for: 12000ms\n";
        assert_eq!(hurried(rule), hurried_rule);
        assert_eq!(hurried(ALERTS).lines().count(), ALERTS.lines().count());
    }
}
