//! Commands that are refused, and their advice.

use lethe_tests::service::lethe;

use super::run;

/// A port without a server.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Asserts that a command is refused with an exit code and a message, and prints no answer.
#[track_caller]
fn refused(arguments: &[&str], code: i32, says: &str) {
    let output = run(arguments, "a-key");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(
        said.starts_with("error: ") && said.contains(says),
        "{arguments:?}: {said}"
    );
    assert!(output.stdout.is_empty(), "{arguments:?}: {:?}", output.stdout);
    assert!(!said.contains("a-key"), "{arguments:?}: {said}");
}

#[test]
fn a_command_without_what_it_needs_is_refused() {
    for (arguments, says) in [
        (&["no-such-command"][..], "unrecognized subcommand"),
        (&["up", "--listen", "here"], "--listen"),
        (&["up", "--output", "yaml"], "[possible values: text, json]"),
        (&["demo", "more"], "unexpected argument"),
        (&["keys", "create"], "--scope"),
        (&["keys", "rotate"], "<NAME>"),
        (&["keys", "revoke"], "<NAME>"),
        (&["keys", "config", "nightly"], "--scope"),
        (&["schedules", "show"], "<NAME>"),
        (&["schedules", "put", "nightly"], "<JSON|FILE>"),
        (&["schedules", "delete"], "<NAME>"),
        (&["schedules", "pause"], "<NAME>"),
        (&["schedules", "resume"], "<NAME>"),
        (&["schedules", "preview"], "<NAME>"),
        (
            &["targets", "check", "--output", "yaml"],
            "[possible values: text, json]",
        ),
        (&["targets", "infer"], "<URL>"),
        (&["targets", "retire"], "<TARGET/TABLE>"),
        (&["submit", "1", "--user", "ana"], "cannot be used with"),
        (&["submit", "--user", "ana", "--query", "{}"], "cannot be used with"),
        (&["submit", "--ids-file", "f", "--query", "{}"], "cannot be used with"),
        (&["submit", "--user", "ana", "--owner", "ana"], "cannot be used with"),
        (&["submit", "--agent", "bot", "--owner", "ana"], "cannot be used with"),
        (&["submit", "1", "--run", "7"], "cannot be used with"),
        (&["submit", "--query", "{}", "--app", "chat"], "cannot be used with"),
        (&["submit", "--alias", "ana"], "--user"),
        (&["submit", "1", "--limit", "many"], "--limit"),
        (&["submit", "1", "--require-found"], "--watch"),
        (&["submit", "1", "--dry-run", "--expect", "0"], "cannot be used with"),
        (&["watch"], "<JOB>"),
        (&["jobs", "--limit", "many"], "--limit"),
        (&["pace", "1"], "<RATE>"),
        (&["cancel"], "<JOB>"),
        (&["retry"], "<JOB>"),
        (&["cancel", "1", "--matching"], "cannot be used with"),
        (&["cancel", "1", "--yes", "2"], "cannot be used with"),
        (&["retry", "1", "--all"], "cannot be used with"),
        (&["cancel", "--yes", "2"], "--matching"),
        (&["pace", "1", "50", "--per-second", "7"], "cannot be used with"),
        (&["items", "1"], "--outcome"),
        (&["receipts", "get"], "<RECEIPT>"),
        (&["receipts", "get", "1", "--job", "2"], "cannot be used with"),
        (&["receipts", "get", "1", "--ending", "2"], "cannot be used with"),
        (&["receipts", "verify", "receipt.json"], "--keys"),
        (&["receipts", "verify", "--keys", "keys.json"], "<FILE>"),
        (&["receipts", "audit"], "<URL|DIR>"),
        (&["hold"], "<NAME>"),
        (&["hold", "case-77", "--person", "ana"], "--ground"),
        (&["hold", "case-77", "--ground", "other"], "--everything"),
        (
            &[
                "hold",
                "case-77",
                "--ground",
                "other",
                "--person",
                "ana",
                "--everything",
            ],
            "cannot be used with",
        ),
        (&["holds", "case-77", "--all"], "cannot be used with"),
        (&["release"], "<NAME>"),
        (&["pause", "main", "other"], "unexpected argument"),
        (&["resume", "main", "other"], "unexpected argument"),
        (
            &["up", "--qdrant-listen", "0.0.0.0:6334"],
            "write an address of this machine",
        ),
        (&["up", "--qdrant-listen", "6334"], "write an address of this machine"),
        (&["jobs", "--output", "yaml"], "[possible values: text, json]"),
        (&["completions", "tcsh"], "bash, elvish, fish, powershell, zsh"),
        (&["man"], "<DIR>"),
    ] {
        refused(arguments, 2, says);
    }
}

