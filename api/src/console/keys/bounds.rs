//! The bounds of a key in words, without the person and the workspaces.

use crate::console::words;
use crate::routes::keys::KeyAnswer;

/// Returns the bounds of a key. Persons and workspaces are only counted.
pub(super) fn bounds(key: &KeyAnswer) -> String {
    let person = key.user.as_ref().map(|_| "one person".to_owned());
    let workspaces = key.workspaces.as_ref().map(|names| {
        let n = u64::try_from(names.len()).unwrap_or(u64::MAX);
        words::many(n, "workspace", "workspaces")
    });
    let targets = key.targets.as_ref().map(|names| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("in {}", names.join(", "))
    });
    let parts: Vec<String> = [person, workspaces, targets].into_iter().flatten().collect();
    if parts.is_empty() {
        "everything".to_owned()
    } else {
        parts.join(", ")
    }
}
