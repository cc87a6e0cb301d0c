//! The names of targets in variables, and the variables that hold keys of stores.

use secrecy::ExposeSecret;

use super::super::*;
use super::{SECRET, env, refused};

fn targets(names: &[&str]) -> String {
    let target = |name: &&str| format!("[[target]]\nname = \"{name}\"\nsql = {{ url = \"sqlite://{name}.db\" }}\n");
    names.iter().map(target).collect()
}

fn errors(names: &[&str], variable: &str) -> String {
    let read = Config::parse(&targets(names), &env(&[(variable, "7")]), Role::Worker);
    read.unwrap_err().to_string()
}

#[test]
fn the_variable_of_a_target_is_one_that_a_shell_can_export() {
    assert_eq!(
        target_variable("my-db", "SQL__URL").as_deref(),
        Some("LETHE_TARGET__MY_DB__SQL__URL")
    );
    for name in ["a__b", "a--b", "a-_b", "_a", "a-"] {
        assert_eq!(target_variable(name, "SQL__URL"), None, "{name}");
    }
    let variable = target_variable("my-db", "SQL__MAX_CONNECTIONS").unwrap();
    let config = Config::parse(&targets(&["my-db"]), &env(&[(&variable, "7")]), Role::Worker).unwrap();
    assert_eq!(config.targets[0].sql.as_ref().unwrap().max_connections, 7);
}

#[test]
fn a_variable_that_may_mean_two_targets_is_refused() {
    let errors = errors(&["a-b", "a_b"], "LETHE_TARGET__A_B__SQL__MAX_CONNECTIONS");
    assert!(
        errors.starts_with("LETHE_TARGET__A_B__SQL__MAX_CONNECTIONS: rename one of the [[target]]s"),
        "{errors}"
    );
    // Without a variable the names are fine.
    assert!(Config::from_toml(&targets(&["a-b", "a_b"])).is_ok());
}

#[test]
fn a_variable_for_a_name_that_variables_cannot_have_says_so() {
    for (names, variable) in [
        (&["a__b"][..], "LETHE_TARGET__A__B__SQL__MAX_CONNECTIONS"),
        (&["a--b"], "LETHE_TARGET__A__B__SQL__MAX_CONNECTIONS"),
        // It must not reach the other target.
        (&["a", "a__b"], "LETHE_TARGET__A__B__SQL__MAX_CONNECTIONS"),
        (&["a_"], "LETHE_TARGET__A___SQL__MAX_CONNECTIONS"),
        (&["_a"], "LETHE_TARGET___A__SQL__MAX_CONNECTIONS"),
    ] {
        let errors = errors(names, variable);
        assert!(errors.starts_with(&format!("{variable}: ")), "{errors}");
        assert!(errors.contains("rename the [[target]]"), "{errors}");
    }
    let unknown = errors(&["a"], "LETHE_TARGET__B__SQL__MAX_CONNECTIONS");
    assert!(unknown.contains("write the name of a [[target]]"), "{unknown}");
}

#[test]
fn the_key_of_a_vector_store_comes_from_the_environment_of_workers() {
    let text = "[[target]]\nname = \"m\"\nvector = { url = \"https://h\", api_key_env = \"QDRANT\" }";
    let with = env(&[("QDRANT", SECRET)]);
    let config = Config::parse(text, &with, Role::Worker).unwrap();
    let key = config.target("m").unwrap().vector.as_ref().unwrap().key().unwrap();
    assert_eq!(key.expose_secret(), SECRET);
    // An API opens no store, so it needs no credentials of stores.
    assert!(Config::parse(text, &BTreeMap::new(), Role::Api).is_ok());
    let errors = Config::parse(text, &BTreeMap::new(), Role::Worker).unwrap_err();
    assert!(
        errors
            .to_string()
            .starts_with("target[0].vector.api_key_env: set the variable")
    );
    let both = text.replace("api_key_env", "api_key = \"x\", api_key_env");
    assert!(refused(&both)[0].starts_with("target[0].vector.api_key: remove it"));
}
