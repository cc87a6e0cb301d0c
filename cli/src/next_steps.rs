//! Commands to paste after the demonstration, with the address and the key of the installation.

use std::path::Path;

/// A person of the demonstration whose memories the commands count and delete. `lethe demo` deletes another's.
const PERSON: &str = "user-003@example.com";

/// Returns commands for an installation with the memories of the demonstration.
pub(crate) fn commands(url: &str, key: Option<&str>) -> Vec<String> {
    let lethe = program();
    let export = match key {
        Some(key) => format!("export LETHE_URL={url} LETHE_KEY={key}"),
        None => format!("export LETHE_URL={url}    # and LETHE_KEY: the API key that the first start showed"),
    };
    [
        export,
        format!("{lethe} submit --user {PERSON} --dry-run --watch"),
        format!("{lethe} submit --user {PERSON} --watch"),
        format!("{lethe} jobs"),
        "curl -s -H \"Authorization: Bearer $LETHE_KEY\" \"$LETHE_URL/v1/jobs?limit=1\"".to_owned(),
    ]
    .map(|command| format!("  {command}"))
    .to_vec()
}

/// Returns the command that starts the installation in a directory; without one, a new demonstration that stays.
pub(crate) fn start(data: Option<&Path>) -> String {
    let lethe = program();
    match data {
        Some(data) => format!("  {lethe} up --data {}", quoted(&data.display().to_string())),
        None => format!("  {lethe} up --demo"),
    }
}

/// Returns this program as it was called: it need not be in the search path.
fn program() -> String {
    let called = std::env::args_os().next();
    let called = called.and_then(|called| called.into_string().ok());
    quoted(called.as_deref().unwrap_or("lethe"))
}

/// Returns a text as one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        for (text, word) in [
            ("target/release/lethe", "target/release/lethe"),
            ("/home/ana b/lethe", "'/home/ana b/lethe'"),
            ("it's", "'it'\\''s'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(text), word);
        }
    }

    #[test]
    fn the_key_is_named_where_it_is_known() {
        let first = commands("http://127.0.0.1:7878", Some("lethe_k"));
        assert_eq!(first[0], "  export LETHE_URL=http://127.0.0.1:7878 LETHE_KEY=lethe_k");
        let later = commands("http://127.0.0.1:7878", None);
        assert!(later[0].contains("# and LETHE_KEY"), "{}", later[0]);
        assert_eq!(first[1..], later[1..]);
    }
}
