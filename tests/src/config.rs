//! The configuration of a process, as text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lethe_common::config::KeyHash;
use serde_json::Value;

/// The API key of all tests.
pub const KEY: &str = "lethe_a-key-for-tests";

/// A configuration under construction.
#[derive(Debug, Clone)]
pub struct Config {
    sections: BTreeMap<String, BTreeMap<String, String>>,
    targets: String,
}

impl Default for Config {
    /// The defaults of the tests: steps that take minutes in production take moments.
    fn default() -> Self {
        let config = Self {
            sections: BTreeMap::new(),
            targets: String::new(),
        };
        config
            .set("log.format", "json")
            .set("log.level", "info,lethe_worker=debug")
            .set("api.listen", "127.0.0.1:0")
            // One caller sends all requests, without a pause.
            .set("api.requests_per_second", 1_000_000)
            .set("worker.listen", "127.0.0.1:0")
            .set("worker.slots", 4)
            .set("worker.poll", "100ms")
            .set("retry.base", "20ms")
            .set("retry.cap", "500ms")
            .set("retry.breaker_pause", "200ms")
            .set("retry.breaker_pause_cap", "500ms")
    }
}

impl Config {
    /// Sets a key, written `section.key`.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        let (section, key) = key.split_once('.').unwrap();
        // JSON's texts, numbers and booleans are valid in TOML too.
        let value = value.into().to_string();
        self.sections
            .entry(section.to_owned())
            .or_default()
            .insert(key.to_owned(), value);
        self
    }

    /// Sets leases that expire within seconds, for tests in which workers die.
    #[must_use]
    pub fn short_leases(self) -> Self {
        self.set("worker.store_timeout", "1s")
            .set("lease.duration", "3s")
            .set("lease.renew_every", "1s")
    }

    /// Removes all targets.
    #[must_use]
    pub fn without_targets(mut self) -> Self {
        self.targets.clear();
        self
    }

    /// Adds targets.
    #[must_use]
    pub fn targets(mut self, text: &str) -> Self {
        self.targets.push_str(text);
        self.targets.push('\n');
        self
    }

    /// Replaces a part of the targets, which must be there.
    #[must_use]
    pub fn replace(mut self, from: &str, to: &str) -> Self {
        assert!(self.targets.contains(from), "no {from} in {}", self.targets);
        self.targets = self.targets.replace(from, to);
        self
    }

    /// Returns the text.
    pub fn text(&self) -> String {
        let sections = self.sections.iter().map(|(section, keys)| {
            let keys: String = keys
                .iter()
                .map(|(key, value)| key.clone() + " = " + value + "\n")
                .collect();
            format!("[{section}]\n{keys}")
        });
        let sections: String = sections.collect();
        let hash = KeyHash::of(KEY);
        let key = format!("[[auth.key]]\nname = \"tests\"\nsha256 = \"{hash}\"\nscopes = [\"admin\"]\n");
        sections + &key + &self.targets
    }

    /// Writes the text into a new file in `directory`.
    pub fn write(&self, directory: &Path) -> PathBuf {
        let path = directory.join(format!("lethe-{}.toml", uuid::Uuid::now_v7().simple()));
        std::fs::write(&path, self.text()).unwrap();
        path
    }
}
