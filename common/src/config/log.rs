//! `[log]`: the level and the form of logs.

use serde::Deserialize;
use strum::{EnumString, VariantNames};
use tracing_subscriber::EnvFilter;

use super::error::ConfigErrors;
use super::text;

/// The level and the form of logs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Log {
    /// The form of a log line.
    pub format: LogFormat,
    /// A filter such as `info` or `info,lethe_worker=debug`.
    pub level: String,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, EnumString, VariantNames)]
#[serde(try_from = "String")]
#[strum(serialize_all = "lowercase")]
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
        text::word(&text)
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
