//! Random settings in files and variables.
//!
//! A refusal names settings, and holds no value: any value can be a secret that was written to the wrong key.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::damage::damage;

/// The number of configurations, which take about a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 1_024;

/// A section of the file.
struct Section {
    header: &'static str,
    /// The place of its settings in errors.
    path: &'static str,
    keys: &'static [&'static str],
    /// Settings that a section of this kind needs. A section without any may be missing.
    needed: &'static [(&'static str, &'static str)],
}

/// A random setting: its section, its key and its value.
type Setting = (Index, Index, &'static str);

/// The places that begin the key of an error.
const ROOTS: &[&str] = &[
    "the file",
    "ledger",
    "doorbell",
    "api",
    "console",
    "compat",
    "worker",
    "lease",
    "retry",
    "retention",
    "receipts",
    "deadlines",
    "log",
    "telemetry",
    "auth",
    "target",
    "limits",
];

/// Values in TOML. Some hold [`SECRET`].
const VALUES: &[&str] = &[
    "0",
    "1",
    "-1",
    "1.5",
    "nan",
    "9223372036854775807",
    "true",
    "[]",
    "{}",
    "2030-01-31T12:00:00Z",
    "\"\"",
    "\"0s\"",
    "\"30s\"",
    "\"7000000d\"",
    "\"16MiB\"",
    "\"99999999999GiB\"",
    "\"main\"",
    "\"off\"",
    "\"agno\"",
    "\"Europe/Berlin\"",
    "\"127.0.0.1:7878\"",
    "\"sqlite://a.db\"",
    "\"hunter2-hunter2\"",
    "\", expected hunter2-hunter2\"",
    "\"postgres://u:hunter2-hunter2@h/d\"",
    "\"mysql://u:hunter2-hunter2@h\"",
    "\"https://u:hunter2-hunter2@h:6334\"",
    "[\"hunter2-hunter2\"]",
    "[[\"hunter2-hunter2\"]]",
    "[{ table = \"hunter2-hunter2\" }]",
    "{ url = \"postgres://u:hunter2-hunter2@h/d\" }",
    "{ url = \"https://h:6334\", api_key = \"hunter2-hunter2\" }",
    "{ id = \"hunter2-hunter2\", user = [\"hunter2-hunter2\"] }",
    "{ name = \"hunter2-hunter2\", point = \"hunter2-hunter2\" }",
];

/// Values of variables.
const VARIABLES: &[&str] = &[
    "",
    "0",
    "true",
    "30s",
    "16MiB",
    SECRET,
    "postgres://u:hunter2-hunter2@h/d",
    "\u{fffd}",
];

const ROLES: &[Role] = &[Role::Api, Role::Worker, Role::All, Role::Other];

/// Returns the sections, in an order that TOML accepts.
fn sections() -> Vec<Section> {
    let plain = [
        ("[ledger]", "ledger", fields::<Ledger>()),
        ("[doorbell]", "doorbell", fields::<Doorbell>()),
        ("[api]", "api", fields::<Api>()),
        ("[api.cors]", "api.cors", fields::<Cors>()),
        ("[api.tls]", "api.tls", fields::<ServerTls>()),
        ("[console]", "console", fields::<Console>()),
        ("[compat]", "compat", fields::<Compat>()),
        ("[compat.mem0]", "compat.mem0", fields::<CompatTarget>()),
        ("[compat.opensearch]", "compat.opensearch", fields::<OpenSearch>()),
        ("[worker]", "worker", fields::<Worker>()),
        ("[lease]", "lease", fields::<Lease>()),
        ("[retry]", "retry", fields::<Retry>()),
        ("[retention]", "retention", fields::<Retention>()),
        ("[receipts]", "receipts", fields::<Receipts>()),
        ("[deadlines]", "deadlines", fields::<Deadlines>()),
        ("[log]", "log", fields::<Log>()),
        ("[limits]", "limits", &["rows"]),
    ];
    let plain = plain.map(|(header, path, keys)| Section {
        header,
        path,
        keys,
        needed: &[],
    });
    let needy = [
        Section {
            header: "[telemetry.otlp]",
            path: "telemetry.otlp",
            keys: fields::<Otlp>(),
            needed: &[("endpoint", "\"http://localhost:4317\"")],
        },
        Section {
            header: "[[auth.key]]",
            path: "auth.key[0]",
            keys: fields::<Key>(),
            needed: &[
                ("name", "\"k\""),
                (
                    "sha256",
                    "\"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\"",
                ),
                ("scopes", "[\"jobs:read\"]"),
            ],
        },
        Section {
            header: "[[auth.jwt]]",
            path: "auth.jwt[0]",
            keys: fields::<Jwt>(),
            needed: &[
                ("name", "\"a\""),
                ("algorithms", "[\"HS256\"]"),
                ("secret_env", "\"JWT_SECRET\""),
            ],
        },
        Section {
            header: "[[target]]",
            path: "target[0]",
            keys: fields::<Target>(),
            needed: &[
                ("name", "\"main\""),
                ("sql", "{ url = \"postgres://db/x\" }"),
                ("vector", "{ url = \"https://q:6334\" }"),
            ],
        },
        Section {
            header: "[[target.table]]",
            path: "target[0].table[0]",
            keys: fields::<Table>(),
            needed: &[("name", "\"memories\""), ("columns", "{ id = \"id\" }")],
        },
    ];
    plain.into_iter().chain(needy).collect()
}

/// Returns the setting that an index stands for. Names are no secrets: errors name targets and tables by them.
fn chosen<'a>(sections: &'a [Section], (section, key, value): &Setting) -> (&'a Section, &'static str, &'static str) {
    let section = section.get(sections);
    let key = *key.get(section.keys);
    (section, key, if key == "name" { "\"main\"" } else { *value })
}

