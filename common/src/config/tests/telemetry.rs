//! The receiver of traces: its URL, its headers and its sampling.

use secrecy::ExposeSecret as _;

use super::super::*;
use super::{SECRET, refused};

const RECEIVER: &str = "[telemetry.otlp]\nendpoint = \"http://localhost:4317\"\n";

/// Reads a configuration whose receiver has these lines in its file of headers.
fn with_headers(lines: &str, role: Role) -> Result<Otlp, ConfigErrors> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("headers");
    std::fs::write(&file, lines).unwrap();
    let text = format!("{RECEIVER}headers_file = '{}'\n", file.display());
    Config::parse(&text, &BTreeMap::new(), role).map(|config| config.telemetry.otlp.unwrap())
}

#[test]
fn only_a_written_section_is_a_receiver() {
    assert!(Config::from_toml("").unwrap().telemetry.otlp.is_none());
    let otlp = Config::from_toml(RECEIVER).unwrap().telemetry.otlp.unwrap();
    assert_eq!(otlp.endpoint, "http://localhost:4317");
    assert!((otlp.sample_ratio - 1.0).abs() < f64::EPSILON && otlp.headers.is_empty());
}

#[test]
fn a_variable_can_name_the_receiver() {
    let env = super::env(&[
        ("LETHE_TELEMETRY__OTLP__ENDPOINT", "http://localhost:4317"),
        ("LETHE_TELEMETRY__OTLP__SAMPLE_RATIO", "0.25"),
    ]);
    let otlp = Config::parse("", &env, Role::Api).unwrap().telemetry.otlp.unwrap();
    assert_eq!(otlp.endpoint, "http://localhost:4317");
    assert!((otlp.sample_ratio - 0.25).abs() < f64::EPSILON);
}

#[test]
fn a_receiver_elsewhere_proves_its_name_and_settings_make_sense() {
    for (text, key) in [
        (
            "endpoint = \"http://collector:4317\"",
            "telemetry.otlp.endpoint: write https://",
        ),
        ("endpoint = \"localhost:4317\"", "telemetry.otlp.endpoint: write a URL"),
        (
            "endpoint = \"http://u:p@localhost:4317\"",
            "telemetry.otlp.endpoint: write a URL",
        ),
        ("sample_ratio = 0.5", "telemetry.otlp.endpoint: is missing"),
        (
            "endpoint = \"https://c:4317\"\nsample_ratio = 1.5",
            "telemetry.otlp.sample_ratio: write a number",
        ),
    ] {
        let errors = refused(&format!("[telemetry.otlp]\n{text}\n"));
        assert!(errors.iter().any(|error| error.starts_with(key)), "{text}: {errors:?}");
    }
    let off = "[telemetry.otlp]\nendpoint = \"http://collector:4317\"\ntls = \"off\"\n";
    assert_eq!(Config::from_toml(off).unwrap().unverified, ["telemetry.otlp.tls"]);
}

#[test]
fn headers_are_read_from_their_file_by_processes_that_send_traces() {
    let lines = format!("Authorization: Bearer {SECRET}\r\n\nx-scope : a:b\n");
    let otlp = with_headers(&lines, Role::Worker).unwrap();
    let headers: Vec<(&str, &str)> = otlp
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect();
    let authorization = format!("Bearer {SECRET}");
    assert_eq!(headers, [("authorization", authorization.as_str()), ("x-scope", "a:b")]);
    assert!(!format!("{otlp:?}").contains(SECRET), "{otlp:?}");
    assert!(with_headers(&lines, Role::Other).unwrap().headers.is_empty());

    for wrong in [SECRET, "a b: c", "a-bin: c", "a:", ": c", "a: \u{e9}"] {
        let errors = with_headers(wrong, Role::Api).unwrap_err().to_string();
        assert!(
            errors.starts_with("telemetry.otlp.headers_file: write a line"),
            "{errors}"
        );
        assert!(!errors.contains(SECRET), "{errors}");
    }
}
