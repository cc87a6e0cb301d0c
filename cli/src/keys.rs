//! API keys: managed over the API, or written into the configuration by hand.

mod options;

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, bail};
use jiff::Timestamp;
use lethe_common::clock::Clock;
use lethe_common::config::{Config, KeyHash, NAME, is_name, parse_duration};
use serde_json::{Map, Value, json};

use crate::api::{Api, Server, listed};
use crate::output::{self, Cell, Format, Table, printable};
use crate::words;
pub(crate) use options::Keys;
use options::{KeysCommand, NewKey};

/// The headers of the list.
const COLUMNS: [&str; 6] = ["NAME", "SCOPES", "REACHES", "EXPIRES", "LAST USED", "OLD SECRET"];

/// Runs `lethe keys`.
pub(crate) async fn run(options: &Keys) -> anyhow::Result<()> {
    match &options.command {
        KeysCommand::Create(create) => self::create(create).await,
        KeysCommand::List(server) => list(server).await,
        KeysCommand::Rotate(rotate) => self::rotate(rotate).await,
        KeysCommand::Revoke(revoke) => self::revoke(revoke).await,
        KeysCommand::Config(key) => config(key),
    }
}

/// Creates a key over the API, and prints it.
async fn create(options: &options::CreateKey) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let made = api.send(api.post("keys").json(&described(&options.key)?)).await?;
    show(&made, options.server.output)
}

/// Prints the secret of an answer. As a text it is alone on its line: for `KEY=$(lethe keys create …)`.
fn show(made: &Value, format: Format) -> anyhow::Result<()> {
    let key = made["key"].as_str().context("the API did not answer with a key")?;
    match format {
        Format::Json => output::json(made)?,
        Format::Text => output::line(key),
    }
    Ok(())
}

/// Lists the keys that the API made, page by page.
async fn list(server: &Server) -> anyhow::Result<()> {
    let api = Api::of(server)?;
    let mut query: Vec<(&str, String)> = Vec::new();
    let mut table = Table::new(COLUMNS);
    let now = Clock::system().now();
    loop {
        let page = api.send(api.get("keys").query(&query)).await?;
        let keys = listed(&page, "keys")?;
        match server.output {
            Format::Json => keys.iter().try_for_each(output::json)?,
            Format::Text => table.print(&keys.iter().map(|key| row(key, now)).collect::<Vec<_>>()),
        }
        let Some(next) = page["next"].as_str() else { break };
        query = vec![("after", next.to_owned())];
    }
    if server.output == Format::Text {
        table.end("no key was made over the API: keys of the configuration are not listed");
    }
    Ok(())
}

/// Gives a key another secret, and prints it.
async fn rotate(options: &options::RotateKey) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let path = format!("{}/rotate", path(&options.name)?);
    let mut asked = Map::new();
    for (field, given) in [("overlap", &options.overlap), ("ends", &options.ends)] {
        if let Some(given) = given {
            asked.insert(field.to_owned(), json!(given));
        }
    }
    show(&api.send(api.post(&path).json(&asked)).await?, options.server.output)
}

/// Revokes a key, and prints the schedules that are refused without it. No answer: there are none.
async fn revoke(options: &options::RevokeKey) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let revoked = api.send(api.delete(&path(&options.name)?)).await?;
    if revoked.is_null() {
        return Ok(());
    }
    if options.server.output == Format::Json {
        return output::json(&revoked);
    }
    output::note("the key is revoked, and these schedules are refused from now on: write them again with another key");
    for schedule in listed(&revoked, "refused_schedules")? {
        output::line(&printable(schedule.as_str().unwrap_or_default()));
    }
    if revoked["more"] == true {
        output::note("there are more of them: see `lethe schedules list`");
    }
    Ok(())
}

/// Returns the path of a key.
fn path(name: &str) -> anyhow::Result<String> {
    if !is_name(name) {
        // Another name would be another path.
        bail!("no key has such a name: {NAME}");
    }
    Ok(format!("keys/{name}"))
}

/// Prints a new key, and the lines of the configuration that allow it.
fn config(options: &NewKey) -> anyhow::Result<()> {
    let (key, hash) = KeyHash::make();
    let lines = lines(&described(options)?, &hash);
    // Errors of the configuration are reported here, before an operator pastes the lines. The names of
    // existing targets are not known here.
    if let Err(errors) = Config::from_toml(&lines) {
        let others = errors.0.iter().filter(|error| error.key != "auth.key[0].targets");
        if others.count() > 0 {
            return Err(errors.into());
        }
    }
    output::line(&format!("# the key itself, shown this once: {key}"));
    output::line(&lines);
    Ok(())
}

