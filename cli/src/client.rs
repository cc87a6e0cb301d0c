//! The client commands. They call the API like any other caller.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use lethe_common::config::{NAME, is_name};
use lethe_common::job::Subject;
use serde_json::{Map, Value, json};

use crate::api::{Api, Server, job_path, json_of, listed};
use crate::ending::conclude;
use crate::follow::follow;
use crate::ids_file;
use crate::job::show;
use crate::options;
use crate::output::{self, Cell, Format, Table};
use crate::words;

/// The number of memories in a page: the API's limit.
const ITEMS_A_PAGE: u32 = 1_000;

/// Submits a deletion.
pub(crate) async fn submit(options: &options::Submit) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let mut common: Map<String, Value> = Map::new();
    for (name, value) in [
        ("target", &options.target),
        ("table", &options.table),
        ("owner", &options.owner),
        ("kind", &options.kind),
        ("not_before", &options.not_before),
        ("expect", &options.expect),
        ("reference", &options.reference),
    ] {
        if let Some(value) = value {
            common.insert(name.to_owned(), json!(value));
        }
    }
    for (name, value) in options.legal.fields() {
        common.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
    }
    let limit = options.limit.map(Value::from);
    let per_second = options.per_second.map(Value::from);
    for (name, value) in [("limit", limit), ("per_second", per_second)] {
        if let Some(value) = value {
            common.insert(name.to_owned(), value);
        }
    }
    if !options.labels.is_empty() {
        common.insert(
            "labels".to_owned(),
            json!(options.labels.iter().cloned().collect::<BTreeMap<_, _>>()),
        );
    }
    let subject = subject(options);
    // The fields of a person hold its workspace.
    if let Some(workspace) = options.workspace.as_ref().filter(|_| subject.is_none()) {
        common.insert("workspace".to_owned(), json!(workspace));
    }
    if options.dry_run {
        common.insert("dry_run".to_owned(), json!(true));
    }
    let mut refused = None;
    let request = if let Some(path) = &options.ids_file {
        let (request, told) = ids_file::upload(&api, path, &common).await?;
        refused = Some(told);
        request
    } else {
        let select = match (&subject, &options.query) {
            (Some(subject), _) => json!({"subject": subject}).to_string(),
            (None, Some(query)) => format!("{{\"query\":{}}}", json_of(query)?),
            (None, None) if options.ids.is_empty() => {
                bail!("name ids, an --ids-file, a --query, or a --user, --agent, --app or --run")
            }
            (None, None) => json!({"ids": options.ids}).to_string(),
        };
        let fields = common.iter().map(|(name, value)| format!("{}:{value},", json!(name)));
        let body = format!("{{{}\"select\":{select}}}", fields.collect::<String>());
        api.post("jobs").header("content-type", "application/json").body(body)
    };
    let sent = api.send(match &options.idempotency_key {
        Some(key) => request.header("idempotency-key", key),
        None => request,
    });
    let job = match (sent.await, refused) {
        // The fault of the file says more than the broken request.
        (Err(broken), Some(refused)) => return Err(refused.reason().unwrap_or(broken)),
        (sent, _) => sent?,
    };
    let id = job["id"]
        .as_str()
        .context("the API did not answer with a job")?
        .to_owned();
    if options.watch {
        return end(&api, &id, &options.server, options.require_found).await;
    }
    show(&job, options.server.output)?;
    if options.server.output == Format::Text {
        output::note(&format!("the job goes on: `lethe watch {id}` follows it"));
    }
    Ok(())
}

/// Returns the person or the agent whose memories are to be deleted; `None` if another selection is.
// A workspace alone is no selection: an empty list of ids beside it would delete all of it.
fn subject(options: &options::Submit) -> Option<Subject> {
    let subject = Subject {
        user_id: options.user.clone(),
        aliases: options.aliases.clone(),
        agent_id: options.agent.clone(),
        app_id: options.app.clone(),
        run_id: options.run.clone(),
        workspace: None,
    };
    (!subject.is_empty()).then(|| Subject {
        workspace: options.workspace.clone(),
        ..subject
    })
}

/// Follows a job, and reports its end.
async fn end(api: &Api, id: &str, server: &Server, require_found: bool) -> anyhow::Result<()> {
    let job = follow(api, id, server.output).await?;
    conclude(&job, server.output, require_found)
}

/// Watches a job until it ends.
pub(crate) async fn watch(options: &options::Watch) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    end(&api, &options.job, &options.server, options.require_found).await
}

