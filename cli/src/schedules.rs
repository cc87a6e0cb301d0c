//! Recurring deletions, from the command line.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use lethe_common::config::{NAME, is_name};
use serde_json::Value;

use crate::api::{Api, Server, json_of, listed};
use crate::job;
use crate::output::{self, Cell, Format, Table, printable};
use crate::words;

/// The headers of the list.
const COLUMNS: [&str; 5] = ["NAME", "CRON", "TIME ZONE", "NEXT RUN", "LAST RUN"];

/// Recurring deletions.
#[derive(Debug, Args)]
pub(crate) struct Schedules {
    #[command(subcommand)]
    command: SchedulesCommand,
}

/// The commands about schedules.
#[derive(Debug, Subcommand)]
enum SchedulesCommand {
    /// List schedules.
    List(Server),
    /// Show a schedule.
    Show(Schedule),
    /// Create a schedule, or replace the schedule of this name.
    Put(PutSchedule),
    /// Delete a schedule; its jobs go on.
    Delete(Schedule),
    /// Pause a schedule: it creates no jobs.
    Pause(Schedule),
    /// Resume a paused schedule; missed runs are caught up by one job.
    Resume(Schedule),
    /// Submit a schedule's job as a dry run, now.
    Preview(Schedule),
}

/// A schedule.
#[derive(Debug, Args)]
struct Schedule {
    #[command(flatten)]
    server: Server,
    /// Its name.
    name: String,
}

/// A schedule to be written.
#[derive(Debug, Args)]
struct PutSchedule {
    #[command(flatten)]
    schedule: Schedule,
    /// The body of `PUT /v1/schedules/{name}`: JSON, or a file of it.
    #[arg(value_name = "JSON|FILE")]
    body: String,
}

/// Runs `lethe schedules`.
pub(crate) async fn run(options: &Schedules) -> anyhow::Result<()> {
    match &options.command {
        SchedulesCommand::List(server) => list(server).await,
        SchedulesCommand::Show(schedule) => {
            let (api, path) = schedule.place()?;
            schedule.show(&api.send(api.get(&path)).await?)
        }
        SchedulesCommand::Put(put) => {
            let (api, path) = put.schedule.place()?;
            let request = api.put(&path).header("content-type", "application/json");
            let written = api.send(request.body(json_of(&put.body)?)).await?;
            put.schedule.show(&written)
        }
        SchedulesCommand::Delete(schedule) => {
            let (api, path) = schedule.place()?;
            api.send(api.delete(&path)).await?;
            Ok(())
        }
        SchedulesCommand::Pause(schedule) => schedule.act("pause").await,
        SchedulesCommand::Resume(schedule) => schedule.act("resume").await,
        SchedulesCommand::Preview(schedule) => {
            let (api, path) = schedule.place()?;
            let job = api.send(api.post(&format!("{path}/preview"))).await?;
            job::show(&job, schedule.server.output)
        }
    }
}

impl Schedule {
    /// Returns the API, and the path of the schedule.
    fn place(&self) -> anyhow::Result<(Api, String)> {
        if !is_name(&self.name) {
            // Another name would be another path.
            bail!("no schedule has such a name: {NAME}");
        }
        Ok((Api::of(&self.server)?, format!("schedules/{}", self.name)))
    }

    async fn act(&self, verb: &str) -> anyhow::Result<()> {
        let (api, path) = self.place()?;
        self.show(&api.send(api.post(&format!("{path}/{verb}"))).await?)
    }

    /// Prints a schedule in the form that was asked for.
    fn show(&self, schedule: &Value) -> anyhow::Result<()> {
        if self.server.output == Format::Json {
            return output::json(schedule);
        }
        schedule["name"]
            .as_str()
            .context("the API did not answer with a schedule")?;
        for line in summary(schedule) {
            output::line(&line);
        }
        Ok(())
    }
}

/// Lists schedules, page by page.
async fn list(server: &Server) -> anyhow::Result<()> {
    let api = Api::of(server)?;
    let mut query: Vec<(&str, String)> = Vec::new();
    let mut table = Table::new(COLUMNS);
    loop {
        let page = api.send(api.get("schedules").query(&query)).await?;
        let schedules = listed(&page, "schedules")?;
        match server.output {
            Format::Json => schedules.iter().try_for_each(output::json)?,
            Format::Text => table.print(&schedules.iter().map(row).collect::<Vec<_>>()),
        }
        let Some(next) = page["next"].as_str() else { break };
        query = vec![("after", next.to_owned())];
    }
    if server.output == Format::Text {
        table.end("there is no schedule, or this key sees none");
    }
    Ok(())
}

fn text<'s>(schedule: &'s Value, name: &str) -> &'s str {
    schedule[name].as_str().unwrap_or("-")
}

/// Returns the time of the next run, or `paused`.
fn next_run(schedule: &Value) -> &str {
    if schedule["paused"] == true {
        return "paused";
    }
    text(schedule, "next_run_at")
}

/// Returns the last run: its time and its outcome.
fn last_run(schedule: &Value) -> String {
    match (schedule["last_run_at"].as_str(), schedule["last_outcome"].as_str()) {
        (Some(at), Some(outcome)) => format!("{at} ({outcome})"),
        (Some(text), None) | (None, Some(text)) => text.to_owned(),
        (None, None) => "-".to_owned(),
    }
}

/// Returns the row of a schedule in a list.
fn row(schedule: &Value) -> [Cell; COLUMNS.len()] {
    let next = next_run(schedule);
    [
        text(schedule, "name").into(),
        text(schedule, "cron").into(),
        text(schedule, "time_zone").into(),
        Cell::styled(next, words::colour_of(next)),
        last_run(schedule).into(),
    ]
}

/// Returns a schedule for people, line by line.
fn summary(schedule: &Value) -> Vec<String> {
    let mut lines = vec![format!("Schedule {}", printable(text(schedule, "name")))];
    let mut add = |label: &str, fact: &str| lines.push(format!("  {label:<9}  {}", printable(fact)));
    add(
        "cron",
        &format!("{} ({})", text(schedule, "cron"), text(schedule, "time_zone")),
    );
    add("next run", next_run(schedule));
    add("last run", &last_run(schedule));
    for (label, name) in [("last job", "last_job"), ("refused", "last_problem")] {
        if let Some(text) = schedule[name].as_str() {
            add(label, text);
        }
    }
    add("caller", text(schedule, "principal"));
    add("job", &schedule["job"].to_string());
    if !schedule["windows"].is_null() {
        add("windows", &schedule["windows"].to_string());
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schedule_is_shown_with_its_next_and_its_last_run() {
        let mut schedule = json!({
            "name": "nightly", "principal": "ops", "cron": "0 3 * * *", "time_zone": "UTC", "paused": false,
            "next_run_at": "2030-01-02T03:00:00Z", "last_run_at": "2030-01-01T03:00:00Z", "last_outcome": "fired",
            "last_job": null, "last_problem": null, "job": {"select": {"subject": {"user_id": "ana"}}}, "windows": null,
        });
        assert_eq!(
            summary(&schedule),
            [
                "Schedule nightly",
                "  cron       0 3 * * * (UTC)",
                "  next run   2030-01-02T03:00:00Z",
                "  last run   2030-01-01T03:00:00Z (fired)",
                "  caller     ops",
                "  job        {\"select\":{\"subject\":{\"user_id\":\"ana\"}}}",
            ]
        );
        schedule["paused"] = json!(true);
        assert_eq!(next_run(&schedule), "paused");
    }
}
