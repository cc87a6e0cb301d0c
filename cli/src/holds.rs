//! Legal holds, from the command line.

mod shown;

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{ArgGroup, Args};
use lethe_common::config::{NAME, is_name};
use serde_json::{Map, Value, json};

use crate::api::{Api, Server, json_of, listed};
use crate::ids_file;
use crate::output::{self, Format, Table};

/// The heading of the options that say which memories a hold keeps.
const KEPT: &str = "Memories to keep";

/// The heading of the options that say why a hold is placed.
const REASON: &str = "Reason";

/// A hold to place.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("kept")
    .args(["persons", "ids", "ids_file", "workspaces", "query", "everything"])
    .required(true)))]
pub(crate) struct Hold {
    #[command(flatten)]
    server: Server,
    /// Its name. A hold of this name that is in force is replaced.
    name: String,
    /// All memories of this person; may be repeated.
    #[arg(long = "person", value_name = "USER", help_heading = KEPT)]
    persons: Vec<String>,
    /// The memory with this id; may be repeated.
    #[arg(long = "id", value_name = "ID", help_heading = KEPT)]
    ids: Vec<String>,
    /// The memories with the ids of a file, one a line, in the forms of `lethe submit --ids-file`.
    #[arg(long, value_name = "FILE", help_heading = KEPT)]
    ids_file: Option<PathBuf>,
    /// All memories of this workspace; may be repeated.
    #[arg(long = "workspace", value_name = "WORKSPACE", help_heading = KEPT)]
    workspaces: Vec<String>,
    /// The memories that match a filter, as JSON or a file of it.
    #[arg(long, value_name = "JSON|FILE", help_heading = KEPT)]
    query: Option<String>,
    /// All memories of the tables.
    #[arg(long, help_heading = KEPT)]
    everything: bool,
    /// Only in this target; default: in all targets.
    #[arg(long, help_heading = KEPT)]
    target: Option<String>,
    /// Only in this table of the target; default: in all tables.
    #[arg(long, help_heading = KEPT)]
    table: Option<String>,
    /// Why: a letter of Article 17(3), such as '17(3)(e)', or `legal_claims`, `preservation_order` or other.
    #[arg(long, value_name = "GROUND", help_heading = REASON)]
    ground: String,
    /// Who demands the hold; deleted with its release.
    #[arg(long, value_name = "TEXT", help_heading = REASON)]
    by: Option<String>,
    /// Your own name for the case; no personal data, since it stays.
    #[arg(long, value_name = "TEXT", help_heading = REASON)]
    reference: Option<String>,
    /// When the hold ends by itself, such as 2030-01-31T12:00:00Z; default: when it is released.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// The holds to show.
#[derive(Debug, Args)]
pub(crate) struct Holds {
    #[command(flatten)]
    server: Server,
    /// The hold to show; default: a list of the holds in force.
    name: Option<String>,
    /// List released and expired holds too.
    #[arg(long, conflicts_with = "name")]
    all: bool,
}

/// A hold to release.
#[derive(Debug, Args)]
pub(crate) struct Release {
    #[command(flatten)]
    server: Server,
    /// Its name.
    name: String,
}

/// Places a hold, or replaces the hold of its name.
pub(crate) async fn place(options: &Hold) -> anyhow::Result<()> {
    let (api, path) = (Api::of(&options.server)?, path(&options.name)?);
    let request = api.put(&path).header("content-type", "application/json");
    let placed = api.send(request.body(options.body()?)).await?;
    show(&placed, options.server.output)?;
    if options.server.output == Format::Text {
        for note in &shown::notes(&placed) {
            output::note(note);
        }
    }
    Ok(())
}

impl Hold {
    /// Returns the body of the request. A query is in it as it was written, so that the API reports its faults.
    fn body(&self) -> anyhow::Result<String> {
        let mut fields: Map<String, Value> = Map::new();
        for (name, value) in [
            ("target", &self.target),
            ("table", &self.table),
            ("by", &self.by),
            ("reference", &self.reference),
            ("until", &self.until),
        ] {
            fields.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
        }
        for (name, values) in [
            ("persons", &self.persons),
            ("ids", &self.ids),
            ("workspaces", &self.workspaces),
        ] {
            if !values.is_empty() {
                fields.insert(name.to_owned(), json!(values));
            }
        }
        if let Some(path) = &self.ids_file {
            fields.insert("ids".to_owned(), json!(ids_file::read(path)?));
        }
        if self.everything {
            fields.insert("everything".to_owned(), json!(true));
        }
        let query = self.query.as_deref().map(json_of).transpose()?;
        let query = query.map_or_else(String::new, |query| format!("\"query\":{query},"));
        let fields = fields.iter().map(|(name, value)| format!("{}:{value},", json!(name)));
        let fields: String = fields.collect();
        Ok(format!("{{{fields}{query}\"ground\":{}}}", json!(self.ground)))
    }
}

/// Shows one hold, or lists holds.
pub(crate) async fn run(options: &Holds) -> anyhow::Result<()> {
    let Some(name) = &options.name else {
        return list(options).await;
    };
    let (api, path) = (Api::of(&options.server)?, path(name)?);
    show(&api.send(api.get(&path)).await?, options.server.output)
}

/// Lists holds by name, page by page.
async fn list(options: &Holds) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let mut table = Table::new(shown::COLUMNS);
    let mut after = None;
    loop {
        let mut query: Vec<(&str, String)> = Vec::new();
        query.extend(options.all.then(|| ("all", "true".to_owned())));
        query.extend(after.map(|after| ("after", after)));
        let page = api.send(api.get("holds").query(&query)).await?;
        let holds = listed(&page, "holds")?;
        match options.server.output {
            Format::Json => holds.iter().try_for_each(output::json)?,
            Format::Text => table.print(&holds.iter().map(shown::row).collect::<Vec<_>>()),
        }
        let Some(next) = page["next"].as_str() else { break };
        after = Some(next.to_owned());
    }
    if options.server.output == Format::Text {
        table.end("there is no hold, or this key sees none");
    }
    Ok(())
}

