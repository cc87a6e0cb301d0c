//! Files for shells: completions and man pages, made from the command line itself.

use std::path::Path;

use anyhow::Context;
use clap::Command;
use clap_complete::Shell;

use crate::output;

/// Prints the completions of a shell.
pub(crate) fn completions(mut command: Command, shell: Shell) -> anyhow::Result<()> {
    // Written to the output at once, a reader that stops early would cause a panic.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "lethe", &mut script);
    let script = String::from_utf8(script).context("write the completions")?;
    output::line(script.trim_end());
    Ok(())
}

/// Writes a man page for each command into a directory.
pub(crate) fn man(command: Command, directory: &Path) -> anyhow::Result<()> {
    let what = || format!("write man pages into {}", directory.display());
    std::fs::create_dir_all(directory).with_context(what)?;
    clap_mangen::generate_to(command, directory).with_context(what)
}