#[test]
fn a_command_about_the_api_needs_a_key() {
    let mut command = lethe();
    command.arg("jobs");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--key <KEY>"));
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused_by_every_role() {
    for role in ["api", "worker", "migrate", "forget-audit"] {
        refused(&[role], 2, "ledger.url: name the ledger's database, or run `lethe up`");
    }
    for arguments in [&["up"][..], &["api"], &["worker"], &["migrate"], &["targets", "check"]] {
        refused(&[arguments, &["--config", "nowhere.toml"]].concat(), 2, "nowhere.toml");
    }
    refused(&["targets", "check"], 1, "lethe targets infer");
    refused(&["keys", "config", "Nightly", "--scope", "admin"], 2, "a-z");
    refused(&["keys", "config", "nightly", "--scope", "all"], 2, "memories:delete");
    refused(
        &["keys", "config", "nightly", "--scope", "admin", "--expires", "90"],
        1,
        "90d or 2030-01-31T12:00:00Z",
    );
}

#[test]
fn what_is_refused_before_anything_is_sent() {
    let job = "00000000-0000-7000-8000-000000000000";
    for (arguments, code, says) in [
        (
            &["submit"][..],
            1,
            "name ids, an --ids-file, a --query, or a --user, --agent, --app or --run",
        ),
        (
            &["submit", "--workspace", "w"],
            1,
            "name ids, an --ids-file, a --query, or a --user, --agent, --app or --run",
        ),
        (&["submit", "--ids-file", "nowhere"], 1, "open nowhere"),
        (&["submit", "--query", "nowhere"], 1, "read nowhere"),
        (&["submit", "--query", "{"], 1, "as JSON"),
        (&["submit", "1", "--per-second", "nan"], 2, "write a number"),
        (&["submit", "1", "--per-second", "inf"], 2, "write a number"),
        (&["submit", "1", "--label", "team"], 2, "write a key, = and a value"),
        (&["jobs", "--label", "team"], 2, "write a key, = and a value"),
        (&["pace", job, "nan"], 2, "write a number"),
        (&["schedules", "put", "nightly", "{"], 1, "as JSON"),
        (&["schedules", "put", "nightly", "nowhere"], 1, "read nowhere"),
        (&["schedules", "show", "../jobs"], 1, "no schedule has such a name"),
        (&["keys", "rotate", "../jobs"], 1, "no key has such a name"),
        (&["keys", "revoke", "../jobs"], 1, "no key has such a name"),
        (
            &["keys", "create", "k", "--scope", "admin", "--expires", "soon"],
            1,
            "90d",
        ),
        (&["targets", "retire", "main"], 1, "write TARGET/TABLE"),
        (&["targets", "retire", "main/../x"], 1, "write TARGET/TABLE"),
        (&["watch", "../keys"], 1, "write the id of a job"),
        (&["cancel", "../targets/main/pause?"], 1, "write the id of a job"),
        (&["retry", "1"], 1, "write the id of a job"),
        (&["cancel", job, "--state", "queued"], 1, "or write --matching"),
        (&["pace", "--matching", "--state", "queued"], 1, "write --per-second"),
        (&["pace", "1", "50"], 1, "write the id of a job"),
        (&["items", "1", "--outcome", "failed"], 1, "write the id of a job"),
        (&["receipts", "get", "../keys"], 1, "write the id of a receipt"),
        (&["receipts", "get", "--job", "1"], 1, "write the id of a job"),
        (
            &["receipts", "verify", "nowhere", "--keys", "nobody"],
            1,
            "read nowhere",
        ),
        (
            &["receipts", "audit", "nowhere"],
            1,
            "name the issuer's public keys with --keys",
        ),
        (&["receipts", "audit", "ftp://nowhere"], 1, "write a URL"),
        (
            &["hold", "../keys", "--ground", "other", "--everything"],
            1,
            "no hold has such a name",
        ),
        (
            &["hold", "case-77", "--ground", "other", "--ids-file", "nowhere"],
            1,
            "read nowhere",
        ),
        (&["hold", "case-77", "--ground", "other", "--query", "{"], 1, "as JSON"),
        (&["holds", "../keys"], 1, "no hold has such a name"),
        (&["release", "../keys"], 1, "no hold has such a name"),
        // Without a name in the path, these would pause and resume everything.
        (&["pause", ".."], 1, "no target has such a name"),
        (&["resume", ".."], 1, "no target has such a name"),
        (&["pause", ""], 1, "no target has such a name"),
    ] {
        refused(arguments, code, says);
    }
    for (url, says) in [
        ("", "write a URL such as http://127.0.0.1:7878"),
        ("ftp://localhost", "write a URL such as http://127.0.0.1:7878"),
        ("localhost:7878", "the scheme is missing: write http://localhost:7878"),
        ("127.0.0.1:7878", "the scheme is missing: write http://127.0.0.1:7878"),
    ] {
        refused(&["jobs", "--url", url], 2, &format!("{says} in --url or LETHE_URL"));
        refused(&["health", url], 2, says);
    }
    let output = run(&["jobs", "--url", NOWHERE], "a-key\n");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("LETHE_KEY") && !said.contains("a-key"), "{said}");
}

