//! The output of the commands. All other output of the program is logs.
//!
//! People read texts, in colours on a terminal. Scripts read `--output json`: one line for each answer or entry.

mod table;

use std::io::{Write, stderr, stdout};

use anyhow::bail;
use clap::ValueEnum;
use serde_json::Value;

pub(crate) use table::{Cell, Table, printable};

/// The form of an answer.
// Its values have no help texts: with them, clap prints a paragraph for each option of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

/// Prints a line of the answer as it is.
pub(crate) fn line(text: &str) {
    // The reader may have stopped, as `head` does. That is no reason to panic.
    drop(writeln!(stdout(), "{text}"));
}

/// Prints a line that may have colours: a terminal shows them, unless `NO_COLOR` is set.
pub(crate) fn coloured(text: &str) {
    drop(writeln!(anstream::stdout(), "{text}"));
}

/// Prints a line of progress beside the answer. It may have colours.
pub(crate) fn progress(text: &str) {
    drop(writeln!(anstream::stderr(), "{text}"));
}

/// Prints an answer as one line of JSON.
pub(crate) fn json(answer: &Value) -> anyhow::Result<()> {
    if answer.is_null() {
        bail!("check the URL: the answer of the API was empty");
    }
    line(&answer.to_string());
    Ok(())
}

/// Prints a note beside the answer.
pub(crate) fn note(text: &str) {
    drop(writeln!(stderr(), "note: {text}"));
}

/// Prints the reason why a command failed.
pub(crate) fn error(text: &str) {
    drop(writeln!(stderr(), "error: {text}"));
}

/// Prints what to do about an error.
pub(crate) fn help(text: &str) {
    drop(writeln!(stderr(), "help: {text}"));
}
