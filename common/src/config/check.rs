//! Refuses settings that contradict each other, and targets that make no sense.
//!
//! The checks need no database. Workers check whether a mapping fits the live schema.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::error::ConfigErrors;
use super::owners;
use super::place::sqlite_file;
use super::read::Placed;
use super::secret_file::is_exposed;
use super::sharing::{self, LocatedMapping};
use super::target::{Collection, Dependent, PointId, Table, Target, VectorEndpoint};
use super::text::{NAME, is_name};
use super::{Config, Role};

/// The advice where [`is_database_url`] refuses a URL.
pub(super) const DATABASE_URL: &str = "write a URL such as \"postgres://user@host/database\" or \"sqlite://path\"";

/// The advice where [`is_memories_url`] refuses a URL.
const MEMORIES_URL: &str =
    "write a URL such as \"postgres://user@host/database\", \"mysql://user@host/database\" or \"sqlite://path\"";

/// Returns whether `url` names a database that can hold the ledger of this build.
pub(super) fn is_database_url(url: &str) -> bool {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        PgConnectOptions::from_str(url).is_ok()
    } else {
        url.starts_with("sqlite://") && SqliteConnectOptions::from_str(url).is_ok()
    }
}

/// Returns whether `url` names a database whose memories this build can erase.
fn is_memories_url(url: &str) -> bool {
    // The driver has one scheme for both servers. Tables are looked up in the URL's database, so it must be named.
    let mysql = url.strip_prefix("mysql://").or_else(|| url.strip_prefix("mariadb://"));
    match mysql {
        Some(rest) => MySqlConnectOptions::from_str(&format!("mysql://{rest}"))
            .is_ok_and(|options| options.get_database().is_some()),
        None => is_database_url(url),
    }
}

/// The advice for a target in the file of the ledger.
const OTHER_FILE: &str = "write another file than ledger.url";

/// The advice for a target in the file that holds the ledger without `ledger.url`.
const OTHER_FILE_THAN_USUAL: &str = "write another file: this one holds the ledger, unless ledger.url names another";

impl Config {
    /// Refuses targets in the file of the ledger. Without `ledger.url`, only the process knows the ledger's URL.
    ///
    /// # Errors
    ///
    /// All such targets together.
    pub fn check_usual_ledger(&self, ledger: &SecretString) -> Result<(), ConfigErrors> {
        let mut errors = ConfigErrors::default();
        for (n, target) in self.targets.iter().enumerate() {
            let is_apart = !is_in_ledger(target, ledger);
            errors.require(is_apart, format_args!("target[{n}].sql.url"), OTHER_FILE_THAN_USUAL);
        }
        errors.into_result(())
    }
}

/// Returns whether the memories of a target are in the file of the ledger.
// A file has one writer: the ledger and the memories would wait for each other.
fn is_in_ledger(target: &Target, ledger: &SecretString) -> bool {
    let file = target.sql.as_ref().and_then(|sql| sqlite_file(sql.url.expose_secret()));
    file.is_some() && file == sqlite_file(ledger.expose_secret())
}

/// Checks the sections by themselves and against each other.
pub(super) fn sections(config: &Config, errors: &mut ConfigErrors) {
    config.ledger.check(errors);
    config.doorbell.check(errors);
    config.embedded.check(errors);
    config.api.check(errors);
    config.worker.check(errors);
    config.lease.check(config.worker.store_timeout, errors);
    config.retry.check(errors);
    config.retention.check(errors);
    config.deadlines.check(errors);
    config.log.check(errors);
    errors.require(
        config.api.listen != config.worker.listen || config.api.listen.port() == 0,
        "worker.listen",
        "write another address than api.listen",
    );
}

/// Checks the targets, and fills in the API keys that the environment holds.
pub(super) fn targets(
    placed: Vec<Placed>,
    ledger: Option<&SecretString>,
    env: &BTreeMap<String, String>,
    role: Role,
    errors: &mut ConfigErrors,
) -> Vec<Target> {
    let mut names = BTreeSet::new();
    let mut targets = Vec::with_capacity(placed.len());
    self::sharing(&placed, errors);
    for Placed {
        path,
        mut target,
        tables,
    } in placed
    {
        errors.require(is_name(&target.name), format_args!("{path}.name"), NAME);
        errors.require(
            names.insert(target.name.clone()),
            format_args!("{path}.name"),
            "write another name: this one is taken",
        );
        self::stores(&path, &target, ledger, errors);
        self::tables(&tables, &target, errors);
        if let Some(vector) = &mut target.vector {
            resolve(&format!("{path}.vector"), vector, env, role, errors);
        }
        targets.push(target);
    }
    targets
}

