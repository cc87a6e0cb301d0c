//! Settings whose value is the content of a file: `url_file` in place of `url`.
//!
//! Platforms and secret managers hand out secrets as files. A file is read once, at the start.

use std::path::Path;

use config::{Map, Value, ValueKind};

use super::super::Role;
use super::super::error::ConfigErrors;
use super::super::place::{has_password, is_same_database};
use super::super::secret_file::{content, is_exposed};

/// The sections that have a `url`.
const SECTIONS: [&str; 2] = ["ledger", "doorbell"];

/// A setting that a file may hold.
struct FileSetting {
    /// The key of the value.
    value: &'static str,
    /// The key of the file's path.
    file: &'static str,
    /// All keys for this value. A section has one of them.
    all: &'static [&'static str],
    /// Whether the value may be a secret.
    is_secret: bool,
    /// Whether a process with this role needs the value.
    is_needed: fn(Role) -> bool,
    /// Whether the value without its password may stand beside the file. Then only a process that needs the password
    /// reads the file.
    may_be_beside: bool,
}

/// A URL that may hold a password.
const URL: FileSetting = FileSetting {
    value: "url",
    file: "url_file",
    all: &["url", "url_file"],
    is_secret: true,
    is_needed: |_| true,
    may_be_beside: false,
};

/// The URL of a target's database. Every role needs it without the password: it decides which memories share a place.
const DATABASE_URL: FileSetting = FileSetting {
    is_needed: Role::erases,
    may_be_beside: true,
    ..URL
};

/// A URL without credentials.
const PLAIN_URL: FileSetting = FileSetting {
    is_secret: false,
    ..URL
};

const API_KEY: FileSetting = FileSetting {
    value: "api_key",
    file: "api_key_file",
    all: &["api_key", "api_key_env", "api_key_file"],
    is_secret: true,
    // As with `api_key_env`: only workers call stores.
    is_needed: Role::erases,
    may_be_beside: false,
};

/// Returns the keys of a section that name files.
pub(super) fn keys(section: &str) -> &'static [&'static str] {
    if SECTIONS.contains(&section) {
        &["url_file"]
    } else {
        &[]
    }
}

/// The settings that were read from files.
#[derive(Default)]
pub(super) struct Files {
    /// The settings whose files could not be used. Their values are missing, which is no error of its own.
    pub(super) unread: Vec<String>,
    /// The settings whose files other users of the machine can read.
    pub(super) exposed: Vec<String>,
}

impl Files {
    /// Puts the content of files in the place of the settings that name them.
    pub(super) fn read(rest: &mut Map<String, Value>, role: Role, errors: &mut ConfigErrors) -> Self {
        let mut files = Self::default();
        for name in SECTIONS {
            if let Some(section) = rest.get_mut(name) {
                files.put(section, name, &[URL], role, errors);
            }
        }
        let Some(ValueKind::Array(targets)) = rest.get_mut("target").map(|targets| &mut targets.kind) else {
            return files;
        };
        for (n, target) in targets.iter_mut().enumerate() {
            let ValueKind::Table(target) = &mut target.kind else {
                continue;
            };
            for (store, settings) in [("sql", &[DATABASE_URL][..]), ("vector", &[PLAIN_URL, API_KEY][..])] {
                if let Some(store_table) = target.get_mut(store) {
                    files.put(store_table, &format!("target[{n}].{store}"), settings, role, errors);
                }
            }
        }
        files
    }

    fn put(
        &mut self,
        section: &mut Value,
        path: &str,
        settings: &[FileSetting],
        role: Role,
        errors: &mut ConfigErrors,
    ) {
        let ValueKind::Table(table) = &mut section.kind else {
            return;
        };
        for setting in settings {
            let Some(file) = table.remove(setting.file) else {
                continue;
            };
            let key = format!("{path}.{}", setting.file);
            let is_beside = setting.all.iter().any(|other| table.contains_key(*other));
            if is_beside && !setting.may_be_beside {
                errors.push(&key, format!("write exactly one of {}", setting.all.join(", ")));
                continue;
            }
            let plain = table
                .get(setting.value)
                .and_then(|plain| plain.clone().into_string().ok());
            let plain_key = format!("{path}.{}", setting.value);
            if is_beside && plain.as_deref().is_some_and(has_password) {
                errors.push(&plain_key, format!("remove the password: {} has it", setting.file));
                continue;
            }
            // Without a value beside it, the file is the only source.
            let has_another = is_beside || !setting.may_be_beside;
            if has_another && !(setting.is_needed)(role) {
                continue;
            }
            let read = if let Ok(file) = file.into_string() {
                self.content(setting, Path::new(&file), &key, errors)
            } else {
                errors.push(&key, "write the path of a file");
                None
            };
            let Some(text) = read else {
                self.unread.push(plain_key);
                continue;
            };
            // Other processes check by the plain value which memories share a place.
            let is_same = plain.is_none_or(|plain| is_same_database(&plain, &text));
            errors.require(
                is_same,
                &plain_key,
                "write the database that url_file names, without the password",
            );
            table.insert(setting.value.to_owned(), Value::new(None, text));
        }
    }

    /// Returns the trimmed content of a file.
    fn content(&mut self, setting: &FileSetting, file: &Path, key: &str, errors: &mut ConfigErrors) -> Option<String> {
        let text = content(Some(file), key, errors)?;
        if setting.is_secret && is_exposed(file) {
            self.exposed.push(key.to_owned());
        }
        let text = text.trim();
        errors.require(!text.is_empty(), key, "write the value into the file: it is empty");
        (!text.is_empty()).then(|| text.to_owned())
    }
}
