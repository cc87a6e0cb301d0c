//! Acts on all jobs that match filters.
//!
//! The API takes some jobs in a request. The number of the jobs comes first: only `--yes` with that number changes any.

use anyhow::{Context, bail};
use clap::Args;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::api::Api;
use crate::jobs::Filter;
use crate::output::{self, Format};

/// The heading of these options.
const MATCHING: &str = "Matching jobs";

/// The number of jobs in a request: it takes a second or two, and each one prints a line of progress.
const STEP: &str = "100";

/// The jobs of an act: one, or all that match.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// The job's id.
    #[arg(required_unless_present = "matching", conflicts_with = "matching")]
    job: Option<String>,
    /// In place of one job: all jobs that match the filters. Without --yes it only says how many there are.
    #[arg(long, help_heading = MATCHING)]
    matching: bool,
    /// The number of matching jobs; if another number matches, nothing is changed.
    // clap does not require an option that conflicts with a given one: beside a job, `requires` alone lets this pass.
    #[arg(long, value_name = "N", requires = "matching", conflicts_with = "job", help_heading = MATCHING)]
    yes: Option<u64>,
    /// All jobs, without a filter.
    #[arg(long, requires = "matching", conflicts_with = "job", help_heading = MATCHING)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

impl Chosen {
    /// Returns the id of the one job; `None` for all that match.
    pub(crate) fn one(&self) -> anyhow::Result<Option<&str>> {
        // The filters would be ignored.
        if self.job.is_some() && !self.filter.query().is_empty() {
            bail!("name one job, or write --matching with the filters");
        }
        Ok(self.job.as_deref())
    }

    /// Sends an act about all matching jobs, a step at a time. `begin` begins its request.
    pub(crate) async fn act(
        &self,
        api: &Api,
        format: Format,
        begin: impl Fn() -> RequestBuilder,
    ) -> anyhow::Result<()> {
        let mut query = self.filter.query();
        if self.all {
            query.push(("all", "true".to_owned()));
        }
        let Some(expect) = self.yes else {
            let counted = api.send(begin().query(&query).query(&[("dry_run", "true")])).await?;
            let n = number(&counted, "left")?;
            bail!("{n} matching jobs, and nothing was changed: repeat the command with --yes {n}");
        };
        query.push(("limit", STEP.to_owned()));
        let mut sums = [("done", 0_u64), ("refused", 0), ("unchanged", 0)];
        let mut place = ("expect", expect.to_string());
        loop {
            let step = api.send(begin().query(&query).query(&[&place])).await?;
            for (name, sum) in &mut sums {
                *sum += number(&step, name)?;
            }
            let Some(next) = step["next"].as_str() else { break };
            let left = number(&step, "left")?;
            output::progress(&format!("{} of {expect} jobs", expect.saturating_sub(left)));
            place = ("after", next.to_owned());
        }
        let [(_, done), (_, refused), (_, unchanged)] = sums;
        match format {
            Format::Json => output::json(&json!({"done": done, "refused": refused, "unchanged": unchanged}))?,
            Format::Text => output::line(&format!("{done} done, {refused} refused, {unchanged} unchanged")),
        }
        if refused > 0 {
            bail!("this key does not control {refused} of the jobs");
        }
        Ok(())
    }
}

fn number(answer: &Value, name: &str) -> anyhow::Result<u64> {
    let number = answer[name].as_u64();
    number.context("the API did not answer with a number of jobs")
}
