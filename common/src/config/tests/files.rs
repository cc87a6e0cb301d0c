//! Settings in files of their own, and files that two settings name.

use std::path::{Path, PathBuf};

use super::super::*;
use super::{SAMPLE, SECRET, env, refused};
use secrecy::ExposeSecret;

/// Writes a file that its owner alone can read.
fn write(directory: &Path, name: &str, content: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, content).unwrap();
    set_mode(&path, 0o600);
    path
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) {}

/// Returns a configuration with all of its secrets in these files.
fn in_files(directory: &Path) -> String {
    let path = |name: &str| directory.join(name).display().to_string();
    format!(
        "[ledger]\nurl_file = '{}'\n[doorbell]\nurl_file = '{}'\n[[target]]\nname = \"main\"\n\
         sql = {{ url_file = '{}', max_connections = 3 }}\nvector = {{ url_file = '{}', api_key_file = '{}' }}\n",
        path("ledger"),
        path("doorbell"),
        path("sql"),
        path("vector"),
        path("key")
    )
}

/// Writes the files of [`in_files`].
fn write_all(directory: &Path) {
    for (name, content) in [
        ("ledger", format!("postgres://u:{SECRET}@localhost/lethe\n")),
        ("doorbell", format!("  redis://:{SECRET}@localhost:6379\r\n")),
        ("sql", format!("postgres://u:{SECRET}@db/memories\n")),
        ("vector", "https://q:6334\n".to_owned()),
        ("key", format!("{SECRET}\n")),
    ] {
        write(directory, name, &content);
    }
}

fn errors(text: &str, role: Role) -> Vec<String> {
    let errors = Config::parse(text, &BTreeMap::new(), role).unwrap_err().to_string();
    assert!(!errors.contains(SECRET), "{errors}");
    errors.lines().map(str::to_owned).collect()
}

#[test]
fn a_value_is_read_from_its_file_and_trimmed() {
    let directory = tempfile::tempdir().unwrap();
    write_all(directory.path());
    let text = in_files(directory.path());
    let config = Config::parse(&text, &BTreeMap::new(), Role::All).unwrap();
    assert!(!format!("{config:?}").contains(SECRET), "{config:?}");
    let ledger = config.ledger.url.as_ref().unwrap().expose_secret();
    assert_eq!(ledger, format!("postgres://u:{SECRET}@localhost/lethe"));
    let doorbell = config.doorbell.url.as_ref().unwrap().expose_secret();
    assert_eq!(doorbell, format!("redis://:{SECRET}@localhost:6379"));
    let target = config.target("main").unwrap();
    let sql = target.sql.as_ref().unwrap();
    // It is checked like a URL in the configuration: the server is on another machine.
    assert_eq!(
        sql.url.expose_secret(),
        format!("postgres://u:{SECRET}@db/memories?sslmode=verify-full")
    );
    assert_eq!(sql.max_connections, 3);
    let vector = target.vector.as_ref().unwrap();
    assert_eq!(vector.url, "https://q:6334");
    assert_eq!(vector.key().unwrap().expose_secret(), SECRET);
}

#[test]
fn a_variable_may_name_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = write(directory.path(), "ledger", "postgres://u@localhost/lethe");
    let sql = write(directory.path(), "sql", "postgres://u@localhost/memories");
    let env = env(&[
        ("LETHE_LEDGER__URL_FILE", ledger.to_str().unwrap()),
        ("LETHE_TARGET__MY_DB__SQL__URL_FILE", sql.to_str().unwrap()),
    ]);
    let config = Config::parse("[[target]]\nname = \"my-db\"", &env, Role::Worker).unwrap();
    assert_eq!(
        config.ledger.url.unwrap().expose_secret(),
        "postgres://u@localhost/lethe"
    );
    let sql = config.targets[0].sql.as_ref().unwrap();
    assert_eq!(sql.url.expose_secret(), "postgres://u@localhost/memories");
    let near = super::env(&[("LETHE_LEDGER_URL_FILE", SECRET)]);
    let refused = Config::parse("", &near, Role::Worker).unwrap_err().to_string();
    assert_eq!(
        refused,
        "LETHE_LEDGER_URL_FILE: write LETHE_LEDGER__URL_FILE, with two underscores"
    );
}

