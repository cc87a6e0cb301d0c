//! The audit trail: events and their actors.

use clap::Args;
use serde_json::Value;

use crate::api::{Api, Server, listed};
use crate::output::{self, Cell, Format, Table};

/// The headers of the list.
const COLUMNS: [&str; 7] = ["AT", "ACT", "ACTOR", "OBJECT", "DETAILS", "ADDRESS", "REQUEST"];

/// The most events of a page.
const PAGE: u64 = 1_000;

/// The events to list.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    server: Server,
    /// Only events of this act, such as key.create.
    #[arg(long)]
    act: Option<String>,
    /// Only events by the key of this name.
    #[arg(long)]
    actor: Option<String>,
    /// Only events with this effect: done, unchanged or refused.
    #[arg(long)]
    effect: Option<String>,
    /// Only events from this time on, such as 2030-01-31T12:00:00Z.
    #[arg(long)]
    since: Option<String>,
    /// Only events before this time.
    #[arg(long)]
    until: Option<String>,
    /// The most to list.
    #[arg(long, default_value_t = 100)]
    limit: u64,
}

/// Lists events, the newest first, page by page.
pub(crate) async fn run(options: &Audit) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let mut query: Vec<(&str, String)> = Vec::new();
    for (name, value) in [
        ("act", &options.act),
        ("actor", &options.actor),
        ("effect", &options.effect),
        ("since", &options.since),
        ("until", &options.until),
    ] {
        query.extend(value.iter().map(|value| (name, value.clone())));
    }
    let (mut left, mut after) = (options.limit, String::new());
    let mut table = Table::new(COLUMNS);
    while left > 0 {
        let mut page = query.clone();
        page.push(("limit", left.min(PAGE).to_string()));
        if !after.is_empty() {
            page.push(("after", after.clone()));
        }
        let page = api.send(api.get("audit").query(&page)).await?;
        let events = listed(&page, "events")?;
        match options.server.output {
            Format::Json => events.iter().try_for_each(output::json)?,
            Format::Text => table.print(&events.iter().map(row).collect::<Vec<_>>()),
        }
        left = left.saturating_sub(events.len() as u64);
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut after);
    }
    if options.server.output == Format::Text {
        table.end("no event matches");
    }
    Ok(())
}

/// Returns the row of an event in a list.
fn row(event: &Value) -> [Cell; COLUMNS.len()] {
    let text = |name: &str| event[name].as_str().unwrap_or("-");
    let details = event["details"].as_object().into_iter().flatten();
    let mut details: Vec<String> = details.map(|(name, value)| format!("{name}={value}")).collect();
    if text("effect") != "done" {
        details.insert(0, text("effect").to_owned());
    }
    if details.is_empty() {
        details.push("-".to_owned());
    }
    [
        text("at").into(),
        text("act").into(),
        text("actor").into(),
        format!("{}/{}", text("object_type"), text("object_id")).into(),
        details.join(" ").into(),
        text("address").into(),
        text("request_id").into(),
    ]
}
