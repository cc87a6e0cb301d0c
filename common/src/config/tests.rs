//! Refused settings and their messages, and the sample as documentation.

mod auth;
mod deadlines;
mod files;
mod fuzz;
mod mappings;
mod telemetry;
mod variables;

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::read::fields;
use super::*;

const SAMPLE: &str = include_str!("../../../deploy/lethe.sample.toml");
const SECRET: &str = "hunter2-hunter2";

/// Returns the sample with its commented settings switched on.
fn whole_sample() -> String {
    let setting = |line: &str| {
        line.starts_with('[')
            || line.split_once(" = ").is_some_and(|(key, _)| {
                key.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            })
    };
    let lines = SAMPLE.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if setting(rest) => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn env(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn refused(text: &str) -> Vec<String> {
    match Config::from_toml(text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.to_string().lines().map(str::to_owned).collect(),
    }
}

fn with_table(table: &str) -> String {
    let target = "[[target]]\nname = \"main\"\nsql = { url = \"postgres://db/x\" }\n";
    let vector = "vector = { url = \"https://q:6334\" }\n";
    format!("{target}{vector}[[target.table]]\nname = \"memories\"\n{table}")
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let config = Config::from_toml("").unwrap();
    assert!(config.ledger.url.is_none() && config.doorbell.url.is_none());
    assert!(config.targets.is_empty() && config.auth.keys.is_empty());
}

#[test]
fn the_sample_as_it_is_holds_the_defaults() {
    let sample = Config::from_toml(SAMPLE).unwrap();
    let default = Config::default();
    assert!(sample.ledger.url.is_none() && sample.doorbell.url.is_none());
    assert_eq!(sample.ledger.max_connections, default.ledger.max_connections);
    assert_eq!(sample.doorbell.prefix, default.doorbell.prefix);
    assert_eq!(sample.embedded, default.embedded);
    assert_eq!(sample.api, default.api);
    assert_eq!(sample.compat, default.compat);
    assert_eq!(sample.worker, default.worker);
    assert_eq!(sample.lease, default.lease);
    assert_eq!(sample.retry, default.retry);
    assert_eq!(sample.retention, default.retention);
    assert_eq!(sample.receipts, default.receipts);
    assert_eq!(sample.deadlines, default.deadlines);
    assert_eq!(sample.log, default.log);
    assert!(sample.telemetry.otlp.is_none());
    assert_eq!(sample.auth, default.auth);
    assert!(sample.targets.is_empty());
}

#[test]
fn the_sample_names_every_key_there_is() {
    const APART: [(&str, &str); 5] = [
        ("[[target]]", "table"),
        ("[deadlines]", "regime"),
        ("[api]", "cors"),
        ("[api]", "tls"),
        ("[worker]", "tls"),
    ];
    let whole = whole_sample();
    let config = Config::from_toml(&whole).unwrap();
    let tables: Vec<&str> = config.mappings().map(|mapping| mapping.table.name.as_str()).collect();
    assert_eq!(tables, ["memories", "agno_memories", "mem0", "memories"]);
    let sections = [
        ("[ledger]", fields::<Ledger>()),
        ("[doorbell]", fields::<Doorbell>()),
        ("[embedded]", fields::<Embedded>()),
        ("[api]", fields::<Api>()),
        ("[api.tls]", fields::<ServerTls>()),
        ("[api.cors]", fields::<Cors>()),
        ("[console]", fields::<Console>()),
        ("[compat]", fields::<Compat>()),
        ("[worker]", fields::<Worker>()),
        ("[lease]", fields::<Lease>()),
        ("[retry]", fields::<Retry>()),
        ("[retention]", fields::<Retention>()),
        ("[receipts]", fields::<Receipts>()),
        ("[deadlines]", fields::<Deadlines>()),
        ("[[deadlines.regime]]", fields::<OwnRegime>()),
        ("[log]", fields::<Log>()),
        ("[telemetry.otlp]", fields::<Otlp>()),
        ("[[auth.key]]", fields::<Key>()),
        ("[[auth.jwt]]", fields::<Jwt>()),
        ("[[target]]", fields::<Target>()),
        ("[[target.table]]", fields::<Table>()),
    ];
    for (section, keys) in sections {
        assert!(!keys.is_empty(), "{section}");
        // Repeated sections show several ways to write a key.
        let bodies: Vec<_> = whole.split(&format!("\n{section}\n")).skip(1).collect();
        let lines = bodies.iter().flat_map(|rest| rest.split("\n[").next().unwrap().lines());
        let lines: Vec<_> = lines.collect();
        for key in keys {
            // `APART` has sections of their own; the worker's is like the API's.
            let written = lines.iter().any(|line| line.starts_with(&format!("{key} = ")));
            // Sources of keys exclude each other, so the sample names some in comments only.
            let said = section == "[[auth.jwt]]" && SAMPLE.contains(&format!("{key} ="));
            assert!(written || said || APART.contains(&(section, key)), "{section} {key}");
        }
    }
    let inline = [
        ("sql = {", fields::<SqlEndpoint>()),
        ("columns = {", fields::<Columns>()),
        ("dependents = [{", fields::<Dependent>()),
        ("collection = {", fields::<Collection>()),
        ("payload = {", fields::<Payload>()),
        ("owners = {", fields::<Owners>()),
    ];
    for (start, keys) in inline {
        let (_, rest) = whole.split_once(start).expect(start);
        let line = rest.lines().next().unwrap();
        for key in keys {
            assert!(line.contains(&format!(" {key} = ")), "{start} {key}");
        }
    }
    for key in fields::<VectorEndpoint>() {
        assert!(SAMPLE.contains(&format!("`{key}`")) || SAMPLE.contains(&format!(" {key} = ")));
    }
}

#[test]
fn all_errors_are_reported_together_with_their_keys() {
    let text = r#"
        [ledger]
        ulr = "x"
        max_connections = "many"
        [api]
        listen = "localhost"
        max_wait = 60
        max_body = "16MB"
        [log]
        format = "xml"
        level = "no=such=filter"
        [worker]
        poll = 1
        batch = 0
        [lease]
        rescues = -1
        duration = "9s"
        [limits]
        [[auth.key]]
        name = "a"
        sha256 = "00"
        scopes = ["everything"]
        [[auth.key]]
        name = "b"
        [[target]]
        name = "One"
        sql = "postgres://db/x"
        [[target]]
        name = "two"
        vector = { url = "ftp://x", colour = 1 }
        [[target.table]]
        name = "t"
        collection = { name = "c", point = "hash", payload = { ids = "x" } }
        [[target.table]]
        columns = { user = "u" }
    "#;
    let refused = refused(text);
    let expected = [
        "api.listen: write an address and a port, such as \"127.0.0.1:7878\"",
        "api.max_body: write a size, such as \"16MiB\"",
        "api.max_wait: write a time with its unit, such as \"30s\"",
        "auth.key[0].sha256: write the SHA-256",
        "auth.key[0].scopes[0]: write one of",
        "auth.key[1].s",
        "ledger.max_connections: write a whole number",
        "ledger.ulr: unknown key; the keys here are url, max_connections",
        "lease.rescues: write a whole number",
        "limits: unknown section",
        "log.format: write one of \"human\", \"json\"",
        "log.level: write a filter",
        "worker.batch: write a number",
        "worker.poll: write a time",
        "target[0].sql: write a table: { … }",
        "target[1].table[0].collection.point: write one of \"uuid\", \"number\", \"uuid5\", \"payload\"",
        "target[1].table[1].columns.id: is missing; add it",
        "target[1].vector.colour: unknown key",
        "target[1].vector.url: write a URL",
    ];
    for line in expected {
        assert!(
            refused.iter().any(|e| e.starts_with(line)),
            "{line}\n{}",
            refused.join("\n")
        );
    }
}

#[test]
fn memories_may_be_in_mysql_and_the_ledger_may_not() {
    let target = |url: &str| {
        format!(
            "[[target]]\nname = \"m\"\nsql = {{ url = \"{url}\" }}\n[[target.table]]\nname = \"t\"\ncolumns = {{ id = \"id\" }}"
        )
    };
    for url in ["mysql://u@h/d", "mariadb://u:p@h:3307/d?ssl-mode=verify_identity"] {
        Config::from_toml(&target(url)).unwrap();
    }
    // A table is looked up in the URL's database, so the URL must name one.
    for url in ["mysql://u@h", "mariadb://u@h/", "mysql:x"] {
        assert!(
            refused(&target(url))[0].starts_with("target[0].sql.url: write a URL such as"),
            "{url}"
        );
    }
    let ledger = refused("[ledger]\nurl = \"mysql://u@h/d\"");
    assert!(ledger[0].starts_with("ledger.url: write a URL such as"), "{ledger:?}");
}

#[test]
fn no_error_and_no_debug_text_holds_a_secret() {
    let broken = [
        format!("[ledger]\nurl = \"postgres://u:{SECRET}@h/d"),
        format!("[ledger]\nurl = \"pg://u:{SECRET}@h/d\"\nmax_connections = \"{SECRET}\""),
        format!("[doorbell]\nurl = \"{SECRET}\"\n[log]\nformat = \"{SECRET}\""),
        format!("[[target]]\nname = \"{SECRET}!\"\nsql = \"postgres://u:{SECRET}@h/d\""),
        format!("[[target]]\nname = \"m\"\nsql = {{ url = \"mysql://u:{SECRET}@h\" }}"),
        format!("[[target]]\nname = \"m\"\nvector = {{ url = \"http://u:{SECRET}@h\" }}"),
        format!("[[target]]\nname = \"m\"\nvector = {{ url = \"https://h\", api_key = [\"{SECRET}\"] }}"),
        format!("[[auth.key]]\nname = \"m\"\nsha256 = \"{SECRET}\"\nscopes = [\"{SECRET}\"]"),
        format!("[api]\nlisten = \"{SECRET}\"\nmax_wait = \"{SECRET}\"\nmax_body = \"{SECRET}\""),
        format!("[worker]\nslots = {{ a = \"{SECRET}\" }}\nlisten = [\"{SECRET}\"]"),
    ];
    for text in broken {
        let errors = Config::from_toml(&text).unwrap_err();
        assert!(!errors.to_string().contains(SECRET), "{errors}");
        assert!(!format!("{errors:?}").contains(SECRET), "{errors}");
    }
    let fine = format!(
        "[ledger]\nurl = \"postgres://u:{SECRET}@h/d\"\n[doorbell]\nurl = \"rediss://:{SECRET}@h\"\n\
         [[target]]\nname = \"m\"\nsql = {{ url = \"postgres://u:{SECRET}@h/e\" }}\n\
         vector = {{ url = \"https://h:6334\", api_key = \"{SECRET}\" }}"
    );
    let config = Config::from_toml(&fine).unwrap();
    assert!(!format!("{config:?}").contains(SECRET), "{config:?}");
}

#[test]
fn a_file_that_is_not_toml_is_answered_with_the_place() {
    let errors = refused("[api]\nlisten = \"x");
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].starts_with("the file: is not TOML at line 2, column"),
        "{errors:?}"
    );
}

