//! Reads sections of the merged file and environment, and collects all errors.
//!
//! Each key of a section is read by itself, so one wrong type hides no other. `check` decides whether
//! the values fit together.

mod env;
mod fields;
mod files;
mod message;

use std::collections::BTreeMap;

use config::{ConfigError, File, FileFormat, Map, Value, ValueKind};
use serde::de::DeserializeOwned;

use super::Role;
use super::auth::{Auth, Jwt, Key};
use super::error::ConfigErrors;
use super::preset::Lacking;
use super::target::{Table, Target};
pub use env::target_variable;
pub(super) use fields::fields;
use files::Files;

/// The settings that are not read yet, and the errors so far.
pub(super) struct Reader<'a> {
    rest: Map<String, Value>,
    env: &'a BTreeMap<String, String>,
    files: Files,
    errors: ConfigErrors,
}

/// A target, and its path in the file. A target that could not be read leaves a gap in the numbers.
pub(super) struct Placed {
    /// `target[1]`.
    pub(super) path: String,
    /// The target.
    pub(super) target: Target,
    /// `target[1].table[0]` for each of its tables; `target[1].preset.table[0]` for a preset's.
    pub(super) tables: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Merges `env` over `text`, and reads the files that hold settings.
    ///
    /// # Errors
    ///
    /// A text that is not TOML; it hides all other errors.
    pub(super) fn new(text: &str, env: &'a BTreeMap<String, String>, role: Role) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let (settings, targets) = env::split(env, &mut errors);
        let merged = config::Config::builder()
            .add_source(File::from_str(text, FileFormat::Toml))
            .add_source(env::source(settings))
            .build()
            .and_then(|merged| merged.cache.into_table());
        let mut rest = match merged {
            Ok(rest) => rest,
            Err(error) => {
                errors.push("the file", message::of_file(&error));
                return Err(errors);
            }
        };
        env::apply_to_targets(&targets, rest.get_mut("target"), &mut errors);
        let files = Files::read(&mut rest, role, &mut errors);
        Ok(Self {
            rest,
            env,
            files,
            errors,
        })
    }

    /// Returns the settings whose files other users of the machine can read.
    pub(super) fn exposed(&self) -> Vec<String> {
        self.files.exposed.clone()
    }

    /// Reads a section whose keys all have defaults.
    pub(super) fn section<T: DeserializeOwned + Default>(&mut self, name: &str) -> T {
        env::refuse_near_misses(self.env, name, &keys::<T>(name), &mut self.errors);
        let Some(table) = self.take_table(name) else {
            return T::default();
        };
        let mut right = Map::new();
        for (key, value) in table {
            if self.read::<T>(name, alone(&key, &value)).is_some() {
                right.insert(key, value);
            }
        }
        // The wrong keys were reported above. The right ones are still checked for sense.
        T::deserialize(Value::new(None, right)).unwrap_or_default()
    }

    /// Reads `[[auth.key]]` and `[[auth.jwt]]`.
    pub(super) fn auth(&mut self) -> Auth {
        let Some(mut table) = self.take_table("auth") else {
            return Auth::default();
        };
        let keys = self.take_list("auth.key", table.remove("key"));
        let jwts = self.take_list("auth.jwt", table.remove("jwt"));
        for other in table.keys() {
            self.errors.push(
                format_args!("auth.{other}"),
                "unknown key; write [[auth.key]] or [[auth.jwt]]",
            );
        }
        let mut auth = Auth::default();
        for (n, key) in keys.into_iter().enumerate() {
            let path = format!("auth.key[{n}]");
            if let Some(key) = self.entry::<Key>(&path, key) {
                auth.add(&path, key, &mut self.errors);
            }
        }
        for (n, jwt) in jwts.into_iter().enumerate() {
            let path = format!("auth.jwt[{n}]");
            if let Some(jwt) = self.entry::<Jwt>(&path, jwt) {
                auth.add_jwt(&path, jwt, &mut self.errors);
            }
        }
        auth
    }

    /// Reads `[[target]]`: each target, its tables, and then the tables of its preset.
    pub(super) fn targets(&mut self) -> Vec<Placed> {
        let written = self.rest.remove("target");
        let mut targets = Vec::new();
        for (n, mut value) in self.take_list("target", written).into_iter().enumerate() {
            let path = format!("target[{n}]");
            let written = match &mut value.kind {
                ValueKind::Table(table) => table.remove("table"),
                _ => None,
            };
            let mut tables = self.tables(&path, written);
            if let Some(target) = self.entry::<Target>(&path, value) {
                let known = self.preset(&path, &target);
                let news = |table: &Table| tables.iter().all(|(_, own)| own.name != table.name);
                let known: Vec<_> = known.into_iter().filter(|(_, table)| news(table)).collect();
                tables.extend(known);
                let (tables, read) = tables.into_iter().unzip();
                let target = Target { tables: read, ..target };
                targets.push(Placed { path, target, tables });
            }
        }
        targets
    }