#[test]
fn a_value_has_one_source() {
    let directory = tempfile::tempdir().unwrap();
    write_all(directory.path());
    let text = in_files(directory.path());
    for (at, beside, expected) in [
        (
            "[ledger]\n",
            "url = \"postgres://u@localhost/x\"\n",
            "ledger.url_file: write exactly one of url, url_file",
        ),
        (
            "[doorbell]\n",
            "url = \"redis://localhost\"\n",
            "doorbell.url_file: write exactly one of url, url_file",
        ),
        (
            "vector = { ",
            "url = \"https://q:6334\", ",
            "target[0].vector.url_file: write exactly one of url, url_file",
        ),
        (
            "vector = { ",
            "api_key = \"x\", ",
            "target[0].vector.api_key_file: write exactly one of api_key, api_key_env, api_key_file",
        ),
        (
            "vector = { ",
            "api_key_env = \"HOME\", ",
            "target[0].vector.api_key_file: write exactly one of api_key, api_key_env, api_key_file",
        ),
    ] {
        let both = text.replace(at, &format!("{at}{beside}"));
        let errors = errors(&both, Role::Api);
        assert_eq!(errors, [expected], "{beside}");
    }
}

#[test]
fn only_a_process_that_erases_reads_the_password_of_a_database() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sql");
    let text = |url: &str| {
        let file = file.display();
        format!("[[target]]\nname = \"main\"\nsql = {{ url = \"{url}\", url_file = '{file}' }}\n")
    };
    let plain = text("postgres://u@localhost/memories");
    let url = |role: Role| {
        let config = Config::parse(&plain, &BTreeMap::new(), role).unwrap();
        config.targets[0].sql.as_ref().unwrap().url.expose_secret().to_owned()
    };
    // The file is not there.
    for role in [Role::Api, Role::Other] {
        assert_eq!(url(role), "postgres://u@localhost/memories");
    }
    for role in [Role::Worker, Role::All] {
        assert_eq!(
            errors(&plain, role),
            ["target[0].sql.url_file: name a file that can be read: entity not found"]
        );
    }

    let whole = format!("postgres://eraser:{SECRET}@127.0.0.1:5432/memories");
    write(directory.path(), "sql", &whole);
    for role in [Role::Worker, Role::All] {
        assert_eq!(url(role), whole);
    }
    assert_eq!(url(Role::Api), "postgres://u@localhost/memories");
    assert_eq!(
        errors(&text("postgres://u@localhost/other"), Role::Worker),
        ["target[0].sql.url: write the database that url_file names, without the password"]
    );
    let secret = text(&format!("postgres://u:{SECRET}@localhost/memories"));
    for role in [Role::Api, Role::Worker] {
        assert_eq!(
            errors(&secret, role),
            ["target[0].sql.url: remove the password: url_file has it"]
        );
    }
}

