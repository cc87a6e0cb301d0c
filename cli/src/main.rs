//! The `lethe` binary: every role of the service, and the tools beside it.

mod advice;
mod api;
mod audit;
mod browser;
mod client;
mod data_dir;
mod deadline;
mod demo;
mod embedded;
mod ending;
mod fill;
mod follow;
mod health;
mod help;
mod holds;
mod ids_file;
mod job;
mod jobs;
mod kept_port;
mod keys;
mod lifecycle;
mod matching;
mod memories;
mod next_steps;
mod options;
mod output;
mod receipts;
mod roles;
mod schedules;
mod shell;
mod siblings;
mod targets;
mod unreached;
mod up;
mod words;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use lethe_common::config::ConfigErrors;
use lethe_common::telemetry;

use options::{Command, Options};

/// The exit code for a refused configuration: 2, as `clap` and most shells use for wrong usage. The help and
/// `docs/src/reference/command-line.md` list all exit codes.
const BAD_CONFIGURATION: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let mut command = help::grouped(Options::command());
    let options = Options::from_arg_matches(&command.get_matches_mut());
    let options = options.unwrap_or_else(|error| error.format(&mut command).exit());
    // Two TLS providers are linked in. This choice serves Redis and HTTPS alike.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        output::error("a TLS provider was installed before");
    }
    let done = match options.command {
        Command::Up(up) => Box::pin(up::run(&up)).await,
        Command::Demo(demo) => Box::pin(demo::run(&demo)).await,
        Command::Api(role) => Box::pin(roles::api(role.config.as_deref())).await,
        Command::Worker(role) => Box::pin(roles::worker(role.config.as_deref())).await,
        Command::Sequence(role) => Box::pin(roles::sequence(role.config.as_deref())).await,
        Command::Migrate(role) => roles::migrate(role.config.as_deref()).await,
        Command::ForgetAudit(role) => roles::forget_audit(role.config.as_deref()).await,
        Command::Audit(options) => audit::run(&options).await,
        Command::Receipts(receipts) => receipts::run(&receipts).await,
        Command::Hold(hold) => holds::place(&hold).await,
        Command::Holds(holds) => holds::run(&holds).await,
        Command::Release(release) => holds::release(&release).await,
        Command::Keys(keys) => keys::run(&keys).await,
        Command::Schedules(schedules) => schedules::run(&schedules).await,
        Command::Targets(targets) => targets::run(&targets).await,
        Command::Health(health) => health::check(&health).await,
        Command::Submit(submit) => client::submit(&submit).await,
        Command::Watch(job) => client::watch(&job).await,
        Command::Jobs(jobs) => jobs::run(&jobs).await,
        Command::Pace(pace) => client::pace(&pace).await,
        Command::Extend(extend) => deadline::extend(&extend).await,
        Command::Cancel(job) => client::act(&job, "cancel").await,
        Command::Retry(job) => client::act(&job, "retry").await,
        Command::Items(items) => client::items(&items).await,
        Command::Pause(scope) => client::switch(&scope, "pause").await,
        Command::Resume(scope) => client::switch(&scope, "resume").await,
        Command::Completions(completions) => shell::completions(Options::command(), completions.shell),
        Command::Man(man) => shell::man(Options::command(), &man.directory),
    };
    telemetry::stop();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&format!("{error:#}"));
            if let Some(advice) = advice::of(&error) {
                output::help(advice);
            }
            if error.is::<ConfigErrors>() {
                ExitCode::from(BAD_CONFIGURATION)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}