fn sharing(placed: &[Placed], errors: &mut ConfigErrors) {
    let mappings: Vec<LocatedMapping<'_>> = placed
        .iter()
        .flat_map(|Placed { target, tables, .. }| {
            let tables = tables.iter().zip(&target.tables);
            tables.map(move |(path, table)| LocatedMapping { path, target, table })
        })
        .collect();
    sharing::check(&mappings, errors);
    owners::check(&mappings, errors);
}

/// Checks that API keys name existing targets, and reads the keys that verify tokens.
pub(super) fn auth(config: &mut Config, env: &BTreeMap<String, String>, role: Role, errors: &mut ConfigErrors) {
    let targets = &config.targets;
    for (n, key) in config.auth.keys.iter().enumerate() {
        let known = |name: &String| targets.iter().any(|target| target.name == *name);
        errors.require(
            key.targets.iter().flatten().all(known),
            format_args!("auth.key[{n}].targets"),
            "write names of [[target]]s",
        );
    }
    if role.serves() {
        for (n, jwt) in config.auth.jwts.iter_mut().enumerate() {
            jwt.read_key(&format!("auth.jwt[{n}]"), env, errors);
            if jwt.secret_file.as_deref().is_some_and(is_exposed) {
                config.exposed.push(format!("auth.jwt[{n}].secret_file"));
            }
        }
    }
}

fn stores(path: &str, target: &Target, ledger: Option<&SecretString>, errors: &mut ConfigErrors) {
    errors.require(
        target.sql.is_some() || target.vector.is_some(),
        path,
        "write the stores of its memories: sql = { url = … }, vector = { url = … }, or both",
    );
    if let Some(sql) = &target.sql {
        let url = sql.url.expose_secret();
        errors.require(is_memories_url(url), format_args!("{path}.sql.url"), MEMORIES_URL);
        errors.require(
            sql.max_connections > 0,
            format_args!("{path}.sql.max_connections"),
            "write at least 1",
        );
        errors.require(
            ledger.is_none_or(|ledger| !is_in_ledger(target, ledger)),
            format_args!("{path}.sql.url"),
            OTHER_FILE,
        );
    }
    if let Some(vector) = &target.vector {
        errors.require(
            is_grpc_url(&vector.url),
            format_args!("{path}.vector.url"),
            "write a URL such as \"http://host:6334\", the gRPC port, without a user or a path",
        );
    }
}

fn tables(paths: &[String], target: &Target, errors: &mut ConfigErrors) {
    let mut names = BTreeSet::new();
    for (path, table) in paths.iter().zip(&target.tables) {
        errors.require(is_name(&table.name), format_args!("{path}.name"), NAME);
        errors.require(
            names.insert(&table.name),
            format_args!("{path}.name"),
            "write another name: this one is taken",
        );
        self::table(path, table, target, errors);
    }
}

fn table(path: &str, table: &Table, target: &Target, errors: &mut ConfigErrors) {
    errors.require(
        table.columns.is_some() || table.collection.is_some(),
        path,
        "write the place of its memories: columns = { id = … }, collection = { name = … }, or both",
    );
    errors.require(
        table.columns.is_none() || target.sql.is_some(),
        format_args!("{path}.columns"),
        "the target has no SQL database: add sql = { url = … } to it, or remove the columns",
    );
    errors.require(
        table.columns.is_some() || (table.sql_table.is_none() && table.dependents.is_empty() && table.scope.is_empty()),
        format_args!("{path}.columns"),
        "is missing: sql_table, scope and dependents need columns = { id = … }",
    );
    for (key, given) in [
        ("as", !table.counted.is_empty()),
        ("time_zone", table.time_zone.is_some()),
    ] {
        errors.require(
            !given || table.columns.is_some(),
            format_args!("{path}.{key}"),
            "remove it: it applies only to columns of a SQL table",
        );
    }
    let identifiers = table.columns.iter().flat_map(|columns| {
        let rest = [
            &columns.user,
            &columns.agent,
            &columns.app,
            &columns.run,
            &columns.workspace,
            &columns.kind,
            &columns.version,
            &columns.created_at,
            &columns.updated_at,
        ];
        std::iter::once(&columns.id).chain(rest.into_iter().flatten())
    });
    let owners = table.columns.iter().flat_map(|columns| &columns.owners);
    let identifiers = identifiers.chain(owners.flat_map(|owners| [&owners.table, &owners.id, &owners.name]));
    let scope = table.scope.iter().map(|(column, _)| column);
    let identifiers = identifiers.chain(&table.sql_table).chain(table.counted.keys());
    let identifiers = identifiers.map(String::as_str).chain(scope);
    for identifier in identifiers {
        errors.require(
            !identifier.is_empty() && !identifier.contains('\0'),
            path,
            "write a name wherever a table or a column is named",
        );
    }
    dependents(path, target, &table.dependents, &mut vec![table.sql_table()], errors);
    if let Some(collection) = &table.collection {
        errors.require(
            target.vector.is_some(),
            format_args!("{path}.collection"),
            "the target has no vector store: add vector = { url = … } to it, or remove the collection",
        );
        self::collection(&format!("{path}.collection"), collection, errors);
    }
}

