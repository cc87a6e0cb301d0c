//! `[telemetry.otlp]`: the receiver of traces.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::Role;
use super::check::is_grpc_url;
use super::error::ConfigErrors;
use super::secret_file::{content, is_exposed};
use super::tls::Tls;

/// The setting that names the file of headers.
const HEADERS_FILE: &str = "telemetry.otlp.headers_file";

/// The receivers of telemetry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Telemetry {
    /// The receiver of traces. Absent: no span leaves the process.
    pub otlp: Option<Otlp>,
}

/// A receiver of traces that speaks OTLP over gRPC.
#[derive(Debug, Clone, Deserialize)]
pub struct Otlp {
    /// `http://host:4317` or `https://host:4317`, the gRPC port.
    pub endpoint: String,
    /// The file of headers that each export carries: a line `name: value` for each.
    pub headers_file: Option<PathBuf>,
    /// The part of traces that are sent, from 0 to 1. The decision of a caller goes before it.
    #[serde(default = "all")]
    pub sample_ratio: f64,
    /// Whether TLS verifies the receiver's name.
    pub tls: Option<Tls>,
    /// The headers of `headers_file`, with names in lower case, once the configuration is read. Values are secrets.
    #[serde(skip)]
    pub headers: Vec<(String, SecretString)>,
}

fn all() -> f64 {
    1.0
}

impl Telemetry {
    /// Checks the receiver. Reads its headers, if a process with this role sends traces.
    pub(super) fn check(&mut self, role: Role, exposed: &mut Vec<String>, errors: &mut ConfigErrors) {
        let Some(otlp) = &mut self.otlp else { return };
        errors.require(
            is_grpc_url(&otlp.endpoint),
            "telemetry.otlp.endpoint",
            "write a URL such as \"http://localhost:4317\", the gRPC port, without a user or a path",
        );
        errors.require(
            (0.0..=1.0).contains(&otlp.sample_ratio),
            "telemetry.otlp.sample_ratio",
            "write a number from 0 to 1",
        );
        if !role.serves() && !role.erases() {
            return;
        }
        let Some(text) = content(otlp.headers_file.as_deref(), HEADERS_FILE, errors) else {
            return;
        };
        if otlp.headers_file.as_deref().is_some_and(is_exposed) {
            exposed.push(HEADERS_FILE.to_owned());
        }
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let headers: Option<Vec<_>> = lines.map(header).collect();
        match headers {
            Some(headers) => otlp.headers = headers,
            None => errors.push(HEADERS_FILE, "write a line \"name: value\" in the file for each header"),
        }
    }
}

/// Reads a line `name: value`.
fn header(line: &str) -> Option<(String, SecretString)> {
    let (name, value) = line.split_once(':')?;
    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let is_text = !value.is_empty() && value.bytes().all(|b| matches!(b, b' '..=b'~'));
    // gRPC reads the values of such names as Base64.
    let is_binary = name.ends_with("-bin");
    (is_name && is_text && !is_binary).then(|| (name, value.into()))
}
