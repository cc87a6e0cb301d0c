//! `[receipts]`: the issuer and the keys of receipts, and the log that names them.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Role;
use super::error::ConfigErrors;
use super::secret_file::is_exposed;
use super::text;

/// The issuer where none is written. The top-level domain `invalid` belongs to nobody (RFC 2606).
const NOBODY: &str = "lethe.invalid";

/// The advice where [`is_plain`] refuses a name.
const PLAIN: &str = "write a name such as \"lethe.example.com\": no scheme, no space, no +";

/// The issuer and the keys of receipts, and the log that names them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Receipts {
    /// The name of the issuer. Absent: [`Receipts::issuer`] has a default.
    pub issuer: Option<String>,
    /// The name of the log in its checkpoints. Absent: the issuer and `/log`.
    pub origin: Option<String>,
    /// The file with the private key. Absent: a key that Lethe makes.
    pub key_file: Option<PathBuf>,
    /// The files with earlier private keys, which go on signing.
    pub previous_key_files: Vec<PathBuf>,
    /// Whether the log is open to everybody.
    pub public: bool,
    /// Whether every api signs receipts and adds to the log. With `false`, `lethe sequence` does.
    pub sequence: bool,
    /// The time between two rounds that sign receipts and add to the log.
    #[serde(deserialize_with = "text::duration")]
    pub pace: Duration,
}

impl Default for Receipts {
    fn default() -> Self {
        Self {
            issuer: None,
            origin: None,
            key_file: None,
            previous_key_files: Vec::new(),
            public: false,
            sequence: true,
            // A caller who asks for a receipt waits for one round.
            pace: Duration::from_secs(1),
        }
    }
}

impl Receipts {
    /// Returns the name of the issuer.
    pub fn issuer(&self) -> &str {
        self.issuer.as_deref().unwrap_or(NOBODY)
    }

    /// Returns the name of the log.
    pub fn origin(&self) -> String {
        let default = || format!("{}/log", self.issuer());
        self.origin.clone().unwrap_or_else(default)
    }

    /// Checks the names, and notes key files that other users can read. Only a process that serves has keys.
    pub(super) fn check(&self, role: Role, exposed: &mut Vec<String>, errors: &mut ConfigErrors) {
        for (key, name) in [("receipts.issuer", &self.issuer), ("receipts.origin", &self.origin)] {
            errors.require(name.as_deref().is_none_or(is_plain), key, PLAIN);
        }
        errors.require(
            (Duration::from_millis(100)..=Duration::from_mins(1)).contains(&self.pace),
            "receipts.pace",
            "write a time from 100ms to 1min",
        );
        if !role.serves() {
            return;
        }
        if self.key_file.as_deref().is_some_and(is_exposed) {
            exposed.push("receipts.key_file".to_owned());
        }
        for (n, file) in self.previous_key_files.iter().enumerate() {
            if is_exposed(file) {
                exposed.push(format!("receipts.previous_key_files[{n}]"));
            }
        }
    }
}

/// Returns whether a name can stand in the first line of a checkpoint and in a signature's line.
fn is_plain(name: &str) -> bool {
    let is_allowed = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    (1..=255).contains(&name.len()) && name.chars().all(is_allowed) && !name.contains("://")
}
