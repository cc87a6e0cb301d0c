//! The variables that are settings: `LETHE_` and at least one `__`.
//!
//! Variables without `__` are ignored. They belong to the command line (`LETHE_CONFIG`) or to
//! Kubernetes (`LETHE_SERVICE_HOST` beside a service called `lethe`).

use std::collections::BTreeMap;

use config::{Environment, Map, Value, ValueKind};

use super::super::error::ConfigErrors;

const PREFIX: &str = "LETHE_";
const TARGET: &str = "LETHE_TARGET__";

/// The advice for a variable about a target that no variable can set.
const UNSETTABLE: &str = "rename the [[target]], or write the setting into the file: no variable can name a target with an underscore or hyphen at \
     an end, or with two in a row";

/// Returns the variable that sets a key of a target, such as `SQL__URL`; `None` if the target's name allows no variable.
pub fn target_variable(target: &str, key: &str) -> Option<String> {
    let name = in_variables(target);
    is_settable(&name).then(|| format!("{TARGET}{}__{key}", name.to_uppercase()))
}

/// Returns a target's name as variables have it: in lower case, and without `-`, which no shell can export.
fn in_variables(target: &str) -> String {
    target.to_lowercase().replace('-', "_")
}

/// Returns whether the underscores of a name can be told from those that separate keys.
fn is_settable(name: &str) -> bool {
    !name.contains("__") && !name.starts_with('_') && !name.ends_with('_')
}

/// Separates the settings of sections from those of targets, which are found by name.
pub(super) fn split(
    env: &BTreeMap<String, String>,
    errors: &mut ConfigErrors,
) -> (Map<String, String>, Map<String, String>) {
    env.iter()
        .filter(|(name, _)| name.starts_with(PREFIX) && name.contains("__"))
        .filter(|(name, value)| {
            // The merge would refuse such a name, in an error that does not show it.
            let fine = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && !name.ends_with('_')
                && !name.contains("___");
            if !fine && name.starts_with(TARGET) {
                errors.push(name, format!("write LETHE_TARGET__NAME__SECTION__KEY; {UNSETTABLE}"));
            } else if !fine {
                errors.push(name, "write LETHE_SECTION__KEY");
            }
            // The standard library puts this character in place of bytes that are not UTF-8.
            let text = !value.contains('\u{fffd}');
            if !text {
                errors.push(name, "write a value in UTF-8");
            }
            fine && text
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .partition(|(name, _)| !name.starts_with(TARGET))
}

/// Returns the source that the `config` crate merges.
pub(super) fn source(settings: Map<String, String>) -> Environment {
    Environment::with_prefix("LETHE")
        .prefix_separator("_")
        .separator("__")
        // `LETHE_DOORBELL__URL=` in a compose file means no value.
        .ignore_empty(true)
        .source(Some(settings))
}

/// Puts `LETHE_TARGET__MAIN__SQL__URL` and the like into the file's targets.
///
/// The merge cannot: it has no names for the elements of a list.
pub(super) fn apply_to_targets(settings: &Map<String, String>, targets: Option<&mut Value>, errors: &mut ConfigErrors) {
    let mut none = Vec::new();
    let targets = match targets.map(|targets| &mut targets.kind) {
        Some(ValueKind::Array(targets)) => targets,
        _ => &mut none,
    };
    for (variable, value) in settings {
        if value.is_empty() {
            continue;
        }
        let path = variable.trim_start_matches(TARGET).to_lowercase();
        let may_mean = |name: &str| !is_settable(name) && path.starts_with(&format!("{name}__"));
        if targets.iter().filter_map(name_of).any(|name| may_mean(&name)) {
            errors.push(variable, UNSETTABLE);
            continue;
        }
        let mut path = path.split("__");
        let name = path.next().unwrap_or_default();
        let mut named = targets
            .iter_mut()
            .filter(|target| name_of(target).as_deref() == Some(name));
        match (named.next(), named.next()) {
            (Some(target), None) => set(target, path, value),
            (Some(_), Some(_)) => errors.push(
                variable,
                "rename one of the [[target]]s that this variable may mean: their names differ in - and _ only",
            ),
            (None, _) => errors.push(variable, "write the name of a [[target]] in the file"),
        }
    }
}

/// Returns the name of a target as variables have it.
fn name_of(target: &Value) -> Option<String> {
    let ValueKind::Table(table) = &target.kind else {
        return None;
    };
    match table.get("name").map(|name| &name.kind) {
        Some(ValueKind::String(own)) => Some(in_variables(own)),
        _ => None,
    }
}

fn set<'a>(into: &mut Value, mut path: impl Iterator<Item = &'a str>, value: &str) {
    let Some(key) = path.next() else {
        *into = Value::new(None, value);
        return;
    };
    if !matches!(into.kind, ValueKind::Table(_)) {
        *into = Value::new(None, Map::<String, Value>::new());
    }
    if let ValueKind::Table(table) = &mut into.kind {
        set(table.entry(key.to_owned()).or_default(), path, value);
    }
}

/// Refuses `LETHE_LEDGER_URL`, which would silently do nothing.
///
/// Only names whose rest is a key of the section: beside a service called `lethe-api`, Kubernetes
/// sets `LETHE_API_PORT`.
pub(super) fn refuse_near_misses(
    env: &BTreeMap<String, String>,
    section: &str,
    keys: &[&str],
    errors: &mut ConfigErrors,
) {
    let section = section.to_uppercase();
    for key in keys {
        let near = format!("{PREFIX}{section}_{}", key.to_uppercase());
        if env.contains_key(&near) {
            let right = format!("{PREFIX}{section}__{}", key.to_uppercase());
            errors.push(near, format!("write {right}, with two underscores"));
        }
    }
}
