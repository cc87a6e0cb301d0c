//! Prometheus' text format, for metrics that are rendered straight from the ledger.
//!
//! The exporter cannot remove a series, and a job that ended must not stay on a dashboard.

use std::fmt::{Display, Write};

/// Begins a metric.
pub(super) fn begin(text: &mut String, name: &str, kind: &str, help: &str) {
    let help = help.replace('\\', r"\\").replace('\n', r"\n");
    write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n").expect("a String takes any text");
}

/// Adds one sample.
pub(super) fn sample(text: &mut String, name: &str, labels: &[(&str, &str)], value: impl Display) {
    text.push_str(name);
    for (n, (label, content)) in labels.iter().enumerate() {
        let content = content.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        let before = if n == 0 { '{' } else { ',' };
        write!(text, "{before}{label}=\"{content}\"").expect("a String takes any text");
    }
    let after = if labels.is_empty() { "" } else { "}" };
    writeln!(text, "{after} {value}").expect("a String takes any text");
}
