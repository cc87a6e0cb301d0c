//! The configuration: one file, the environment over it, and everything has a default.
//!
//! This is the only module that reads the environment. What can be said about a setting without a
//! database or a network is said here, once, at the start: unknown keys, wrong types and settings
//! that contradict each other are refused together. Nothing here opens a connection.

mod api;
mod auth;
mod check;
mod compat;
mod cors;
mod doorbell;
mod error;
mod lease;
mod ledger;
mod log;
mod mapping;
mod place;
mod preset;
mod read;
mod retention;
mod retry;
mod scope;
mod server_tls;
mod sharing;
mod sibling;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod tls;
mod worker;

use std::collections::BTreeMap;
use std::path::Path;

pub use api::Api;
pub use auth::{Auth, Bounds, Jwt, JwtAlgorithm, JwtKey, Key, KeyHash, Scope};
pub use compat::{Compat, CompatTarget, Containers, OnTimeout, OpenSearch};
pub use cors::Cors;
pub use doorbell::Doorbell;
pub use error::{ConfigError, ConfigErrors};
pub use lease::Lease;
pub use ledger::Ledger;
pub use log::{Log, LogFormat};
pub use mapping::Mapping;
pub use preset::Preset;
pub use retention::Retention;
pub use retry::Retry;
pub use scope::{Constant, MappingScope};
pub use server_tls::ServerTls;
pub use sibling::{PlaceKind, Sibling};
pub use target::{
    Collection, Columns, Dependent, FieldPath, Owners, Payload, PointId, SqlEndpoint, Table, Target, TimeZone, Uuids,
    VectorEndpoint,
};
pub use text::{NAME, is_name};
pub use tls::Tls;
pub use worker::Worker;

use read::Reader;

/// The file that is read when no other is named and it exists.
pub const DEFAULT_FILE: &str = "lethe.toml";

/// What the process that reads the configuration is going to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It never touches a store, so the stores' credentials may be missing from its environment.
    /// What tokens are verified with must be there.
    Api,
    /// It works on the stores: every `api_key_env` must be set.
    Worker,
    /// It does both.
    All,
    /// It does neither: no credentials are looked for.
    Other,
}

impl Role {
    fn serves(self) -> bool {
        matches!(self, Self::Api | Self::All)
    }

    fn erases(self) -> bool {
        matches!(self, Self::Worker | Self::All)
    }
}

/// The whole configuration of a process.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Where Lethe keeps its own state.
    pub ledger: Ledger,
    /// How processes wake each other.
    pub doorbell: Doorbell,
    /// The HTTP interface.
    pub api: Api,
    /// The workers.
    pub worker: Worker,
    /// How long work is held exclusively.
    pub lease: Lease,
    /// When failed work is tried again, and when it is given up.
    pub retry: Retry,
    /// How long what was recorded about a job stays.
    pub retention: Retention,
    /// The delete APIs of other systems.
    pub compat: Compat,
    /// Who may do what.
    pub auth: Auth,
    /// What is logged, and how.
    pub log: Log,
    /// Where memories are.
    pub targets: Vec<Target>,
    /// Settings that say of servers on other machines that they need not prove their names.
    pub unverified: Vec<String>,
}

impl Config {
    /// Reads `path`, or [`DEFAULT_FILE`] if there is one, or nothing, and the environment over it.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, in one go; no text holds a secret.
    pub fn load(path: Option<&Path>, role: Role) -> Result<Self, ConfigErrors> {
        let path = path.or_else(|| {
            let default = Path::new(DEFAULT_FILE);
            default.exists().then_some(default)
        });
        let text = match path {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| ConfigError::new(path.display(), format!("cannot be read: {}", error.kind())))?,
        };
        // A variable that is not UTF-8 cannot be one of ours; `read` names it if it looks like one.
        let env = std::env::vars_os()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into_owned(),
                    value.to_string_lossy().into_owned(),
                )
            })
            .collect();
        Self::parse(&text, &env, role)
    }

    /// Reads a configuration from `text` alone, without the environment.
    ///
    /// # Errors
    ///
    /// As [`Config::load`]; files and variables that it names are not looked for.
    pub fn from_toml(text: &str) -> Result<Self, ConfigErrors> {
        Self::parse(text, &BTreeMap::new(), Role::Other)
    }

    /// Reads a configuration from `text` with the variables of `env` over it.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn parse(text: &str, env: &BTreeMap<String, String>, role: Role) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(text, env)?;
        let mut config = Self {
            ledger: reader.section("ledger"),
            doorbell: reader.section("doorbell"),
            api: reader.section("api"),
            worker: reader.section("worker"),
            lease: reader.section("lease"),
            retry: reader.section("retry"),
            retention: reader.section("retention"),
            log: reader.section("log"),
            compat: reader.section("compat"),
            auth: reader.auth(),
            targets: Vec::new(),
            unverified: Vec::new(),
        };
        let placed = reader.targets();
        let mut errors = reader.finish();
        check::sections(&config, &mut errors);
        let ledger = config.ledger.url.as_ref();
        config.targets = check::targets(placed, ledger, env, role, &mut errors);
        config.compat.check(&config.targets, &mut errors);
        check::auth(&mut config, env, role, &mut errors);
        tls::check(&mut config, &mut errors);
        errors.into_result(config)
    }

    /// Returns the target that callers call `name`.
    pub fn target(&self, name: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.name == name)
    }

    /// Returns every mapping of every target with its digest: what a worker may claim.
    pub fn mappings(&self) -> impl Iterator<Item = Mapping<'_>> {
        self.targets.iter().flat_map(Target::mappings)
    }
}
