//! The texts of `--help` that `clap` does not make itself: groups of commands, examples, exit codes.

use std::fmt::Write;

use clap::Command;

/// The commands by group. Each group begins with the word "Commands", by which a test finds the lists.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Commands that run Lethe",
        &["up", "demo", "api", "worker", "sequence", "migrate", "health"],
    ),
    (
        "Commands about deletions",
        &[
            "submit",
            "watch",
            "jobs",
            "items",
            "pace",
            "extend",
            "cancel",
            "retry",
            "schedules",
            "receipts",
            "hold",
            "holds",
            "release",
        ],
    ),
    (
        "Commands of operators",
        &["targets", "keys", "pause", "resume", "audit", "forget-audit"],
    ),
    ("Commands for your shell", &["completions", "man", "help"]),
];

/// The command that `clap` adds, with the others.
const HELP: (&str, &str) = ("help", "Print this message, or the help of a command");

/// Examples and exit codes, at the end of `lethe --help`.
pub(crate) const ALL: &str = "\
Examples:
  lethe up --demo                                 Start with sample memories, and print commands to paste
  lethe submit --user ana --dry-run --watch       Count the memories of a person
  lethe submit --user ana --watch                 Delete them, and wait for the end
  lethe jobs --state failed                       List what needs attention
  lethe jobs --output json | jq .id               Read the same from a script

Exit codes:
  0  done; for `watch` and `submit --watch`: the job succeeded
  1  refused, failed or not reached; the job ended otherwise or is held, or `--require-found` found nothing
  2  wrong options, or a configuration that cannot be used

Guide: docs/src/reference/command-line.md";

/// Examples of `lethe up`.
pub(crate) const UP: &str = "\
Examples:
  lethe up --demo                                 Sample memories in ./lethe-data
  lethe up --config lethe.toml                    Your own stores
  lethe up --qdrant-listen 127.0.0.1:6334         The embedded vector store at Qdrant's usual port";

/// Examples of `lethe submit`.
pub(crate) const SUBMIT: &str = "\
Examples:
  lethe submit 5f0c… 7a1b… --owner ana --watch    Delete two memories, if they are ana's
  lethe submit --ids-file ids.txt --watch         Delete a list of any length
  lethe submit --user ana --dry-run --watch       Count the memories of a person, and print a digest
  lethe submit --user ana --expect DIGEST --watch Delete exactly what was counted
  lethe submit --query '{\"eq\": {\"kind\": \"note\"}}' --dry-run --watch";

/// Examples of `lethe jobs`.
pub(crate) const JOBS: &str = "\
Examples:
  lethe jobs --state failed
  lethe jobs --error-code unavailable --since 2030-01-31T12:00:00Z
  lethe jobs --label team=privacy
  lethe jobs --limit 200 --output json | jq -r 'select(.selected > 1000) | .id'";

/// Examples of `lethe keys create`.
pub(crate) const CREATE_KEY: &str = "\
Examples:
  lethe keys create privacy --scope subjects:erase --scope jobs:read --expires 90d
  KEY=$(lethe keys create web --scope memories:delete --user ana)";

/// Examples of `lethe receipts get`.
pub(crate) const GET_RECEIPT: &str = "\
Examples:
  lethe receipts get --job 0198c7c2-70aa-7b11-9a00-0d3c5b7e2f44 --file receipt.json
  lethe receipts get 0198c7c2-7d0a-7c3e-8f00-6c2a4a1b9e01 | jq -r .payload | base64 -d | jq .";

/// Examples of `lethe receipts verify`.
pub(crate) const VERIFY_RECEIPT: &str = "\
Examples:
  lethe receipts verify receipt.json --keys lethe-keys.json
  lethe receipts verify receipt.json --keys https://lethe.example.com --require-proof

Exit codes:
  0  valid
  1  invalid, or a file cannot be read
  2  wrong options";

/// Examples of `lethe hold`.
pub(crate) const HOLD: &str = "\
Examples:
  lethe hold case-77 --person ana --ground '17(3)(e)' --reference CASE-77
  lethe hold audit-3 --ids-file ids.txt --target main --table memories --ground preservation_order
  lethe hold freeze --everything --target main --ground legal_claims --until 2030-01-31T12:00:00Z";

/// Examples of `lethe targets infer`.
pub(crate) const INFER: &str = "\
Examples:
  lethe targets infer postgres://lethe@localhost/memories --output lethe.toml
  lethe targets infer sqlite://agno.db --vector http://localhost:6334 --output lethe.toml";

/// Examples of `lethe completions`.
pub(crate) const COMPLETIONS: &str = "\
Examples:
  lethe completions bash > ~/.local/share/bash-completion/completions/lethe
  lethe completions zsh > ~/.zfunc/_lethe
  lethe completions fish > ~/.config/fish/completions/lethe.fish";

/// Returns the command with its subcommands in groups.
pub(crate) fn grouped(command: Command) -> Command {
    let width = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max();
    let width = width.unwrap_or(0);
    let header = *command.get_styles().get_header();
    let literal = *command.get_styles().get_literal();
    let mut groups = String::new();
    let mut add = |text: std::fmt::Arguments<'_>| groups.write_fmt(text).expect("a String takes any text");
    for (group, names) in GROUPS {
        add(format_args!("{header}{group}:{header:#}\n"));
        for name in names {
            let space = " ".repeat(width - name.len());
            let about = about(&command, name);
            add(format_args!("  {literal}{name}{literal:#}{space}  {about}\n"));
        }
        add(format_args!("\n"));
    }
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{header}Options:{header:#}\n{{options}}{{after-help}}"
    ))
}

fn about(command: &Command, name: &str) -> String {
    if name == HELP.0 {
        return HELP.1.to_owned();
    }
    let about = command.find_subcommand(name).and_then(Command::get_about);
    about.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::options::Options;

    #[test]
    fn every_command_is_in_one_group() {
        let command = Options::command();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut all: Vec<&str> = command
            .get_subcommands()
            .map(Command::get_name)
            .chain([HELP.0])
            .collect();
        grouped.sort_unstable();
        all.sort_unstable();
        assert_eq!(grouped, all);
    }

    #[test]
    fn the_help_shows_each_command_with_its_purpose() {
        let shown = grouped(Options::command()).render_help().to_string();
        for command in Options::command().get_subcommands() {
            let about = command.get_about().expect("every command has a purpose").to_string();
            assert!(shown.contains(&about), "{about}\n{shown}");
        }
        // The braces of a template.
        assert!(!shown.contains('{'), "{shown}");
        assert!(shown.contains("Exit codes:") && shown.contains("--version"), "{shown}");
    }

    #[test]
    fn the_command_is_well_formed() {
        grouped(Options::command()).debug_assert();
    }
}
