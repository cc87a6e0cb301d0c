//! The command line without a service.

mod help;
mod refused;

use std::process::Output;

use lethe_tests::service::lethe;

/// Runs `lethe` in an empty directory, with a key in its environment.
fn run(arguments: &[&str], key: &str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut command = lethe();
    command
        .args(arguments)
        .current_dir(directory.path())
        .env("LETHE_KEY", key);
    command.output().unwrap()
}