/// Returns a file with the needed settings, and these in addition.
fn file(sections: &[Section], settings: &[(&Section, &str, &str)]) -> String {
    let mut text = String::new();
    for section in sections {
        let mut written: BTreeMap<&str, &str> = section.needed.iter().copied().collect();
        let ours = settings.iter().filter(|(of, ..)| of.header == section.header);
        written.extend(ours.map(|(_, key, value)| (*key, *value)));
        if !written.is_empty() {
            let lines = written.iter().map(|(key, value)| format!("{key} = {value}\n"));
            text.push_str(section.header);
            text.push('\n');
            text.extend(lines);
        }
    }
    text
}

/// Returns an environment with the secret of the file's issuer, and variables for these settings.
fn variables(sections: &[Section], settings: &[Setting]) -> BTreeMap<String, String> {
    let mut env = env(&[("JWT_SECRET", "a-secret-of-thirty-two-bytes-or-more")]);
    for setting in settings {
        let (section, key, value) = chosen(sections, setting);
        let path = match section.path {
            "target[0]" => "target.main",
            path => path,
        };
        let name = format!("lethe_{path}.{key}").replace('.', "__").to_uppercase();
        env.insert(name, value.to_owned());
    }
    env
}

fn settings(values: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<Setting>> {
    vec((any::<Index>(), any::<Index>(), select(values)), 0..most)
}

#[test]
fn a_value_of_a_wrong_shape_is_refused_by_its_key() {
    let sections = sections();
    let wrong = format!("[[\"{SECRET}\"]]");
    let env = variables(&sections, &[]);
    assert!(Config::parse(&file(&sections, &[]), &env, Role::All).is_ok());
    for section in &sections {
        // The tables of a target are sections of their own.
        for key in section.keys.iter().filter(|key| **key != "table") {
            let text = file(&sections, &[(section, *key, wrong.as_str())]);
            let errors = Config::parse(&text, &env, Role::All).unwrap_err();
            let place = match section.path {
                // The section is unknown as a whole.
                "limits" => "limits".to_owned(),
                path => format!("{path}.{key}"),
            };
            let is_named = errors.0.iter().any(|error| error.key.starts_with(&place));
            assert!(is_named && !errors.to_string().contains(SECRET), "{place}\n{errors}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_refusal_names_settings_and_holds_no_value(
        written in settings(VALUES, 6),
        set in settings(VARIABLES, 3),
        role in select(ROLES),
    ) {
        let sections = sections();
        let written: Vec<_> = written.iter().map(|setting| chosen(&sections, setting)).collect();
        let text = file(&sections, &written);
        match Config::parse(&text, &variables(&sections, &set), role) {
            Ok(config) => {
                let calls = config.worker.store_timeout.saturating_mul(2);
                let rest = config.lease.duration.saturating_sub(config.lease.renew_every);
                prop_assert!(!config.lease.renew_every.is_zero() && calls <= rest, "{}", text);
                prop_assert!(config.worker.slots > 0 && config.worker.batch > 0, "{}", text);
            }
            Err(errors) => {
                prop_assert!(!errors.0.is_empty(), "{}", text);
                for ConfigError { key, change } in &errors.0 {
                    let root = key.split(['.', '[']).next().unwrap_or_default();
                    prop_assert!(ROOTS.contains(&root) || root.starts_with("LETHE_"), "{}: {}", key, change);
                    prop_assert!(!change.is_empty(), "{}", key);
                    prop_assert!(!key.contains(SECRET) && !change.contains(SECRET), "{}: {}", key, change);
                }
            }
        }
    }

    #[test]
    fn a_damaged_file_is_read_or_refused_by_a_key(written in settings(VALUES, 4), damage in damage()) {
        let sections = sections();
        let written: Vec<_> = written.iter().map(|setting| chosen(&sections, setting)).collect();
        let text = damage.of(&file(&sections, &written));
        if let Err(errors) = Config::from_toml(&text) {
            prop_assert!(!errors.0.is_empty(), "{}", text);
            for ConfigError { key, change } in &errors.0 {
                prop_assert!(!key.is_empty() && !change.is_empty(), "{}: {}\n{}", key, change, text);
            }
        }
    }
}
