//! What the commands print. Everything else in the program logs.

use std::io::{Write, stderr, stdout};

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::Value;

/// How to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One line of JSON.
    Json,
}

/// Prints a line of the answer.
pub(crate) fn line(text: &str) {
    // Whoever reads may have seen enough and gone, as `head` does: no reason to panic.
    drop(writeln!(stdout(), "{text}"));
}

/// Prints what is worth knowing beside the answer.
pub(crate) fn note(text: &str) {
    drop(writeln!(stderr(), "note: {text}"));
}

/// Prints why a command failed.
pub(crate) fn error(text: &str) {
    drop(writeln!(stderr(), "error: {text}"));
}

/// Prints an answer.
pub(crate) fn show(answer: &Value) -> anyhow::Result<()> {
    if answer.is_null() {
        bail!("the API did not answer with anything: look at the URL");
    }
    line(&serde_json::to_string_pretty(answer).context("print the answer")?);
    Ok(())
}
