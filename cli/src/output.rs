//! What the commands print. Everything else in the program logs.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool answers on its terminal"
)]

/// Prints a line of the answer.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Prints why a command failed.
pub(crate) fn error(text: &str) {
    eprintln!("error: {text}");
}
