//! Deadlines: the legal options of a deletion, and the extension of a deadline.

use clap::Args;
use serde_json::json;

use crate::api::{Api, Server, job_path};
use crate::job::show;

/// The heading of options about the law.
const LAW: &str = "Law";

/// The legal options of a deletion.
#[derive(Debug, Args)]
pub(crate) struct Legal {
    /// The regime that sets the deadline: gdpr, ccpa, one of the configuration, or none.
    #[arg(long, value_name = "NAME", help_heading = LAW)]
    regulation: Option<String>,
    /// The ground of the erasure, a letter of Article 17(1), such as '17(1)(b)'.
    #[arg(long, value_name = "GROUND", help_heading = LAW)]
    ground: Option<String>,
    /// When the person's request arrived, such as 2030-01-31T12:00:00Z; default: now.
    #[arg(long, value_name = "TIME", help_heading = LAW)]
    received_at: Option<String>,
}

impl Legal {
    /// Returns the fields of the request, each with its value if there is one.
    pub(crate) fn fields(&self) -> [(&'static str, &Option<String>); 3] {
        [
            ("regulation", &self.regulation),
            ("ground", &self.ground),
            ("received_at", &self.received_at),
        ]
    }
}

/// A later deadline of a job.
#[derive(Debug, Args)]
pub(crate) struct Extend {
    #[command(flatten)]
    server: Server,
    /// The job's id.
    job: String,
    /// The reason that the person is told.
    #[arg(long, value_name = "REASON", value_parser = ["complexity", "number_of_requests"])]
    reason: String,
    /// The later deadline, such as 2030-01-31T12:00:00Z; default: the latest that the regime allows.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// Extends the deadline of a job.
pub(crate) async fn extend(options: &Extend) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let mut extend = json!({"reason": options.reason});
    if let Some(until) = &options.until {
        extend["until"] = json!(until);
    }
    let change = json!({"extend": extend});
    let job = api.send(api.patch(&job_path(&options.job)?).json(&change)).await?;
    show(&job, options.server.output)
}
