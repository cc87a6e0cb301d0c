//! The audit trail: events and their actors.

use std::fmt::Write;

use clap::Args;
use serde_json::Value;

use crate::api::{Api, Server, listed};
use crate::output::{self, Format};

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
    /// Only events from this time on, such as 2030-01-31T12:00:00Z.
    #[arg(long)]
    since: Option<String>,
    /// Only events before this time.
    #[arg(long)]
    until: Option<String>,
    /// The most to list.
    #[arg(long, default_value_t = 100)]
    limit: u64,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

/// Lists events, the newest first, page by page.
pub(crate) async fn run(options: &Audit) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let mut query: Vec<(&str, String)> = Vec::new();
    for (name, value) in [
        ("act", &options.act),
        ("actor", &options.actor),
        ("since", &options.since),
        ("until", &options.until),
    ] {
        query.extend(value.iter().map(|value| (name, value.clone())));
    }
    let (mut left, mut after) = (options.limit, String::new());
    while left > 0 {
        let mut page = query.clone();
        page.push(("limit", left.min(PAGE).to_string()));
        if !after.is_empty() {
            page.push(("after", after.clone()));
        }
        let page = api.send(api.get("audit").query(&page)).await?;
        let events = listed(&page, "events")?;
        for event in events {
            match options.output {
                Format::Text => output::line(&line(event)),
                Format::Json => output::line(&event.to_string()),
            }
        }
        left = left.saturating_sub(events.len() as u64);
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut after);
    }
    Ok(())
}

fn line(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or("-");
    let mut line = format!(
        "{:<24}  {:<16}  {:<16}  {}/{}",
        text("at"),
        text("act"),
        text("actor"),
        text("object_type"),
        text("object_id")
    );
    if text("effect") != "done" {
        write!(line, "  {}", text("effect")).expect("a String takes any text");
    }
    for (name, value) in event["details"].as_object().into_iter().flatten() {
        write!(line, "  {name}={value}").expect("a String takes any text");
    }
    for name in ["address", "request_id"] {
        if let Some(value) = event[name].as_str() {
            write!(line, "  {name}={value}").expect("a String takes any text");
        }
    }
    line
}
