//! Recurring deletions, from the command line.

use anyhow::bail;
use clap::{Args, Subcommand};
use lethe_common::config::{NAME, is_name};
use serde_json::Value;

use crate::api::{Api, Server, json_of, listed};
use crate::output::{self, show};

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
            show(&api.send(api.get(&path)).await?)
        }
        SchedulesCommand::Put(put) => {
            let (api, path) = put.schedule.place()?;
            let request = api.put(&path).header("content-type", "application/json");
            show(&api.send(request.body(json_of(&put.body)?)).await?)
        }
        SchedulesCommand::Delete(schedule) => {
            let (api, path) = schedule.place()?;
            api.send(api.delete(&path)).await?;
            Ok(())
        }
        SchedulesCommand::Pause(schedule) => schedule.act("pause").await,
        SchedulesCommand::Resume(schedule) => schedule.act("resume").await,
        SchedulesCommand::Preview(schedule) => schedule.act("preview").await,
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
        show(&api.send(api.post(&format!("{path}/{verb}"))).await?)
    }
}

/// Lists schedules, page by page.
async fn list(server: &Server) -> anyhow::Result<()> {
    let api = Api::of(server)?;
    let mut query: Vec<(&str, String)> = Vec::new();
    loop {
        let page = api.send(api.get("schedules").query(&query)).await?;
        for schedule in listed(&page, "schedules")? {
            output::line(&line(schedule));
        }
        let Some(next) = page["next"].as_str() else {
            return Ok(());
        };
        query = vec![("after", next.to_owned())];
    }
}

fn line(schedule: &Value) -> String {
    let text = |name: &str| schedule[name].as_str().unwrap_or("-");
    let next = if schedule["paused"] == true {
        "paused"
    } else {
        text("next_run_at")
    };
    format!(
        "{:<24} {:<16} {:<20} {:<20}  {}",
        text("name"),
        text("cron"),
        text("time_zone"),
        next,
        text("last_outcome")
    )
}
