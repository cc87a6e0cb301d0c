//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use clap_complete::Shell;
use lethe_common::config::Embedded;

use crate::api::{Server, url};
use crate::audit::Audit;
use crate::deadline::{Extend, Legal};
use crate::help;
use crate::holds::{Hold, Holds, Release};
use crate::jobs::{Jobs, label};
use crate::keys::Keys;
use crate::matching::Chosen;
use crate::output::Format;
use crate::receipts::Receipts;
use crate::schedules::Schedules;
use crate::targets::Targets;

/// Erases AI memories from a SQL database and a vector store, and proves it.
#[derive(Debug, Parser)]
#[command(name = "lethe", version, arg_required_else_help = true, after_help = help::ALL)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The headings of options.
const ADDRESSES: &str = "Addresses";
const SELECTION: &str = "Selection";
const SAFETY: &str = "Safety";
const MARKS: &str = "Marks";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process: API, worker, embedded stores.
    #[command(after_help = help::UP)]
    Up(Up),
    /// Erase real memories from embedded stores, and count the rest.
    Demo(Demo),
    /// Run the HTTP API.
    Api(Role),
    /// Run a worker.
    Worker(Role),
    /// Sign receipts and add to the log: for an installation whose APIs do not (`receipts.sequence = false`).
    Sequence(Role),
    /// Apply the ledger's migrations, and exit.
    Migrate(Role),
    /// Delete audit events and receipts whose retention has passed, and exit: for an installation whose workers may not.
    ForgetAudit(Role),
    /// Create, list, rotate and revoke API keys.
    Keys(Keys),
    /// Write, list, pause, preview and delete recurring deletions.
    Schedules(Schedules),
    /// List targets, check mappings against live stores, and propose mappings.
    Targets(Targets),
    /// Ask a process whether it is ready: exit code 0 if it is.
    Health(Health),
    /// Submit a deletion.
    #[command(after_help = help::SUBMIT)]
    Submit(Box<Submit>),
    /// Watch a job until it ends.
    Watch(Watch),
    /// List jobs, the newest first: kind, state, counts, why they wait, error and age.
    #[command(after_help = help::JOBS)]
    Jobs(Jobs),
    /// Change the pace of a job, or of all that match: memories erased per second.
    Pace(Pace),
    /// Extend the deadline of a job, once, before it has passed.
    Extend(Extend),
    /// Cancel a job, or all that match.
    Cancel(Job),
    /// Retry a failed or cancelled job, or all that match.
    Retry(Job),
    /// List the memories of a job with an outcome other than erased.
    Items(Items),
    /// Read the audit trail: created keys, cancellations, retries, pauses, schedule changes, and reads of ids.
    Audit(Audit),
    /// List, save and verify receipts, and check the log that names them.
    Receipts(Receipts),
    /// Place a legal hold: no job deletes the memories that it names.
    #[command(after_help = help::HOLD)]
    Hold(Box<Hold>),
    /// List legal holds, or show one.
    Holds(Holds),
    /// Release a legal hold: its jobs go on.
    Release(Release),
    /// Pause: begin no new batch, in all targets or in one; jobs are still accepted.
    Pause(Scope),
    /// Go on after a pause.
    Resume(Scope),
    /// Print the completions of a shell.
    #[command(after_help = help::COMPLETIONS)]
    Completions(Completions),
    /// Write man pages into a directory, one for each command.
    Man(Man),
}

/// Everything in one process.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The directory of the ledger and the embedded stores.
    #[arg(long, value_name = "DIR", default_value = "lethe-data", env = "LETHE_DATA")]
    pub(crate) data: PathBuf,
    /// Fill a new directory with the memories of the demonstration, and print commands to paste.
    #[arg(long)]
    pub(crate) demo: bool,
    /// Create an admin API key, and show it once: if the key of the first start is lost.
    #[arg(long)]
    pub(crate) new_key: bool,
    /// The configuration file; default: `lethe.toml` if there is one.
    #[arg(long, value_name = "FILE", env = "LETHE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// The form of the message that it is ready: text for people, json for scripts.
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Format::Text)]
    pub(crate) output: Format,
    /// The address of the API; port 0 takes any free port.
    #[arg(long, value_name = "ADDRESS", help_heading = ADDRESSES)]
    pub(crate) listen: Option<SocketAddr>,
    /// The address of the embedded vector store, on this machine; default: a free port, the same at each start.
    #[arg(long, value_name = "ADDRESS", value_parser = local, help_heading = ADDRESSES)]
    pub(crate) qdrant_listen: Option<SocketAddr>,
}

/// Reads an address of this machine.
fn local(text: &str) -> Result<SocketAddr, &'static str> {
    let address = text
        .parse()
        .ok()
        .filter(|address: &SocketAddr| Embedded::is_local(*address));
    address.ok_or(Embedded::LOCAL)
}

/// A demonstration on real data.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// A new directory to keep; default: a temporary one, removed at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Go on serving after it, and open the console in a browser.
    #[arg(long)]
    pub(crate) open: bool,
}

