//! The check of texts from callers.

use crate::http::problem::Problem;

/// Refuses a text that no store could hold as an id or an owner.
pub(crate) fn text(field: &str, value: &str, max_length: usize) -> Result<(), Problem> {
    let refused = |what: String| Err(Problem::invalid(field, what));
    if value.is_empty() {
        refused("write something, or leave it out".to_owned())
    } else if value.len() > max_length && value.chars().count() > max_length {
        refused(format!("write at most {max_length} characters"))
    } else if value.contains('\0') {
        // No SQL database stores it in a text, and JSON columns refuse it.
        refused("leave the character U+0000 out".to_owned())
    } else {
        Ok(())
    }
}