#[test]
fn an_api_that_cannot_be_reached_is_said() {
    let job = "00000000-0000-7000-8000-000000000000";
    for arguments in [
        &["submit", "1"][..],
        &["watch", job],
        &["jobs"],
        &["pace", job, "50"],
        &["cancel", job],
        &["retry", job],
        &["items", job, "--outcome", "failed"],
        &["pause"],
        &["resume", "main"],
        &["keys", "create", "nightly", "--scope", "admin"],
        &["keys", "list"],
        &["keys", "rotate", "nightly"],
        &["keys", "revoke", "nightly"],
        &["schedules", "list"],
        &["schedules", "show", "nightly"],
        &["schedules", "put", "nightly", "{}"],
        &["schedules", "delete", "nightly"],
        &["schedules", "pause", "nightly"],
        &["schedules", "resume", "nightly"],
        &["schedules", "preview", "nightly"],
        &["targets", "list"],
        &["targets", "siblings"],
        &["targets", "retire", "main/memories"],
        &["hold", "case-77", "--ground", "other", "--everything"],
        &["holds"],
        &["holds", "case-77"],
        &["release", "case-77"],
    ] {
        let says = "cannot reach the API at http://127.0.0.1:9: nothing listens there: start it";
        refused(&[arguments, &["--url", NOWHERE]].concat(), 1, says);
    }
    refused(
        &["health", NOWHERE],
        1,
        "cannot reach the process at http://127.0.0.1:9",
    );
    // Longer than any name can be: no name server is asked.
    let nowhere = format!("http://{}.invalid:7878", "x".repeat(64));
    refused(&["jobs", "--url", &nowhere], 1, "the host name does not resolve");
    let database = format!("postgres://u@{}.invalid/x?sslmode=verify-full", "x".repeat(64));
    refused(
        &["targets", "infer", &database],
        1,
        "the host name in its URL does not resolve",
    );
}

#[test]
fn directories_that_cannot_be_used_are_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let data = file.path().join("data");
    let data = data.to_str().unwrap();
    refused(&["up", "--data", data, "--listen", "127.0.0.1:0"], 1, data);
    refused(&["demo", "--data", data], 1, data);
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("memories.sqlite"), "").unwrap();
    refused(
        &["demo", "--data", directory.path().to_str().unwrap()],
        1,
        "holds memories already",
    );
}
