//! `[log]`: what is logged, and how.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::error::ConfigErrors;
use super::text;

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// A filter such as `info` or `info,lethe_worker=debug`.
    pub level: String,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum LogFormat {
    /// One readable line.
    #[default]
    Human,
    /// One JSON object.
    Json,
}

impl TryFrom<String> for LogFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text::word(&text, &[("human", Self::Human), ("json", Self::Json)])
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            level: "info,qdrant_edge=error".to_owned(),
        }
    }
}

impl Log {
    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        errors.require(
            EnvFilter::builder().parse(&self.level).is_ok(),
            "log.level",
            "write a filter such as \"info\" or \"info,lethe_worker=debug\"",
        );
    }
}