/// Returns the permissions of a key, in the API's form.
fn described(key: &NewKey) -> anyhow::Result<Value> {
    let mut described = Map::new();
    described.insert("name".to_owned(), json!(key.name));
    described.insert("scopes".to_owned(), json!(key.scopes));
    if let Some(user) = &key.user {
        described.insert("user".to_owned(), json!(user));
    }
    for (field, names) in [("workspaces", &key.workspaces), ("targets", &key.targets)] {
        if !names.is_empty() {
            described.insert(field.to_owned(), json!(names));
        }
    }
    if let Some(expires) = &key.expires {
        let at = expiry(expires, Clock::system().now())?;
        described.insert("expires_at".to_owned(), json!(at));
    }
    Ok(described.into())
}

/// Returns the lines of the configuration that allow a key.
fn lines(described: &Value, hash: &KeyHash) -> String {
    let mut lines = format!("[[auth.key]]\nname = {}\nsha256 = \"{hash}\"", described["name"]);
    for field in ["scopes", "user", "workspaces", "targets", "expires_at"] {
        if let Some(value) = described.get(field) {
            // JSON's texts and lists of texts are also TOML.
            write!(lines, "\n{field} = {value}").expect("a String takes any text");
        }
    }
    lines
}

/// Reads a time, or the duration until then; a day is 24 hours.
fn expiry(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let at = text.parse::<Timestamp>().ok();
    let at = at.or_else(|| now.checked_add(parse_duration(text)?).ok());
    match at {
        Some(at) if at > now => Ok(at),
        _ => bail!("write an expiry in the future, such as 90d or 2030-01-31T12:00:00Z"),
    }
}

/// Returns the row of a key in a list.
fn row(key: &Value, now: Timestamp) -> [Cell; COLUMNS.len()] {
    let text = |name: &str| key[name].as_str();
    let expires = if key["expired"] == true {
        Cell::styled("expired", AnsiColor::Red.on_default())
    } else {
        Cell::styled(text("expires_at").unwrap_or("never"), Style::new())
    };
    let last_used = match words::age(&key["last_used_at"], now).as_str() {
        "-" => "never".to_owned(),
        age => format!("{age} ago"),
    };
    let old = text("previous_secret_ends_at").map_or_else(|| "-".to_owned(), |at| format!("until {at}"));
    [
        text("name").unwrap_or("-").into(),
        names(key, "scopes").into(),
        reach(key).into(),
        expires,
        last_used.into(),
        old.into(),
    ]
}

/// Returns the persons, workspaces and targets that a key reaches.
fn reach(key: &Value) -> String {
    // A person's id may hold spaces, so it is quoted.
    let user = key["user"].as_str().map(|user| format!("user {}", json!(user)));
    let bound = |field: &str| match names(key, field) {
        _ if key[field].is_null() => None,
        names if names.is_empty() => Some(format!("no {field}")),
        names => Some(format!("{field} {names}")),
    };
    let bounds = [bound("workspaces"), bound("targets")];
    let all: Vec<String> = user.into_iter().chain(bounds.into_iter().flatten()).collect();
    if all.is_empty() {
        return "everything".to_owned();
    }
    all.join(", ")
}

fn names(key: &Value, field: &str) -> String {
    let list = key[field].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_expires_at_a_time_or_after_one() {
        let now: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("90d", Some("2030-04-01T00:00:00Z")),
            ("12h", Some("2030-01-01T12:00:00Z")),
            ("2031-01-01T00:00:00Z", Some("2031-01-01T00:00:00Z")),
            ("2029-01-01T00:00:00Z", None),
            ("-1d", None),
            ("90", None),
            ("soon", None),
        ] {
            let at = expiry(text, now).ok().map(|at| at.to_string());
            assert_eq!(at.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_lines_for_the_configuration_are_read_back_as_they_were_meant() {
        let described = json!({
            "name": "k", "scopes": ["memories:delete"], "user": "a \"b\" ü\n", "workspaces": ["w"],
            "expires_at": "2031-01-01T00:00:00Z",
        });
        let (key, hash) = KeyHash::make();
        let auth = Config::from_toml(&lines(&described, &hash)).unwrap().auth;
        let read = auth.find(&key).unwrap();
        assert_eq!(read.user.as_deref(), Some("a \"b\" ü\n"));
        assert_eq!(read.bounds().workspaces.unwrap().first().unwrap(), "w");
        assert_eq!(read.expires_at.unwrap().to_string(), "2031-01-01T00:00:00Z");
    }

    #[test]
    fn a_key_is_listed_with_its_bounds() {
        let mut key = json!({"name": "k", "scopes": ["jobs:read", "memories:delete"], "user": "a b", "workspaces": null,
            "targets": ["main", "other"], "expires_at": null, "expired": false});
        assert_eq!(names(&key, "scopes"), "jobs:read,memories:delete");
        assert_eq!(reach(&key), "user \"a b\", targets main,other");
        for bound in ["user", "targets"] {
            key[bound] = Value::Null;
        }
        assert_eq!(reach(&key), "everything");
        // A key that reaches no workspace is not one that reaches all.
        key["workspaces"] = json!([]);
        assert_eq!(reach(&key), "no workspaces");
    }
}
