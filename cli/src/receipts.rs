//! Receipts: listing them, saving one, verifying one, and checking the log that names them.

mod audit;
mod bounded;
mod verify;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use serde_json::Value;
use uuid::Uuid;

use crate::api::{Api, Server, job_path, listed};
use crate::help;
use crate::output::{self, Cell, Format, Table};
use crate::words;

/// The headers of the list.
const COLUMNS: [&str; 6] = ["ID", "JOB", "ENDING", "STATE", "ENDED", "LOG"];

/// The most receipts of a page.
const PAGE: u64 = 1_000;

/// Receipts.
#[derive(Debug, Args)]
pub(crate) struct Receipts {
    #[command(subcommand)]
    command: ReceiptsCommand,
}

/// The commands about receipts.
#[derive(Debug, Subcommand)]
enum ReceiptsCommand {
    /// List receipts, the newest first.
    List(List),
    /// Print a signed receipt, or save it to a file.
    #[command(after_help = help::GET_RECEIPT)]
    Get(Get),
    /// Verify a receipt offline: exit code 0 if it is valid.
    #[command(after_help = help::VERIFY_RECEIPT)]
    Verify(verify::Verify),
    /// Check a whole log, and name the first bad entry.
    Audit(audit::Audit),
}

/// The receipts to list.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    server: Server,
    /// Only receipts of jobs that ended from this time on, such as 2030-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The most to list.
    #[arg(long, default_value_t = 20)]
    limit: u64,
}

/// The receipt to get.
#[derive(Debug, Args)]
struct Get {
    #[command(flatten)]
    server: Server,
    /// The receipt's id.
    #[arg(required_unless_present = "job", conflicts_with = "job")]
    receipt: Option<String>,
    /// The job whose receipt it is; of several endings the last one.
    #[arg(long, value_name = "JOB")]
    job: Option<String>,
    /// The number of the job's ending, from 1 on.
    #[arg(long, value_name = "N", requires = "job", conflicts_with = "receipt")]
    ending: Option<u64>,
    /// A new file for it; default: it is printed.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Runs `lethe receipts`.
pub(crate) async fn run(options: &Receipts) -> anyhow::Result<()> {
    match &options.command {
        ReceiptsCommand::List(options) => list(options).await,
        ReceiptsCommand::Get(options) => get(options).await,
        ReceiptsCommand::Verify(options) => verify::run(options).await,
        ReceiptsCommand::Audit(options) => audit::run(options).await,
    }
}

/// Lists receipts, page by page.
async fn list(options: &List) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let (mut left, mut after) = (options.limit, None);
    let mut table = Table::new(COLUMNS);
    while left > 0 {
        let mut query = vec![("limit", left.min(PAGE).to_string())];
        query.extend(options.since.clone().map(|since| ("since", since)));
        query.extend(after.map(|after| ("after", after)));
        let page = api.send(api.get("receipts").query(&query)).await?;
        let receipts = listed(&page, "receipts")?;
        match options.server.output {
            Format::Json => receipts.iter().try_for_each(output::json)?,
            Format::Text => table.print(&receipts.iter().map(row).collect::<Vec<_>>()),
        }
        left = left.saturating_sub(receipts.len() as u64);
        let Some(next) = page["next"].as_str() else { break };
        after = Some(next.to_owned());
    }
    if options.server.output == Format::Text {
        table.end("no receipt is listed: no job of this key's reach has ended, or none since that time");
    }
    Ok(())
}

/// Returns the row of a receipt in a list.
fn row(receipt: &Value) -> [Cell; COLUMNS.len()] {
    let text = |name: &str| receipt[name].as_str().unwrap_or("-");
    let number = |name: &str| receipt[name].as_u64().map_or_else(|| "-".to_owned(), |n| n.to_string());
    let state = text("state");
    [
        text("id").into(),
        text("job_id").into(),
        number("ending").into(),
        Cell::styled(state, words::colour_of(state)),
        text("ended_at").into(),
        number("log_index").into(),
    ]
}

/// Prints or saves a receipt.
async fn get(options: &Get) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let request = match (&options.receipt, &options.job) {
        (Some(receipt), _) => api.get(&receipt_path(receipt)?),
        (None, Some(job)) => {
            let ending = options.ending.map(|ending| ("ending", ending));
            let request = api.get(&format!("{}/receipt", job_path(job)?));
            request.query(ending.as_slice())
        }
        (None, None) => bail!("name a receipt, or its --job"),
    };
    let receipt = api.send(request).await?;
    receipt["payload"]
        .as_str()
        .context("the API did not answer with a receipt")?;
    match &options.file {
        None => output::json(&receipt),
        Some(path) => {
            save(path, &receipt)?;
            if options.server.output == Format::Text {
                output::note(&format!("{} has the receipt", path.display()));
            }
            Ok(())
        }
    }
}

/// Writes a receipt to a new file: another receipt is never overwritten.
fn save(path: &Path, receipt: &Value) -> anyhow::Result<()> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("name another file: {} exists", path.display())
        }
        opened => opened
            .and_then(|mut file| writeln!(file, "{receipt}"))
            .with_context(|| format!("write {}", path.display())),
    }
}

/// Returns the path of a receipt.
fn receipt_path(id: &str) -> anyhow::Result<String> {
    // Another text might be another path.
    let id: Uuid = id
        .parse()
        .map_err(|_| anyhow!("write the id of a receipt, as `lethe receipts list` shows it"))?;
    Ok(format!("receipts/{id}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_receipt_is_saved_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("receipt.json");
        let receipt = json!({"payload": "e30="});
        save(&path, &receipt).unwrap();
        let refused = save(&path, &json!({})).unwrap_err();
        assert!(refused.to_string().contains("exists"), "{refused}");
        let saved = std::fs::read_to_string(&path).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&saved).unwrap(), receipt);
    }

    #[test]
    fn only_an_id_becomes_a_path() {
        let id = "0198c7c2-7d0a-7c3e-8f00-6c2a4a1b9e01";
        assert_eq!(receipt_path(id).unwrap(), format!("receipts/{id}"));
        for other in ["", "..", "x/../keys", "?limit=1"] {
            assert!(receipt_path(other).is_err(), "{other}");
        }
    }
}
