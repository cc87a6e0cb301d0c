//! The output of the commands. All other output of the program is logs.

use std::io::{Write, stderr, stdout};

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::Value;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One line of JSON.
    Json,
}

/// Prints a line of the answer.
pub(crate) fn line(text: &str) {
    // The reader may have stopped, as `head` does. That is no reason to panic.
    drop(writeln!(stdout(), "{text}"));
}

/// Prints a note beside the answer.
pub(crate) fn note(text: &str) {
    drop(writeln!(stderr(), "note: {text}"));
}

/// Prints the reason why a command failed.
pub(crate) fn error(text: &str) {
    drop(writeln!(stderr(), "error: {text}"));
}

/// Prints an answer.
pub(crate) fn show(answer: &Value) -> anyhow::Result<()> {
    if answer.is_null() {
        bail!("check the URL: the answer of the API was empty");
    }
    line(&serde_json::to_string_pretty(answer).context("print the answer")?);
    Ok(())
}
