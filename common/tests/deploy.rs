//! The compose installation matches its script. Every key and every variable is known, keys have the rights that they
//! name, and no process gets a secret that it does not use.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lethe_common::config::{Config, LogFormat, Role, Scope};
use secrecy::ExposeSecret;
use strum::IntoEnumIterator as _;

/// The volumes of the compose installation, in a directory.
struct Volumes(tempfile::TempDir);

impl Volumes {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["api", "worker", "postgres", "redis", "qdrant", "prometheus", "grafana"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self(dir)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new("sh")
            .arg(repository("deploy/compose/keys"))
            .args(arguments)
            .env("LETHE_SECRETS", self.0.path())
            .env("LETHE_BASE", repository("deploy/compose/lethe.toml"))
            .output()
            .unwrap()
    }

    /// Runs the script, which must succeed. Returns its output.
    fn keys(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn config(&self, name: &str, role: Role) -> Config {
        Config::parse(&self.read(&format!("{name}/lethe.toml")), &variables(), role).unwrap()
    }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Returns the variables that the compose file sets for Lethe, with their defaults.
fn variables() -> BTreeMap<String, String> {
    let compose = std::fs::read_to_string(repository("docker-compose.yml")).unwrap();
    let variables: BTreeMap<_, _> = compose
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .filter(|(name, _)| name.starts_with("LETHE_"))
        .map(|(name, value)| {
            let default = value.strip_prefix("${").and_then(|value| value.split_once(":-"));
            let value = default.map_or(value, |(_, default)| default.trim_end_matches('}'));
            (name.to_owned(), value.to_owned())
        })
        .collect();
    assert!(variables.contains_key("LETHE_LOG__LEVEL"), "{variables:?}");
    variables
}

#[test]
fn the_base_is_a_configuration_without_secrets() {
    let base = std::fs::read_to_string(repository("deploy/compose/lethe.toml")).unwrap();
    let config = Config::parse(&base, &variables(), Role::Worker).unwrap();
    assert_eq!(config.mappings().count(), 1);
    assert!(config.auth.keys.is_empty());
    let target = config.target("main").unwrap();
    assert!(target.vector.as_ref().unwrap().key().is_none());
    let urls = [&config.ledger.url, &target.sql.as_ref().map(|sql| sql.url.clone())];
    for url in urls {
        let user = url.as_ref().unwrap().expose_secret().trim_start_matches("postgres://");
        assert!(!user.split('@').next().unwrap().contains(':'), "a password in the base");
    }
}

#[test]
fn each_process_gets_its_own_secrets_and_no_others() {
    let volumes = Volumes::new();
    volumes.keys(&[]);
    let secret = |name: &str| volumes.read(name);
    let (api, worker) = (secret("api/lethe.toml"), secret("worker/lethe.toml"));
    for text in [&api, &worker] {
        assert!(text.contains(&format!("postgres://lethe:{}@", secret("postgres/lethe"))));
        assert!(text.contains(&format!("redis://:{}@redis:", secret("redis/password"))));
        assert!(!text.contains(&secret("postgres/superuser")));
        assert!(!text.contains(&secret("prometheus/key")), "a key instead of its hash");
    }
    for stores in [secret("postgres/eraser"), secret("qdrant/api-key")] {
        assert!(worker.contains(&stores));
        assert!(!api.contains(&stores), "the api never touches a store");
    }

    assert_eq!(
        secret("redis/redis.conf").trim(),
        format!("requirepass {}", secret("redis/password"))
    );

    let worker = volumes.config("worker", Role::Worker);
    assert!(worker.target("main").unwrap().vector.as_ref().unwrap().key().is_some());
    assert_eq!(worker.worker.listen.to_string(), "0.0.0.0:7879");
    let api = volumes.config("api", Role::Api);
    assert_eq!(api.api.listen.to_string(), "0.0.0.0:7878");
    for config in [&api, &worker] {
        assert_eq!(config.log.format, LogFormat::Json);
        assert!(config.doorbell.url.is_some());
    }
    // A worker can claim the jobs that an API wrote.
    let digests = |config: &Config| config.mappings().map(|mapping| mapping.digest).collect::<Vec<_>>();
    assert_eq!(digests(&api), digests(&worker));
}

#[test]
fn prometheus_may_read_metrics_and_nothing_else() {
    let volumes = Volumes::new();
    volumes.keys(&[]);
    let auth = volumes.config("api", Role::Api).auth;
    assert_eq!(auth.keys.len(), 1);
    let key = auth.find(&volumes.read("prometheus/key")).unwrap();
    assert!(key.has(Scope::MetricsRead) && !key.has(Scope::JobsRead) && !key.has(Scope::Admin));
}

#[test]
fn a_second_start_changes_no_secret() {
    let volumes = Volumes::new();
    volumes.keys(&[]);
    let names = [
        "api/lethe.toml",
        "worker/lethe.toml",
        "postgres/superuser",
        "redis/redis.conf",
        "prometheus/key",
        "grafana/admin-password",
    ];
    let before = names.map(|name| volumes.read(name));
    volumes.keys(&[]);
    assert_eq!(before, names.map(|name| volumes.read(name)));
    // A lost file is made again, and its dependents follow.
    std::fs::remove_file(volumes.0.path().join("prometheus/key")).unwrap();
    volumes.keys(&[]);
    let auth = volumes.config("api", Role::Api).auth;
    assert!(auth.find(&volumes.read("prometheus/key")).is_some());
}

#[test]
fn keys_are_added_and_removed() {
    let volumes = Volumes::new();
    let key = volumes.keys(&["add", "privacy-team", "subjects:erase", "jobs:read"]);
    let auth = volumes.config("api", Role::Api).auth;
    let found = auth.find(&key).unwrap();
    assert_eq!(found.name, "privacy-team");
    assert!(found.has(Scope::SubjectsErase) && found.has(Scope::JobsRead) && !found.has(Scope::MemoriesDeleteAny));
    assert_eq!(volumes.keys(&["list"]), "privacy-team\nprometheus");

    for wrong in [
        &["add", "privacy-team", "admin"][..],
        &["add", "nobody"],
        &["add", "nobody", "everything"],
        &["add", "nobody", "nobody"],
        &["add", "../nobody", "admin"],
        &["remove", "nobody"],
        &["sing"],
    ] {
        assert!(!volumes.run(wrong).status.success(), "{wrong:?}");
    }
    assert_eq!(volumes.config("api", Role::Api).auth, auth);

    volumes.keys(&["remove", "privacy-team"]);
    assert!(volumes.config("api", Role::Api).auth.find(&key).is_none());
}

#[test]
fn the_grants_name_every_table_of_the_ledger() {
    let mut tables = BTreeSet::from(["_sqlx_migrations".to_owned()]);
    for file in std::fs::read_dir(repository("common/migrations")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let created = text.lines().filter_map(|line| line.strip_prefix("CREATE TABLE "));
        tables.extend(created.map(|table| table.split_whitespace().next().unwrap().to_owned()));
    }
    let grants = std::fs::read_to_string(repository("deploy/grants/ledger.sql")).unwrap();
    let granted: BTreeSet<String> = grants
        .lines()
        .filter(|line| line.starts_with("GRANT "))
        .flat_map(|line| {
            let (_, on) = line.split_once(" ON ").unwrap();
            let (tables, _) = on.split_once(" TO ").unwrap();
            tables.split(", ").map(str::to_owned)
        })
        .collect();
    assert_eq!(granted, tables);
}

#[test]
fn every_scope_can_be_given() {
    let volumes = Volumes::new();
    let mut arguments = vec!["add", "all"];
    arguments.extend(Scope::iter().map(Scope::as_str));
    let key = volumes.keys(&arguments);
    let auth = volumes.config("api", Role::Api).auth;
    assert_eq!(auth.find(&key).unwrap().scopes.len(), Scope::iter().count());
}
