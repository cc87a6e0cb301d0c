//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Erases AI memories from a SQL database and a vector store, and proves it.
#[derive(Debug, Parser)]
#[command(name = "lethe", version, arg_required_else_help = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process: API, worker, embedded stores.
    Up(Up),
    /// Erase real memories from embedded stores, and look at what is left.
    Demo(Demo),
    /// Run the HTTP API.
    Api(Role),
    /// Run a worker.
    Worker(Role),
    /// Apply the ledger's migrations, and end.
    Migrate(Role),
    /// Make an API key, and print it with the lines that allow it.
    Key(Key),
    /// Ask a process whether it is ready: exit code 0 if it is.
    Health(Health),
    /// Submit a deletion.
    Submit(Box<Submit>),
    /// Watch a job until it ends.
    Watch(Job),
    /// List jobs.
    Jobs(Jobs),
    /// Cancel a job.
    Cancel(Job),
    /// Try a failed or cancelled job again.
    Retry(Job),
    /// List the memories of a job that were not simply erased.
    Items(Items),
    /// Begin no new batch, everywhere or in one target; acceptance goes on.
    Pause(Scope),
    /// Go on after a pause.
    Resume(Scope),
}

/// Everything in one process.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Where the ledger and the embedded stores are kept.
    #[arg(long, default_value = "lethe-data", env = "LETHE_DATA")]
    pub(crate) data: PathBuf,
    /// Where to listen; port 0 for any that is free.
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
    /// The configuration file; default: `lethe.toml` if there is one.
    #[arg(long, env = "LETHE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// How to say that it is ready.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// A demonstration on real data.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// A directory to keep; default: a temporary one, removed at the end.
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
}

/// A process with one role.
#[derive(Debug, Args)]
pub(crate) struct Role {
    /// The configuration file; default: `lethe.toml` if there is one.
    #[arg(long, env = "LETHE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// A new API key.
#[derive(Debug, Args)]
pub(crate) struct Key {
    /// Its name: the principal whose jobs it submits.
    pub(crate) name: String,
    /// What it may do.
    #[arg(long = "scope", default_value = "admin")]
    pub(crate) scopes: Vec<String>,
}

/// A health check.
#[derive(Debug, Args)]
pub(crate) struct Health {
    /// The base URL of the process.
    #[arg(default_value = "http://127.0.0.1:7878")]
    pub(crate) url: String,
}

/// Where the API is, and the key for it.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The base URL of the API.
    #[arg(long, env = "LETHE_URL", default_value = "http://127.0.0.1:7878")]
    pub(crate) url: String,
    /// The API key.
    #[arg(long, env = "LETHE_KEY", hide_env_values = true)]
    pub(crate) key: String,
}

/// A deletion to submit.
#[derive(Debug, Args)]
pub(crate) struct Submit {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Memories' ids.
    #[arg(conflicts_with_all = ["ids_file", "user"])]
    pub(crate) ids: Vec<String>,
    /// A file of ids, one a line; streamed, so it may be as long as it likes.
    #[arg(long, conflicts_with = "user")]
    pub(crate) ids_file: Option<PathBuf>,
    /// Everything of one person.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// The target.
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// The table inside the target.
    #[arg(long)]
    pub(crate) table: Option<String>,
    /// With ids: only memories of this owner.
    #[arg(long, conflicts_with = "user")]
    pub(crate) owner: Option<String>,
    /// With ids: only memories of this workspace.
    #[arg(long, conflicts_with = "user")]
    pub(crate) workspace: Option<String>,
    /// The most memories it may select; if it is more, nothing is touched.
    #[arg(long)]
    pub(crate) limit: Option<u64>,
    /// The most memories to erase in a second.
    #[arg(long)]
    pub(crate) per_second: Option<u64>,
    /// When to start at the earliest, such as 2030-01-31T12:00:00Z.
    #[arg(long)]
    pub(crate) not_before: Option<String>,
    /// The same key makes the same job, however often it is sent.
    #[arg(long)]
    pub(crate) idempotency_key: Option<String>,
    /// Count, and touch nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Watch the job until it ends.
    #[arg(long)]
    pub(crate) watch: bool,
}

/// A job.
#[derive(Debug, Args)]
pub(crate) struct Job {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The job's id.
    pub(crate) job: String,
}

/// A list of jobs.
#[derive(Debug, Args)]
pub(crate) struct Jobs {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Only those in this state.
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// The most to list.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
}

/// The memories of a job.
#[derive(Debug, Args)]
pub(crate) struct Items {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The job's id.
    pub(crate) job: String,
    /// What became of them: `absent`, `failed`, `unverifiable`, `residue`, …
    #[arg(long)]
    pub(crate) outcome: String,
}

/// What is paused.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The target; default: everything.
    pub(crate) target: Option<String>,
}

/// How to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One line of JSON.
    Json,
}