#[test]
fn the_environment_goes_over_the_file() {
    let text = with_table("columns = { id = \"id\" }") + "\n[worker]\nslots = 2\npoll = \"2s\"";
    let env = env(&[
        ("LETHE_WORKER__SLOTS", "16"),
        ("LETHE_LEDGER__URL", "postgres://elsewhere/x"),
        ("LETHE_DOORBELL__URL", ""),
        ("LETHE_TARGET__MAIN__SQL__URL", "sqlite://memories.db"),
        ("LETHE_TARGET__MAIN__SQL__MAX_CONNECTIONS", "3"),
        // Not settings of Lethe.
        ("LETHE_CONFIG", "x"),
        ("LETHE_PORT_7878_TCP_ADDR", "x"),
        ("LETHE_API_PORT", "tcp://10.0.0.1:7878"),
        ("PATH", "x"),
    ]);
    let config = Config::parse(&text, &env, Role::Api).unwrap();
    assert_eq!(config.worker.slots, 16);
    assert_eq!(config.worker.poll, std::time::Duration::from_secs(2));
    assert_eq!(
        config.ledger.url.unwrap().expose_secret(),
        "postgres://elsewhere/x?sslmode=verify-full"
    );
    assert!(config.doorbell.url.is_none());
    let sql = config.targets[0].sql.as_ref().unwrap();
    assert_eq!(sql.url.expose_secret(), "sqlite://memories.db");
    assert_eq!(sql.max_connections, 3);
}

