//! `[api]`: the HTTP interface and its limits.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

use super::cors::Cors;
use super::error::ConfigErrors;
use super::server_tls::ServerTls;
use super::text;

/// The HTTP interface and its limits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Api {
    /// The address of the HTTP interface; port 0 takes any free one.
    #[serde(deserialize_with = "text::address")]
    pub listen: SocketAddr,
    /// The time limit of a request, apart from uploads, event streams and the wait that a caller
    /// asked for.
    #[serde(deserialize_with = "text::duration")]
    pub request_timeout: Duration,
    /// The longest `Prefer: wait` that is granted.
    #[serde(deserialize_with = "text::duration")]
    pub max_wait: Duration,
    /// The largest JSON body, in bytes.
    #[serde(deserialize_with = "text::bytes")]
    pub max_body: u64,
    /// The largest NDJSON body, in bytes.
    #[serde(deserialize_with = "text::bytes")]
    pub max_upload: u64,
    /// The most ids in one JSON request.
    pub max_ids_per_request: usize,
    /// The most ids in one job, from JSON or NDJSON.
    pub max_ids_per_job: u64,
    /// The longest id, in characters.
    pub max_id_length: usize,
    /// The most bytes of bodies in memory at a time. One caller may hold as many as are free.
    #[serde(deserialize_with = "text::bytes")]
    pub max_body_bytes_in_flight: u64,
    /// The number of unfinished jobs above which the API answers new jobs with 503.
    pub max_queue: u64,
    /// The number of unfinished jobs of one caller above which the API answers its new jobs with 429. 0: no limit.
    /// Absent: [half of the queue](Api::most_jobs_of_a_caller).
    pub max_unfinished_jobs_per_caller: Option<u64>,
    /// The number of ids in the unfinished jobs of one caller above which the API answers more ids with 429. 0: no
    /// limit.
    pub max_unfinished_ids_per_caller: u64,
    /// The number of schedules of one caller above which the API refuses another one. 0: no limit.
    pub max_schedules_per_caller: u32,
    /// The most uploads at a time.
    pub max_uploads: usize,
    /// The most event streams at a time.
    pub max_streams: usize,
    /// The most requests of one caller in a second.
    pub requests_per_second: u32,
    /// The most failed authentications from one address in a minute.
    pub auth_failures_per_minute: u32,
    /// The most connections at a time. One address may hold as many as are free, unless there are proxies.
    pub max_connections: usize,
    /// The time limit for the head of a request, from its first byte.
    #[serde(deserialize_with = "text::duration")]
    pub header_timeout: Duration,
    /// The time after which a connection is closed without a request, or without progress of an answer.
    #[serde(deserialize_with = "text::duration")]
    pub idle_timeout: Duration,
    /// The number of proxies in front of the API that append to `X-Forwarded-For`. 0: the header is ignored.
    pub trusted_proxies: usize,
    /// The web pages that may call the API from a browser.
    pub cors: Cors,
    /// The certificate of the port. Absent: plain HTTP.
    pub tls: Option<ServerTls>,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            // Only this machine, until an operator has set keys and another address.
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7878)),
            // Several times the ledger's busy timeout of 5 s. Below the 60 s of usual proxies.
            request_timeout: Duration::from_secs(30),
            max_wait: Duration::from_mins(1),
            // 100,000 ids of 160 bytes.
            max_body: 16 << 20,
            // 10,000,000 UUIDs of 36 bytes with their line ends, and room for longer ones.
            max_upload: 1 << 30,
            max_ids_per_request: 100_000,
            max_ids_per_job: 10_000_000,
            max_id_length: 1_000,
            // One caller gets half of it: the largest body with the most ids has room there. A body is in memory twice
            // while it is parsed. The ledger writes one group of jobs at a time, in about five copies. Together this
            // stays below 192 MiB.
            max_body_bytes_in_flight: 48 << 20,
            max_queue: 1_000_000,
            max_unfinished_jobs_per_caller: None,
            // Two of the largest jobs.
            max_unfinished_ids_per_caller: 20_000_000,
            // Many times the needs of a service. Each of them takes at most 64 KiB, and at most one job at a time.
            max_schedules_per_caller: 1_000,
            // One caller gets half of them. An upload takes a connection to the ledger now and then, for one statement.
            max_uploads: 16,
            max_streams: 512,
            // Far above the needs of a person or a service. Below a rate that would keep the ledger from others.
            requests_per_second: 1_000,
            // Enough for a script whose mistyped key is soon corrected, and too few to guess a key.
            auth_failures_per_minute: 30,
            // Their heads take at most 80 MiB. The number is twice that of event streams, uploads and waiting calls of
            // a few services together.
            max_connections: 1_024,
            // A head is a packet or two.
            header_timeout: Duration::from_secs(10),
            // Longer than usual proxies keep a connection: a proxy must be the first to close it.
            idle_timeout: Duration::from_secs(75),
            // Any client can write this header.
            trusted_proxies: 0,
            cors: Cors::default(),
            tls: None,
        }
    }
}

impl Api {
    /// The bytes that a value of a JSON body takes in memory beside its text: the head of a string, and the space that
    /// an allocator adds.
    pub const VALUE_BYTES: usize = 64;

    /// Returns the most unfinished jobs of one caller; 0: no limit.
    pub fn most_jobs_of_a_caller(&self) -> u64 {
        // Half of the queue, so that one caller does not fill it. A queue of one job has no share for others.
        self.max_unfinished_jobs_per_caller.unwrap_or(self.max_queue / 2)
    }

