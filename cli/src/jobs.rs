//! The list of jobs, the newest first, and its filters.

use clap::Args;
use lethe_common::clock::Clock;

use crate::api::{Api, Server, listed};
use crate::job;
use crate::output::{self, Format, Table};

/// A list of jobs.
#[derive(Debug, Args)]
pub(crate) struct Jobs {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    filter: Filter,
    /// The most to list.
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

/// The filters of jobs.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only jobs in this state.
    #[arg(long)]
    state: Option<String>,
    /// Only jobs with this last error, such as unavailable.
    #[arg(long, value_name = "CODE")]
    error_code: Option<String>,
    /// Only jobs of this kind: ids, query or subject.
    #[arg(long)]
    kind: Option<String>,
    /// Only jobs about this target alone.
    #[arg(long)]
    target: Option<String>,
    /// Only jobs of this schedule.
    #[arg(long)]
    schedule: Option<String>,
    /// Only jobs of this caller, such as the name of a key.
    #[arg(long)]
    principal: Option<String>,
    /// Only jobs created from this time on, such as 2030-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only jobs created before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only jobs with this reference.
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// Only jobs with this label.
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    label: Option<(String, String)>,
    /// Only jobs that have not ended and whose deadline has passed.
    #[arg(long)]
    overdue: bool,
    /// Only jobs that have not ended and whose deadline is before this time.
    #[arg(long, value_name = "TIME")]
    due_before: Option<String>,
}

impl Filter {
    /// Returns the filters as the parameters of a query.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = Vec::new();
        for (name, value) in [
            ("state", &self.state),
            ("error_code", &self.error_code),
            ("kind", &self.kind),
            ("target", &self.target),
            ("schedule", &self.schedule),
            ("principal", &self.principal),
            ("created_after", &self.since),
            ("created_before", &self.until),
            ("reference", &self.reference),
            ("due_before", &self.due_before),
        ] {
            query.extend(value.iter().map(|value| (name, value.clone())));
        }
        let label = self.label.iter();
        query.extend(label.map(|(key, value)| ("label", format!("{key}:{value}"))));
        query.extend(self.overdue.then(|| ("overdue", "true".to_owned())));
        query
    }
}

/// Reads a label. The API decides which keys and values are one.
pub(crate) fn label(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("write a key, = and a value")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Lists jobs.
pub(crate) async fn run(options: &Jobs) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let mut query = options.filter.query();
    let filters = query.len();
    let (mut jobs, mut left) = (Vec::new(), options.limit);
    query.push(("limit", left.to_string()));
    // A page ends after a number of jobs that were read, whether they match or not.
    loop {
        let list = api.send(api.get("jobs").query(&query)).await?;
        let page = listed(&list, "jobs")?;
        jobs.extend_from_slice(page);
        left = left.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
        let Some(next) = list["next"].as_str().filter(|_| left > 0) else {
            break;
        };
        query.truncate(filters);
        query.extend([("limit", left.to_string()), ("after", next.to_owned())]);
    }
    if options.server.output == Format::Json {
        return jobs.iter().try_for_each(output::json);
    }
    let now = Clock::system().now();
    let mut table = Table::new(job::COLUMNS);
    table.print(&jobs.iter().map(|job| job::row(job, now)).collect::<Vec<_>>());
    table.end("no job is listed: this key sees none, or none matches");
    Ok(())
}
