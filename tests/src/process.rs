//! Processes that a test starts. They never outlive it. If the test fails, their logs are shown.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::wait;

/// The maximum bytes of a log that are shown.
const SHOWN: usize = 60_000;

/// A running process.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: PathBuf,
    log: PathBuf,
}

impl Process {
    /// Starts `command`. Its standard output and its log are files in `directory`.
    pub fn start(name: &str, command: &mut Command, directory: &Path) -> Self {
        let unique = uuid::Uuid::now_v7().simple();
        let (output, log) = (
            directory.join(format!("{name}-{unique}.out")),
            directory.join(format!("{name}-{unique}.log")),
        );
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&output).unwrap())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self {
            name: name.to_owned(),
            child,
            output,
            log,
        }
    }

    /// Returns the process' id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns its standard output.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// Returns its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Returns its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until `find` finds something in the process' output or log. Panics if the process ends before.
    pub async fn says<T>(&mut self, what: &str, find: impl Fn(&Self) -> Option<T>) -> T {
        let start = std::time::Instant::now();
        loop {
            let ended = self.ended();
            if let Some(found) = find(self) {
                return found;
            }
            if let Some(status) = ended {
                panic!("{} ended ({status}) before {what}", self.name);
            }
            assert!(
                start.elapsed() < wait::DEADLINE,
                "timed out waiting for {}: {what}",
                self.name
            );
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Waits until the process ends by itself.
    pub async fn exits(&mut self) -> ExitStatus {
        let what = format!("{} ends", self.name);
        let start = std::time::Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(start.elapsed() < wait::DEADLINE, "timed out: {what}");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Kills the process as a power cut would: no handler runs.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to stop (SIGTERM).
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Stops the process (SIGSTOP).
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Continues the process (SIGCONT).
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let done = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{name} {}", self.id()))
            .status()
            .unwrap();
        assert!(done.success(), "{} cannot be sent {name}", self.name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = self.log();
            let from = log
                .char_indices()
                .map(|(at, _)| at)
                .find(|at| log.len() - at <= SHOWN)
                .unwrap_or(0);
            show(&format!("---- log of {} ({})", self.name, self.id()));
            show(log.get(from..).unwrap_or_default());
        }
    }
}

/// Prints a text about a failed test.
#[expect(clippy::print_stderr, reason = "what a failed test shows")]
pub(crate) fn show(text: &str) {
    eprintln!("{text}");
}
