//! Turns the errors of libraries into advice: what to change in the configuration.
//!
//! Libraries quote values, and any value may be a secret. Only our own words, names of types and
//! positions pass.

use config::ConfigError;

/// Returns the key of a value that could not be read, and the advice for it.
pub(super) fn of_value(error: ConfigError) -> (String, String) {
    match error {
        ConfigError::NotFound(key) => (key, "is missing; add it".to_owned()),
        ConfigError::Type { key, expected, .. } => (key.unwrap_or_default(), of_expected(expected)),
        ConfigError::At { error, key, .. } => {
            let (inner, change) = of_value(*error);
            let outer = key.unwrap_or_default();
            (if outer.is_empty() { inner } else { outer }, change)
        }
        ConfigError::Message(text) => (String::new(), of_text(&text)),
        _ => (String::new(), UNREADABLE.to_owned()),
    }
}

/// Returns whether a key is missing, at this level or below it.
pub(super) fn is_missing(error: &ConfigError) -> bool {
    match error {
        ConfigError::NotFound(_) => true,
        ConfigError::At { error, .. } => is_missing(error),
        _ => false,
    }
}

const UNREADABLE: &str = "write a value of the form that the sample shows";

fn of_text(text: &str) -> String {
    // Our own messages start with `write`, and hold no value.
    if text.starts_with("write ") {
        return text.to_owned();
    }
    // "invalid type: string \"…\", expected struct SqlEndpoint": only the expected type passes.
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => of_expected(expected),
        None => UNREADABLE.to_owned(),
    }
}

fn of_expected(expected: &str) -> String {
    if expected.starts_with("struct ") {
        return "write a table: { … }".to_owned();
    }
    // The libraries' words for integers name bits.
    if expected.ends_with("integer") {
        return "write a whole number, 0 or more".to_owned();
    }
    format!("write {expected}")
}

/// Returns the position where a file stops being TOML.
pub(super) fn of_file(error: &ConfigError) -> String {
    let text = match error {
        ConfigError::FileParse { cause, .. } => cause.to_string(),
        _ => String::new(),
    };
    // The lines after the first quote the file, and the quoted line may hold a password.
    match text.lines().next().and_then(|first| first.split_once(" at ")) {
        Some((_, place)) if place.starts_with("line ") => {
            format!("is not TOML at {place}; correct that line")
        }
        _ => "is not TOML; correct it".to_owned(),
    }
}

/// Returns the advice for an unknown key.
pub(super) fn unknown_key(known: &[&str]) -> String {
    if known.is_empty() {
        return "unknown key; remove it, or see the sample for its name".to_owned();
    }
    format!("unknown key; the keys here are {}", known.join(", "))
}
