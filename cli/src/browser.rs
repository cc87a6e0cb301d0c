//! Opening a page in a browser.

use std::process::{Command, Stdio};
use std::thread;

/// The program that opens a page in the browser of this system.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Opens a page, if there is a program for it. Nothing fails otherwise: the caller has printed the address.
// Some openers run for as long as the browser. Their thread ends with the process.
pub(crate) fn open(url: String) {
    thread::spawn(move || {
        let mut command = Command::new(OPENER);
        command
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        drop(command.status());
    });
}