#[test]
fn a_file_that_cannot_be_used_is_one_error_each() {
    let directory = tempfile::tempdir().unwrap();
    write_all(directory.path());
    std::fs::remove_file(directory.path().join("sql")).unwrap();
    write(directory.path(), "doorbell", " \n");
    write(directory.path(), "ledger", SECRET);
    std::fs::remove_file(directory.path().join("key")).unwrap();
    let text = in_files(directory.path());
    let all = [
        "doorbell.url_file: write the value into the file: it is empty",
        "target[0].sql.url_file: name a file that can be read: entity not found",
        "target[0].vector.api_key_file: name a file that can be read: entity not found",
    ];
    let refused = errors(&text, Role::Worker);
    assert_eq!(refused[0], all[0]);
    assert!(refused[1].starts_with("ledger.url: write a URL such as"), "{refused:?}");
    assert_eq!(refused[2..], all[1..]);
    // An API opens no store, so it needs no key.
    let refused = errors(&text, Role::Api);
    assert_eq!(refused.len(), 3, "{refused:?}");
    assert!(
        !refused.iter().any(|error| error.contains("api_key_file")),
        "{refused:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    write_all(directory.path());
    let secret = write(directory.path(), "secret", &"x".repeat(32));
    let text = format!(
        "{}[[auth.jwt]]\nname = \"a\"\nalgorithms = [\"HS256\"]\nsecret_file = '{}'\n",
        in_files(directory.path()),
        secret.display()
    );
    let exposed = || Config::parse(&text, &BTreeMap::new(), Role::All).unwrap().exposed;
    assert!(exposed().is_empty());
    for name in ["ledger", "doorbell", "sql", "vector", "key", "secret"] {
        set_mode(&directory.path().join(name), 0o644);
    }
    assert_eq!(
        exposed(),
        [
            "ledger.url_file",
            "doorbell.url_file",
            "target[0].sql.url_file",
            "target[0].vector.api_key_file",
            "auth.jwt[0].secret_file",
        ],
        "a vector store's URL holds no secret"
    );
}

#[test]
fn the_sample_names_the_files() {
    for section in ["[ledger]", "[doorbell]"] {
        let (_, rest) = SAMPLE.split_once(section).unwrap();
        assert!(rest.split("\n[").next().unwrap().contains("`url_file`"), "{section}");
    }
    for key in ["`url_file`", "`api_key_file`"] {
        let (_, targets) = SAMPLE.split_once("# [[target]]").unwrap();
        assert!(targets.contains(key), "{key}");
    }
}

#[test]
fn the_ledger_and_memories_are_in_two_files_however_these_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    std::fs::create_dir(directory.path().join("below")).unwrap();
    let both = |ledger: &str, memories: &str| {
        refused(&format!(
            "[ledger]\nurl = \"{ledger}\"\n[[target]]\nname = \"m\"\nsql = {{ url = \"{memories}\" }}"
        ))
    };
    for memories in [
        format!("sqlite://{path}/a.db"),
        format!("sqlite://{path}/./a.db"),
        format!("sqlite://{path}/below/../a.db"),
        format!("sqlite://{path}/a.db?mode=rwc"),
        format!("sqlite://{path}/%61.db"),
    ] {
        let errors = both(&format!("sqlite://{path}/a.db"), &memories);
        assert_eq!(
            errors,
            ["target[0].sql.url: write another file than ledger.url"],
            "{memories}"
        );
    }
    assert_eq!(
        both("sqlite://a.db", "sqlite://./a.db"),
        ["target[0].sql.url: write another file than ledger.url"]
    );
    assert!(both(&format!("sqlite://{path}/a.db"), &format!("sqlite://{path}/b.db")).is_empty());
    assert!(both("postgres://u@localhost/a.db", "sqlite://a.db").is_empty());
}

#[test]
fn memories_are_in_another_file_than_the_ledger_without_a_url() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let target = |name: &str, url: &str| format!("[[target]]\nname = \"{name}\"\nsql = {{ url = \"{url}\" }}\n");
    let text = target("a", &format!("sqlite://{path}/other.sqlite"))
        + &target("b", &format!("sqlite://{path}/./ledger.sqlite"))
        + &target("c", "postgres://u@localhost/ledger.sqlite");
    let config = Config::from_toml(&text).unwrap();
    let refused = config.check_usual_ledger(&format!("sqlite://{path}/ledger.sqlite?mode=rwc").into());
    let refused: Vec<String> = refused.unwrap_err().0.into_iter().map(|error| error.key).collect();
    assert_eq!(refused, ["target[1].sql.url"]);
    assert!(
        config
            .check_usual_ledger(&format!("sqlite://{path}/else.sqlite?mode=rwc").into())
            .is_ok()
    );
}
