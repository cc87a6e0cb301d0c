//! The help of every command, its man page, and the completions of shells.

use super::run;

/// Every subcommand.
const COMMANDS: [&[&str]; 50] = [
    &[],
    &["up"],
    &["demo"],
    &["api"],
    &["worker"],
    &["sequence"],
    &["migrate"],
    &["forget-audit"],
    &["keys"],
    &["keys", "create"],
    &["keys", "list"],
    &["keys", "rotate"],
    &["keys", "revoke"],
    &["keys", "config"],
    &["schedules"],
    &["schedules", "list"],
    &["schedules", "show"],
    &["schedules", "put"],
    &["schedules", "delete"],
    &["schedules", "pause"],
    &["schedules", "resume"],
    &["schedules", "preview"],
    &["targets"],
    &["targets", "check"],
    &["targets", "infer"],
    &["targets", "list"],
    &["targets", "siblings"],
    &["targets", "retire"],
    &["health"],
    &["submit"],
    &["watch"],
    &["jobs"],
    &["pace"],
    &["extend"],
    &["cancel"],
    &["retry"],
    &["items"],
    &["audit"],
    &["receipts"],
    &["receipts", "list"],
    &["receipts", "get"],
    &["receipts", "verify"],
    &["receipts", "audit"],
    &["hold"],
    &["holds"],
    &["release"],
    &["pause"],
    &["resume"],
    &["completions"],
    &["man"],
];

#[test]
fn every_command_says_what_it_is_for() {
    let mut all = String::new();
    for command in COMMANDS {
        let asked = [command, &["--help"]].concat();
        let output = run(&asked, "a-key");
        assert!(output.status.success() && output.stderr.is_empty(), "{command:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!said.contains("a-key"), "{said}");
        // The list has all subcommands.
        for name in subcommands(&said) {
            let called = [command, &[name]].concat();
            assert!(COMMANDS.contains(&called.as_slice()), "{called:?}");
        }
        let lines = said.lines().map(str::trim_end);
        let lines = [format!("$ lethe {}", asked.join(" "))]
            .into_iter()
            .chain(lines.map(str::to_owned));
        all.extend(lines.map(|line| line + "\n"));
        all.push('\n');
    }
    insta::assert_snapshot!("help", all);
}

/// Returns the subcommands that a help text lists, in one group or several.
fn subcommands(help: &str) -> impl Iterator<Item = &str> {
    let groups = help.split("\n\n").filter(|part| part.starts_with("Commands"));
    let listed = groups.flat_map(|group| group.lines().skip(1));
    let names = listed.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help")
}

#[test]
fn completions_and_man_pages_know_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(&["completions", shell], "a-key");
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}");
        for word in ["forget-audit", "infer", "require-found"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        assert!(!script.contains("a-key"), "{shell}");
    }
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man/man1");
    let output = run(&["man", pages.to_str().unwrap()], "a-key");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for command in COMMANDS {
        let name = [&["lethe"][..], command].concat().join("-");
        let page = std::fs::read_to_string(pages.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME") && !page.contains("a-key"), "{name}");
    }
    let files = std::fs::read_dir(&pages).unwrap().count();
    assert_eq!(files, COMMANDS.len());
}
