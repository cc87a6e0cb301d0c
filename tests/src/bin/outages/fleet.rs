//! The processes: an API, and workers that are killed and started again.

use std::path::PathBuf;
use std::sync::Mutex;

use lethe_tests::client::Client;
use lethe_tests::config::Config;
use lethe_tests::process::Process;
use lethe_tests::service::{self, Service};
use lethe_tests::wait;

use crate::sites::Sites;

/// The number of workers.
pub(crate) const WORKERS: usize = 2;

/// Running processes.
pub(crate) struct Fleet {
    pub(crate) client: Client,
    api: Mutex<Service>,
    workers: Mutex<Vec<Option<Process>>>,
    config: Config,
    directory: PathBuf,
}

impl Fleet {
    /// Starts the processes, and waits until workers have looked at every target.
    pub(crate) async fn start_all(sites: &Sites) -> Self {
        let directory = sites.directory.path();
        let api = service::api(&sites.config, directory).await;
        let client = api.client.clone();
        let workers = (0..WORKERS).map(|_| Some(service::role("worker", &sites.config, directory)));
        let fleet = Self {
            workers: Mutex::new(workers.collect()),
            api: Mutex::new(api),
            config: sites.config.clone(),
            directory: directory.to_owned(),
            client: client.clone(),
        };
        wait::until_true("every mapping fits", || service::fits(&client)).await;
        fleet
    }

    /// Kills a worker, as a power cut would.
    pub(crate) fn kill(&self, worker: usize) {
        if let Some(mut process) = self.workers.lock().unwrap()[worker].take() {
            process.kill();
        }
    }

    /// Starts a worker again.
    pub(crate) fn start(&self, worker: usize) {
        let process = service::role("worker", &self.config, &self.directory);
        self.workers.lock().unwrap()[worker] = Some(process);
    }

    /// Returns the processes that ended without being killed, with their last log lines.
    pub(crate) fn ended(&self) -> Vec<String> {
        let mut workers = self.workers.lock().unwrap();
        let mut api = self.api.lock().unwrap();
        let processes = workers.iter_mut().flatten().chain([&mut api.process]);
        processes
            .filter_map(|process| {
                let status = process.ended()?;
                let log = process.log();
                let last = log.lines().last().unwrap_or_default();
                Some(format!("process {} ended: {status}; {last}", process.id()))
            })
            .collect()
    }

    /// Returns the last log lines of all processes about a job, at most `most` lines.
    pub(crate) fn logged(&self, job: &str, most: usize) -> Vec<String> {
        let files = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let mut lines: Vec<String> = Vec::new();
        for file in files.filter(|file| file.path().extension().is_some_and(|kind| kind == "log")) {
            let log = std::fs::read_to_string(file.path()).unwrap_or_default();
            lines.extend(log.lines().filter(|line| line.contains(job)).map(str::to_owned));
        }
        // Each line begins with its time.
        lines.sort();
        lines.split_off(lines.len().saturating_sub(most))
    }
}