    /// Reads a list of tables, each with its path.
    fn tables(&mut self, path: &str, written: Option<Value>) -> Vec<(String, Table)> {
        let mut tables = Vec::new();
        let written = self.take_list(&format!("{path}.table"), written);
        for (n, value) in written.into_iter().enumerate() {
            let path = format!("{path}.table[{n}]");
            if let Some(table) = self.entry::<Table>(&path, value) {
                tables.push((path, table));
            }
        }
        tables
    }

    /// Reads the tables that the target's preset stands for.
    fn preset(&mut self, path: &str, target: &Target) -> Vec<(String, Table)> {
        let Some(preset) = target.preset else {
            return Vec::new();
        };
        let written = toml(preset.text(target)).map(|mut preset| preset.remove("table"));
        let written = written.expect("the presets are TOML: a test reads each of them");
        let mut tables = Vec::new();
        for (place, table) in self.tables(&format!("{path}.preset"), written) {
            match preset.fit(table, target) {
                Ok(table) => tables.push((place, table)),
                Err(lacking) => {
                    let (store, url) = match lacking {
                        Lacking::Sql => ("sql", "postgres://user@host/database"),
                        Lacking::Vector => ("vector", "http://host:6334"),
                    };
                    self.errors.push(
                        format_args!("{path}.{store}"),
                        format!("is missing, and the preset needs it; write {store} = {{ url = \"{url}\" }}"),
                    );
                }
            }
        }
        tables
    }

    /// Refuses every section that was not read.
    pub(super) fn finish(mut self) -> ConfigErrors {
        for name in self.rest.keys() {
            self.errors
                .push(name, "unknown section; remove it, or see the sample for its name");
        }
        self.errors
    }

    fn take_table(&mut self, name: &str) -> Option<Map<String, Value>> {
        let ValueKind::Table(table) = self.rest.remove(name)?.kind else {
            self.errors.push(name, format!("write a section: [{name}]"));
            return None;
        };
        Some(table)
    }

    fn take_list(&mut self, name: &str, written: Option<Value>) -> Vec<Value> {
        match written.map(|written| written.kind) {
            None => Vec::new(),
            Some(ValueKind::Array(elements)) => elements,
            Some(_) => {
                let last = name.rsplit('.').next().unwrap_or(name);
                self.errors
                    .push(name, format!("write a list of sections: [[… {last}]] in the file"));
                Vec::new()
            }
        }
    }

    /// Reads an entry of a list: each of its keys by itself, then all, because some keys have no default.
    fn entry<T: DeserializeOwned>(&mut self, path: &str, value: Value) -> Option<T> {
        let ValueKind::Table(table) = &value.kind else {
            return self.read(path, value);
        };
        let said = self.errors.0.len();
        for (key, value) in table {
            match self.attempt::<T>(path, alone(key, value)) {
                Err(error) if !message::is_missing(&error) => self.refuse(path, error),
                _ => {}
            }
        }
        match T::deserialize(value) {
            Ok(read) => Some(read),
            Err(error) => {
                // The order of serde's errors is arbitrary. Only a missing key is a new error here.
                if self.errors.0.len() == said || message::is_missing(&error) {
                    self.refuse(path, error);
                }
                None
            }
        }
    }

    /// Reads one value, and records its error and its unknown keys.
    fn read<T: DeserializeOwned>(&mut self, path: &str, value: Value) -> Option<T> {
        self.attempt(path, value).map_err(|error| self.refuse(path, error)).ok()
    }

    /// Reads one value, and records its unknown keys.
    fn attempt<T: DeserializeOwned>(&mut self, path: &str, value: Value) -> Result<T, ConfigError> {
        let mut unknown = Vec::new();
        let read = serde_ignored::deserialize(value, |key| unknown.push(fields::path(&key)));
        for key in unknown {
            // The keys of a nested table are not known here; the sample shows them.
            let known = if key.contains('.') { Vec::new() } else { keys::<T>(path) };
            self.errors
                .push(format_args!("{path}.{key}"), message::unknown_key(&known));
        }
        read
    }

    fn refuse(&mut self, path: &str, error: ConfigError) {
        let (key, change) = message::of_value(error);
        let dot = if key.is_empty() { "" } else { "." };
        let key = format!("{path}{dot}{key}");
        if !self.files.unread.contains(&key) {
            self.errors.push(key, change);
        }
    }
}

/// Returns the keys of a section or of an entry of a list.
fn keys<T: DeserializeOwned>(path: &str) -> Vec<&'static str> {
    fields::<T>().iter().chain(files::keys(path)).copied().collect()
}

/// Reads a TOML text by itself.
fn toml(text: &str) -> Result<Map<String, Value>, ConfigError> {
    config::Config::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .build()
        .and_then(|read| read.cache.into_table())
}

/// Returns a table with one key.
fn alone(key: &str, value: &Value) -> Value {
    Value::new(None, Map::from_iter([(key.to_owned(), value.clone())]))
}
