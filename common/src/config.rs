//! The configuration: one file, with the environment over it. Every setting has a default.
//!
//! Only this module reads the environment. It checks every setting once, at the start, as far as that
//! needs no database and no network. It refuses unknown keys, wrong types and contradictory settings
//! together. It opens no connection.

mod api;
mod auth;
mod check;
mod compat;
mod console;
mod cors;
mod deadlines;
mod doorbell;
mod embedded;
mod error;
mod lease;
mod ledger;
mod log;
mod mapping;
mod owners;
mod place;
mod preset;
mod read;
mod receipts;
mod retention;
mod retry;
mod scope;
mod secret_file;
mod server_tls;
mod sharing;
mod sibling;
mod store_server;
mod target;
mod telemetry;
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
pub use console::Console;
pub use cors::Cors;
pub use deadlines::{Deadlines, OwnRegime};
pub use doorbell::Doorbell;
pub use embedded::Embedded;
pub use error::{ConfigError, ConfigErrors};
pub use lease::Lease;
pub use ledger::Ledger;
pub use log::{Log, LogFormat};
pub use mapping::Mapping;
pub use preset::Preset;
pub use read::target_variable;
pub use receipts::Receipts;
pub use retention::Retention;
pub use retry::Retry;
pub use scope::{Constant, MappingScope};
pub use server_tls::ServerTls;
pub use sibling::{PlaceKind, Sibling};
pub use store_server::StoreServer;
pub use target::{
    Collection, Columns, Dependent, FieldPath, Owners, Payload, PointId, SqlEndpoint, Table, Target, TimeZone, Uuids,
    VectorEndpoint,
};
pub use telemetry::{Otlp, Telemetry};
pub use text::{NAME, is_name, parse_duration};
pub use tls::Tls;
pub use worker::Worker;

use read::Reader;

/// The default configuration file: read if it exists and no other file is named.
pub const DEFAULT_FILE: &str = "lethe.toml";

/// The role of the process that reads the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Serves the API, and never touches a store. Stores' credentials may be missing from its environment;
    /// the keys that verify tokens must be there.
    Api,
    /// Works on the stores: every `api_key_env` must be set.
    Worker,
    /// Serves the API and works on the stores.
    All,
    /// Neither serves nor works on the stores: no credentials are looked up but those in URLs.
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
    /// The database of Lethe's own state.
    pub ledger: Ledger,
    /// The notifications that wake other processes.
    pub doorbell: Doorbell,
    /// The stores that `lethe up` brings along.
    pub embedded: Embedded,
    /// The HTTP interface.
    pub api: Api,
    /// The workers.
    pub worker: Worker,
    /// The times of leases.
    pub lease: Lease,
    /// The backoff and the time limits of failed work.
    pub retry: Retry,
    /// The time that records of jobs are kept.
    pub retention: Retention,
    /// The receipts of jobs, and their log.
    pub receipts: Receipts,
    /// The time that a person's request may take.
    pub deadlines: Deadlines,
    /// The pages for people.
    pub console: Console,
    /// The delete APIs of other systems.
    pub compat: Compat,
    /// The API keys and token issuers.
    pub auth: Auth,
    /// The level and the form of logs.
    pub log: Log,
    /// The receivers of telemetry.
    pub telemetry: Telemetry,
    /// The places of memories.
    pub targets: Vec<Target>,
    /// The settings that exempt servers on other machines from proving their names.
    pub unverified: Vec<String>,
    /// The settings that name a file with a secret, which other users of the machine can read.
    pub exposed: Vec<String>,
}

impl Config {
    /// Reads `path`, or [`DEFAULT_FILE`] if it exists, or nothing; the environment goes over it.
    ///
    /// # Errors
    ///
    /// All errors together. No error text holds a secret.
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
        // No setting is outside UTF-8. `read` refuses such a variable by name if it looks like a setting.
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
    /// As [`Config::load`]. Of the files and variables that the text names, only files with URLs are read.
    pub fn from_toml(text: &str) -> Result<Self, ConfigErrors> {
        Self::parse(text, &BTreeMap::new(), Role::Other)
    }

    /// Reads a configuration from `text` with the variables of `env` over it.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn parse(text: &str, env: &BTreeMap<String, String>, role: Role) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(text, env, role)?;
        let mut config = Self {
            ledger: reader.section("ledger"),
            doorbell: reader.section("doorbell"),
            embedded: reader.section("embedded"),
            api: reader.section("api"),
            worker: reader.section("worker"),
            lease: reader.section("lease"),
            retry: reader.section("retry"),
            retention: reader.section("retention"),
            receipts: reader.section("receipts"),
            deadlines: reader.section("deadlines"),
            log: reader.section("log"),
            telemetry: reader.section("telemetry"),
            console: reader.section("console"),
            compat: reader.section("compat"),
            auth: reader.auth(),
            targets: Vec::new(),
            unverified: Vec::new(),
            exposed: reader.exposed(),
        };
        let placed = reader.targets();
        let mut errors = reader.finish();
        check::sections(&config, &mut errors);
        let ledger = config.ledger.url.as_ref();
        config.targets = check::targets(placed, ledger, env, role, &mut errors);
        config.compat.check(&config.targets, &mut errors);
        check::auth(&mut config, env, role, &mut errors);
        config.receipts.check(role, &mut config.exposed, &mut errors);
        config.telemetry.check(role, &mut config.exposed, &mut errors);
        tls::check(&mut config, &mut errors);
        errors.into_result(config)
    }

    /// Returns the target named `name`.
    pub fn target(&self, name: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.name == name)
    }

    /// Returns every mapping of every target with its digest. A worker may claim work for these.
    pub fn mappings(&self) -> impl Iterator<Item = Mapping<'_>> {
        self.targets.iter().flat_map(Target::mappings)
    }
}
