//! What the commands print. Everything else in the program logs.

use std::io::{Write, stderr, stdout};

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