/// Releases a hold.
pub(crate) async fn release(options: &Release) -> anyhow::Result<()> {
    let (api, path) = (Api::of(&options.server)?, path(&options.name)?);
    api.send(api.delete(&path)).await?;
    if options.server.output == Format::Text {
        output::line(&format!(
            "Hold {} is released: the jobs that it kept from their end go on",
            options.name
        ));
    }
    Ok(())
}

/// Prints a hold in the form that was asked for.
fn show(hold: &Value, format: Format) -> anyhow::Result<()> {
    hold["name"].as_str().context("the API did not answer with a hold")?;
    match format {
        Format::Json => output::json(hold)?,
        Format::Text => shown::summary(hold).iter().for_each(|line| output::line(line)),
    }
    Ok(())
}

/// Returns the path of a hold.
fn path(name: &str) -> anyhow::Result<String> {
    if !is_name(name) {
        // Another name would be another path.
        bail!("no hold has such a name: {NAME}");
    }
    Ok(format!("holds/{name}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        hold: Hold,
    }

    fn body(options: &[&str]) -> Value {
        let line = [&["lethe", "--key=k", "case-77", "--ground=17(3)(e)"], options].concat();
        let hold = Line::try_parse_from(line).unwrap().hold;
        serde_json::from_str(&hold.body().unwrap()).unwrap()
    }

    #[test]
    fn every_option_of_a_hold_is_a_field() {
        let ground = "17(3)(e)";
        assert_eq!(
            body(&[
                "--person=ana",
                "--person=-b",
                "--target=main",
                "--by=Legal",
                "--until=2030-01-31T12:00:00Z"
            ]),
            json!({"persons": ["ana", "-b"], "target": "main", "by": "Legal", "until": "2030-01-31T12:00:00Z",
                "ground": ground})
        );
        assert_eq!(
            body(&[
                "--query={\"eq\": {\"kind\": \"note\"}}",
                "--table=memories",
                "--reference=CASE-77"
            ]),
            json!({"query": {"eq": {"kind": "note"}}, "table": "memories", "reference": "CASE-77", "ground": ground})
        );
        assert_eq!(body(&["--workspace=w"]), json!({"workspaces": ["w"], "ground": ground}));
        assert_eq!(
            body(&["--id=1", "--id=2"]),
            json!({"ids": ["1", "2"], "ground": ground})
        );
        assert_eq!(body(&["--everything"]), json!({"everything": true, "ground": ground}));
    }

    #[test]
    fn a_file_of_ids_is_read_in_each_of_its_forms() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = format!("--ids-file={}", file.path().display());
        std::fs::write(file.path(), "1\n\n2").unwrap();
        assert_eq!(body(&[&path])["ids"], json!(["1", "2"]));
        std::fs::write(file.path(), "\"1\"\n{\"id\": \"2\"}\n").unwrap();
        assert_eq!(body(&[&path])["ids"], json!(["1", "2"]));
        std::fs::write(file.path(), "1\n \"2\"\n").unwrap();
        assert!(ids_file::read(file.path()).unwrap_err().to_string().contains("line 2"));
    }

    #[test]
    fn one_kind_of_selection_is_needed() {
        for options in [&[][..], &["--person=ana", "--everything"], &["--id=1", "--workspace=w"]] {
            let line = [&["lethe", "--key=k", "case-77", "--ground=other"], options].concat();
            assert!(Line::try_parse_from(line).is_err(), "{options:?}");
        }
    }

    #[test]
    fn only_a_name_becomes_a_path() {
        assert_eq!(path("case-77").unwrap(), "holds/case-77");
        for other in ["", "..", "x/../keys", "?all=true"] {
            assert!(path(other).is_err(), "{other}");
        }
    }
}