/// Changes the pace of a job, or of all jobs that match.
pub(crate) async fn pace(options: &options::Pace) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let rate = options.rate.or(options.per_second);
    let change = json!({"per_second": rate.context("write --per-second with --matching")?.0});
    let Some(job) = options.chosen.one()? else {
        let begin = || api.patch("jobs").json(&change);
        return options.chosen.act(&api, options.server.output, begin).await;
    };
    let job = api.send(api.patch(&job_path(job)?).json(&change)).await?;
    show(&job, options.server.output)
}

/// Cancels or retries a job, or all jobs that match.
pub(crate) async fn act(options: &options::Job, verb: &str) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let Some(job) = options.chosen.one()? else {
        let begin = || api.post(&format!("jobs/{verb}"));
        return options.chosen.act(&api, options.server.output, begin).await;
    };
    let path = format!("{}/{verb}", job_path(job)?);
    show(&api.send(api.post(&path)).await?, options.server.output)
}

/// Lists the memories of a job with an outcome, page by page.
pub(crate) async fn items(options: &options::Items) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let path = format!("{}/items", job_path(&options.job)?);
    let mut query = vec![
        ("outcome", options.outcome.clone()),
        ("limit", ITEMS_A_PAGE.to_string()),
    ];
    let mut table = Table::new(["ID", "TABLE", "STORE", "OUTCOME", "CODE"]);
    loop {
        let page = api.send(api.get(&path).query(&query)).await?;
        let items = listed(&page, "items")?;
        match options.server.output {
            // An id may hold any character, a line end too.
            Format::Json => items.iter().try_for_each(output::json)?,
            Format::Text => table.print(&items.iter().map(item).collect::<Vec<_>>()),
        }
        let Some(next) = page["next"].as_str() else { break };
        query.truncate(2);
        query.push(("after", next.to_owned()));
    }
    if options.server.output == Format::Text {
        table.end("no memory of the job has this outcome");
    }
    Ok(())
}

fn item(item: &Value) -> [Cell; 5] {
    let text = |name: &str| item[name].as_str().unwrap_or("-");
    [
        text("id").into(),
        text("table").into(),
        text("store").into(),
        words::outcome(text("outcome")).into(),
        text("code").into(),
    ]
}

/// Pauses or resumes everything, or one target.
pub(crate) async fn switch(options: &options::Scope, verb: &str) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let path = match &options.target {
        // Another name would be another path: `..` would pause or resume everything.
        Some(target) if !is_name(target) => bail!("no target has such a name: {NAME}"),
        Some(target) => format!("targets/{target}/{verb}"),
        None => verb.to_owned(),
    };
    let paused = api.send(api.post(&path)).await?;
    match options.server.output {
        Format::Json => output::json(&paused)?,
        Format::Text => output::line(&pauses(&paused)?),
    }
    Ok(())
}

/// Returns the present pauses in words.
fn pauses(paused: &Value) -> anyhow::Result<String> {
    let all = paused["all"].as_bool().context("the API did not answer with pauses")?;
    let mut names: Vec<&str> = listed(paused, "targets")?.iter().filter_map(Value::as_str).collect();
    if all {
        names.insert(0, "everything");
    }
    if names.is_empty() {
        return Ok("Nothing is paused.".to_owned());
    }
    Ok(format!("Paused: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        submit: options::Submit,
    }

    fn subject_of(options: &[&str]) -> Option<Subject> {
        let line = [&["lethe", "--key=k"][..], options].concat();
        subject(&Line::try_parse_from(line).unwrap().submit)
    }

    #[test]
    fn every_option_of_a_person_is_a_field() {
        let text = |value: &str| Some(value.to_owned());
        let all = [
            "--user=-a",
            "--alias=b",
            "--agent=c",
            "--app=d",
            "--run=e",
            "--workspace=f",
        ];
        let expected = Subject {
            user_id: text("-a"),
            aliases: vec!["b".to_owned()],
            agent_id: text("c"),
            app_id: text("d"),
            run_id: text("e"),
            workspace: text("f"),
        };
        assert_eq!(subject_of(&all), Some(expected));
        let agent = Subject {
            agent_id: text("c"),
            ..Subject::default()
        };
        assert_eq!(subject_of(&["--agent=c"]), Some(agent));
        assert_eq!(subject_of(&["1", "--workspace=f"]), None);
    }
}
