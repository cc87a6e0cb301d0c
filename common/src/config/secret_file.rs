//! Files that hold a secret.

use std::path::Path;

use super::error::ConfigErrors;

/// Returns the content of the file that `key` names, if it names one.
pub(super) fn content(file: Option<&Path>, key: &str, errors: &mut ConfigErrors) -> Option<String> {
    match std::fs::read_to_string(file?) {
        Ok(text) => Some(text),
        Err(error) => {
            errors.push(key, format!("name a file that can be read: {}", error.kind()));
            None
        }
    }
}

/// Returns whether other users of the machine can read a file.
#[cfg(unix)]
pub(super) fn is_exposed(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
pub(super) fn is_exposed(_file: &Path) -> bool {
    false
}