/// Checks the dependents of the last of the tables `above`.
fn dependents<'a>(
    path: &str,
    target: &Target,
    list: &'a [Dependent],
    above: &mut Vec<&'a str>,
    errors: &mut ConfigErrors,
) {
    let mut seen = BTreeSet::new();
    for (n, dependent) in list.iter().enumerate() {
        let path = format!("{path}.dependents[{n}]");
        let names = [&dependent.table, &dependent.references]
            .into_iter()
            .chain(&dependent.id);
        for name in names {
            errors.require(
                !name.is_empty() && !name.contains('\0'),
                &path,
                "write a name wherever a table or a column is named",
            );
        }
        errors.require(
            seen.insert((&dependent.table, &dependent.references)),
            &path,
            "remove it: it is there already",
        );
        // Its rows would be memories, or dependents of themselves.
        errors.require(
            !above.iter().any(|name| is_same_table(target, name, &dependent.table)),
            format_args!("{path}.table"),
            "write another table: this one is above it",
        );
        if dependent.dependents.is_empty() {
            continue;
        }
        errors.require(
            dependent.id.is_some(),
            format_args!("{path}.id"),
            "is missing: its own dependents hold it",
        );
        errors.require(
            above.len() < Dependent::LEVELS,
            format_args!("{path}.dependents"),
            &format!("is nested too deep: write {} levels at most", Dependent::LEVELS),
        );
        if above.len() < Dependent::LEVELS {
            above.push(&dependent.table);
            dependents(&path, target, &dependent.dependents, above, errors);
            above.pop();
        }
    }
}

fn is_same_table(target: &Target, one: &str, other: &str) -> bool {
    one == other
        || target
            .sql_place(one)
            .is_some_and(|place| target.sql_place(other) == Some(place))
}

fn collection(path: &str, collection: &Collection, errors: &mut ConfigErrors) {
    errors.require(
        !collection.name.is_empty(),
        format_args!("{path}.name"),
        "write the collection's name",
    );
    errors.require(
        collection
            .scope
            .iter()
            .all(|(path, _)| path.split('.').all(|name| !name.is_empty())),
        format_args!("{path}.scope"),
        "write a payload field, or a dotted path to one, before each value",
    );
    errors.require(
        collection.point != PointId::Payload || collection.payload.id.is_some(),
        format_args!("{path}.payload.id"),
        "is missing: point = \"payload\" finds points by it",
    );
    errors.require(
        collection.namespace.is_none() || collection.point == PointId::Uuid5,
        format_args!("{path}.namespace"),
        "remove it, or write point = \"uuid5\"",
    );
}

/// Returns whether `url` is that of a gRPC port, without a user and without a path.
pub(super) fn is_grpc_url(url: &str) -> bool {
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let Some(host) = host.map(|host| host.trim_end_matches('/')) else {
        return false;
    };
    // A user in the URL would be a secret outside `api_key`, and would reach logs.
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    let port = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
    !host.is_empty()
        && host.bytes().all(plain)
        && port.is_none_or(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// Looks up `api_key_env`, so that only the configuration reads the environment.
fn resolve(
    path: &str,
    vector: &mut VectorEndpoint,
    env: &BTreeMap<String, String>,
    role: Role,
    errors: &mut ConfigErrors,
) {
    let Some(variable) = &vector.api_key_env else { return };
    errors.require(
        vector.api_key.is_none(),
        format_args!("{path}.api_key"),
        "remove it, or remove api_key_env: one of them",
    );
    match env.get(variable).filter(|key| !key.is_empty()) {
        Some(key) => vector.api_key = Some(SecretString::from(key.as_str())),
        None => errors.require(
            !role.erases(),
            format_args!("{path}.api_key_env"),
            "set the variable of this name: it is not in the environment",
        ),
    }
}