    /// Returns the smallest budget of bytes in which every request has room. One caller gets half of a budget.
    fn least_body_bytes(&self) -> u64 {
        let values = self.max_ids_per_request.saturating_mul(Self::VALUE_BYTES) as u64;
        // An upload counts each id twice. A character has at most four bytes.
        let id = self.max_id_length.saturating_mul(4).saturating_add(Self::VALUE_BYTES) as u64;
        let one = self.max_body.saturating_add(values).max(id.saturating_mul(2));
        one.saturating_mul(2).max(1 << 20)
    }

    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        let zero = "write at least 1";
        errors.require(
            !self.request_timeout.is_zero(),
            "api.request_timeout",
            "write more than 0s",
        );
        errors.require(self.max_body > 0, "api.max_body", zero);
        errors.require(self.max_upload > 0, "api.max_upload", zero);
        errors.require(self.max_ids_per_request > 0, "api.max_ids_per_request", zero);
        errors.require(
            self.max_ids_per_job >= self.max_ids_per_request as u64,
            "api.max_ids_per_job",
            "write at least api.max_ids_per_request",
        );
        errors.require(self.max_id_length > 0, "api.max_id_length", zero);
        errors.require(
            self.max_body_bytes_in_flight >= self.least_body_bytes(),
            "api.max_body_bytes_in_flight",
            "write at least 1MiB, twice api.max_body with 64 bytes for each of api.max_ids_per_request, and 16 bytes for each character of api.max_id_length",
        );
        errors.require(self.max_queue > 0, "api.max_queue", zero);
        errors.require(
            self.max_unfinished_jobs_per_caller.unwrap_or(0) < self.max_queue,
            "api.max_unfinished_jobs_per_caller",
            "write less than api.max_queue, so that others have a share, or 0 for no limit",
        );
        errors.require(
            self.max_unfinished_ids_per_caller == 0 || self.max_unfinished_ids_per_caller >= self.max_ids_per_job,
            "api.max_unfinished_ids_per_caller",
            "write at least api.max_ids_per_job, or 0 for no limit",
        );
        errors.require(self.max_uploads > 0, "api.max_uploads", zero);
        errors.require(self.max_streams > 0, "api.max_streams", zero);
        errors.require(self.requests_per_second > 0, "api.requests_per_second", zero);
        errors.require(self.auth_failures_per_minute > 0, "api.auth_failures_per_minute", zero);
        errors.require(self.max_connections > 0, "api.max_connections", zero);
        for (timeout, name) in [
            (self.header_timeout, "api.header_timeout"),
            (self.idle_timeout, "api.idle_timeout"),
        ] {
            errors.require(!timeout.is_zero(), name, "write more than 0s");
        }
        self.cors.check(errors);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    /// Returns the errors of a section.
    fn errors(section: &str) -> Vec<String> {
        match Config::from_toml(&format!("[api]\n{section}")) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.0.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_request_of_any_allowed_size_has_room_in_the_half_of_one_caller() {
        for (section, fine) in [
            ("", true),
            ("max_body_bytes_in_flight = \"45MiB\"", true),
            ("max_body_bytes_in_flight = \"44MiB\"", false),
            ("max_body_bytes_in_flight = \"44MiB\"\nmax_body = \"15MiB\"", true),
            (
                "max_body_bytes_in_flight = \"1MiB\"\nmax_body = 1000\nmax_ids_per_request = 10",
                true,
            ),
            (
                "max_body_bytes_in_flight = 1048575\nmax_body = 1000\nmax_ids_per_request = 10",
                false,
            ),
        ] {
            let errors = errors(section);
            assert_eq!(errors.is_empty(), fine, "{section}: {errors:?}");
            assert!(
                errors
                    .iter()
                    .all(|error| error.starts_with("api.max_body_bytes_in_flight: write at least")),
                "{errors:?}"
            );
        }
    }

    #[test]
    fn a_job_of_any_allowed_size_has_room_in_the_limits_of_its_caller() {
        for (ids, fine) in [(0, true), (1, false), (9_999_999, false), (10_000_000, true)] {
            let errors = errors(&format!("max_unfinished_ids_per_caller = {ids}"));
            assert_eq!(errors.is_empty(), fine, "{ids}: {errors:?}");
        }
        assert!(errors("max_unfinished_jobs_per_caller = 0").is_empty());
    }

    #[test]
    fn one_caller_leaves_a_share_of_the_queue_to_others() {
        for (section, most) in [
            ("", Ok(500_000)),
            ("max_queue = 1000", Ok(500)),
            ("max_queue = 1", Ok(0)),
            ("max_queue = 1000\nmax_unfinished_jobs_per_caller = 999", Ok(999)),
            ("max_queue = 1000\nmax_unfinished_jobs_per_caller = 0", Ok(0)),
            ("max_queue = 1000\nmax_unfinished_jobs_per_caller = 1000", Err(())),
            ("max_unfinished_jobs_per_caller = 2000000", Err(())),
        ] {
            let config = Config::from_toml(&format!("[api]\n{section}"));
            let refusal = "api.max_unfinished_jobs_per_caller: write less than api.max_queue";
            match (config, most) {
                (Ok(config), Ok(most)) => assert_eq!(config.api.most_jobs_of_a_caller(), most, "{section}"),
                (Err(errors), Err(())) => assert!(errors.to_string().starts_with(refusal), "{section}: {errors}"),
                (config, _) => panic!("{section}: {:?}", config.map(|config| config.api)),
            }
        }
    }
}