#[test]
fn wrong_variables_are_named() {
    let env = env(&[
        ("LETHE_LEDGER_URL", SECRET),
        ("LETHE_WORKER__SLOT", SECRET),
        ("LETHE_WORKER__BATCH", SECRET),
        ("LETHE_TARGET__OTHER__SQL__URL", SECRET),
        ("LETHE_AUTH__KEY", SECRET),
        ("LETHE___X", SECRET),
    ]);
    let errors = Config::parse("", &env, Role::Api).unwrap_err().to_string();
    assert!(!errors.contains(SECRET), "{errors}");
    for line in [
        "LETHE_LEDGER_URL: write LETHE_LEDGER__URL",
        "worker.slot: unknown key",
        "worker.batch: write a whole number",
        "LETHE_TARGET__OTHER__SQL__URL: write the name of a [[target]]",
        "auth.key: write a list of sections",
        "LETHE___X: write LETHE_SECTION__KEY",
    ] {
        assert!(errors.lines().any(|error| error.starts_with(line)), "{line}\n{errors}");
    }
}

#[test]
fn contradictions_are_refused() {
    let cases = [
        ("[lease]\nduration = \"15s\"\nrenew_every = \"5s\"", "lease.duration"),
        ("[lease]\nduration = \"16s\"\nrenew_every = \"1s\"", "lease.duration"),
        ("[lease]\nrenew_every = \"20s\"", "lease.renew_every"),
        ("[lease]\nrenew_every = \"14001ms\"", "lease.renew_every"),
        ("[lease]\nrenew_every = \"0s\"", "lease.renew_every"),
        ("[worker]\nstore_timeout = \"16s\"", "lease.duration"),
        ("[worker]\nstore_timeout = \"11s\"", "lease.renew_every"),
        ("[ledger]\nmax_connections = 0", "ledger.max_connections"),
        ("[ledger]\nmax_connections = 1", "ledger.max_connections"),
        ("[worker]\nbatch = 0", "worker.batch"),
        ("[worker]\nbatch = 10001", "worker.batch"),
        ("[worker]\nlisten = \"127.0.0.1:7878\"", "worker.listen"),
        ("[retention]\nitems = \"48h\"", "retention.idempotency"),
        ("[retention]\nidempotency = \"1h\"", "retention.idempotency"),
        ("[retention]\njobs = \"1h\"", "retention.jobs"),
        ("[retry]\ncap = \"100ms\"", "retry.cap"),
        ("[log]\nlevel = \"a=b=c\"", "log.level"),
        ("[doorbell]\nurl = \"https://h\"", "doorbell.url"),
        ("[embedded]\nqdrant_listen = \"0.0.0.0:6334\"", "embedded.qdrant_listen"),
        ("[embedded]\nqdrant_listen = \"6334\"", "embedded.qdrant_listen"),
        ("[api]\nrequests_per_second = 0", "api.requests_per_second"),
        ("[api]\nauth_failures_per_minute = 0", "api.auth_failures_per_minute"),
        ("[[target]]\nname = \"m\"", "target[0]"),
    ];
    for (text, key) in cases {
        let errors = refused(text);
        assert!(
            errors.iter().any(|e| e.starts_with(&format!("{key}: "))),
            "{text}\n{errors:?}"
        );
    }
    for text in [
        "[lease]\nrenew_every = \"14s\"",
        "[lease]\nduration = \"36s\"\nrenew_every = \"20s\"",
        "[ledger]\nmax_connections = 2",
        "[embedded]\nqdrant_listen = \"127.0.0.1:0\"",
        "[embedded]\nqdrant_listen = \"[::1]:6334\"",
    ] {
        assert!(Config::from_toml(text).is_ok(), "{text}");
    }
    // Two calls of 8 s beside 20 s do not fit into 30 s. The error says what to change.
    assert_eq!(
        refused("[lease]\nrenew_every = \"20s\""),
        [
            "lease.renew_every: write at most lease.duration minus twice worker.store_timeout, and more than 0s; \
             or make lease.duration longer, or worker.store_timeout shorter"
        ]
    );
    let two = "[[target]]\nname = \"m\"\nvector = { url = \"https://h\" }\n".repeat(2);
    assert!(refused(&two)[0].starts_with("target[1].name: write another name"));
    let same = "[ledger]\nurl = \"sqlite://a.db\"\n[[target]]\nname = \"m\"\nsql = { url = \"sqlite://a.db\" }";
    assert!(refused(same)[0].starts_with("target[0].sql.url: write another file"));
}