/// A process with one role.
#[derive(Debug, Args)]
pub(crate) struct Role {
    /// The configuration file; default: `lethe.toml` if there is one.
    #[arg(long, value_name = "FILE", env = "LETHE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// A health check.
#[derive(Debug, Args)]
pub(crate) struct Health {
    /// The base URL of the process.
    #[arg(default_value = "http://127.0.0.1:7878", value_parser = url)]
    pub(crate) url: String,
}

/// A deletion to submit.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("person").args(["user", "agent", "app", "run"]).multiple(true)))]
pub(crate) struct Submit {
    /// The ids of memories.
    #[arg(conflicts_with_all = ["ids_file", "person", "query"])]
    pub(crate) ids: Vec<String>,
    /// A file of ids, one a line, of any length: JSON strings, objects `{"id": "…"}`, or bare ids.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["person", "query"], help_heading = SELECTION)]
    pub(crate) ids_file: Option<PathBuf>,
    /// Select all memories of one person.
    #[arg(long, conflicts_with = "query", help_heading = SELECTION)]
    pub(crate) user: Option<String>,
    /// Another name of that person; may be repeated.
    #[arg(long = "alias", value_name = "USER", requires = "user", help_heading = SELECTION)]
    pub(crate) aliases: Vec<String>,
    /// Select all memories of this agent, with --user those of that person.
    #[arg(long, conflicts_with = "query", help_heading = SELECTION)]
    pub(crate) agent: Option<String>,
    /// The same for an application.
    #[arg(long, conflicts_with = "query", help_heading = SELECTION)]
    pub(crate) app: Option<String>,
    /// The same for a run or session.
    #[arg(long, conflicts_with = "query", help_heading = SELECTION)]
    pub(crate) run: Option<String>,
    /// A filter as JSON, such as '{"eq": {"kind": "note"}}', or a file of it.
    #[arg(long, value_name = "JSON|FILE", help_heading = SELECTION)]
    pub(crate) query: Option<String>,
    /// The target.
    #[arg(long, help_heading = SELECTION)]
    pub(crate) target: Option<String>,
    /// The table inside the target.
    #[arg(long, help_heading = SELECTION)]
    pub(crate) table: Option<String>,
    /// With ids or a query: only memories of this owner.
    #[arg(long, conflicts_with = "person", help_heading = SELECTION)]
    pub(crate) owner: Option<String>,
    /// Beside any other selection: only memories of this workspace.
    #[arg(long, help_heading = SELECTION)]
    pub(crate) workspace: Option<String>,
    /// With ids or a query: only memories of this kind, where a table holds several.
    #[arg(long, conflicts_with = "person", help_heading = SELECTION)]
    pub(crate) kind: Option<String>,
    /// Count, and touch nothing.
    #[arg(long, help_heading = SAFETY)]
    pub(crate) dry_run: bool,
    /// The most memories it may select; above it the job fails and nothing is touched.
    #[arg(long, help_heading = SAFETY)]
    pub(crate) limit: Option<u64>,
    /// The digest of a dry run; if the selection differs now, the job fails and nothing is touched.
    #[arg(long, value_name = "DIGEST", conflicts_with = "dry_run", help_heading = SAFETY)]
    pub(crate) expect: Option<String>,
    /// Fail unless a memory was found, in any store.
    #[arg(long, requires = "watch", help_heading = SAFETY)]
    pub(crate) require_found: bool,
    /// The most memories to erase in a second.
    #[arg(long, value_name = "RATE", value_parser = number, allow_negative_numbers = true)]
    pub(crate) per_second: Option<f64>,
    /// The earliest start, such as 2030-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) not_before: Option<String>,
    /// Your own name for the job, such as a ticket; no personal data.
    #[arg(long, value_name = "TEXT", help_heading = MARKS)]
    pub(crate) reference: Option<String>,
    /// Your own word about the job, may be repeated; no personal data.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label, help_heading = MARKS)]
    pub(crate) labels: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) legal: Legal,
    /// The idempotency key: repeated requests with it return the same job.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// Watch the job until it ends: a line for each event, and its result.
    #[arg(long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) server: Server,
}

/// A job to be watched.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The job's id.
    pub(crate) job: String,
    /// Fail unless a memory was found, in any store.
    #[arg(long)]
    pub(crate) require_found: bool,
}

/// A job, or all jobs that match.
#[derive(Debug, Args)]
pub(crate) struct Job {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

/// Another pace of a job, or of all jobs that match.
#[derive(Debug, Args)]
pub(crate) struct Pace {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    /// The most memories to erase per second from now on, such as 50 or 0.5; `none`: no limit.
    #[arg(value_parser = rate, allow_negative_numbers = true, required_unless_present = "matching")]
    pub(crate) rate: Option<Rate>,
    /// With --matching: the same for each of the jobs.
    #[arg(long, value_name = "RATE", value_parser = rate, allow_negative_numbers = true, requires = "matching",
        conflicts_with = "job")]
    pub(crate) per_second: Option<Rate>,
}

/// The most memories per second; `None`: no limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate(pub(crate) Option<f64>);

// The API decides which numbers are a rate.
fn rate(text: &str) -> Result<Rate, &'static str> {
    if text == "none" {
        return Ok(Rate(None));
    }
    let number = number(text).map_err(|_| "write a number such as 50 or 0.5, or none")?;
    Ok(Rate(Some(number)))
}

// JSON has no other numbers. They would be sent as `null`, which means no limit.
fn number(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or("write a number such as 50 or 0.5")
}

/// The memories of a job.
#[derive(Debug, Args)]
pub(crate) struct Items {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The job's id.
    pub(crate) job: String,
    /// The outcome to list: `absent`, `failed`, `unverifiable`, `residue`, …
    #[arg(long)]
    pub(crate) outcome: String,
}

/// The scope of a pause.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The target; default: all targets.
    pub(crate) target: Option<String>,
}

/// Completions of a shell.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// Man pages.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The directory; it is created if it does not exist.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}
