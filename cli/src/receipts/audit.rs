//! Checking a whole log: of an API, or of a copy of its files.

mod log;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use futures::StreamExt as _;
use lethe_common::receipt::{Envelope, KeySet, entry_hash};
use lethe_common::tlog::audit::{Audited, Auditor};
use lethe_common::tlog::checkpoint::Checkpoint;
use lethe_common::tlog::entry::Entry;
use lethe_common::tlog::hash::to_base64;
use lethe_common::tlog::note::NoteKey;
use lethe_common::tlog::proof_file::ProofFile;
use lethe_common::tlog::walk::parts;
use serde_json::json;

use self::log::Log;
use super::verify;
use crate::api::Environment;
use crate::output::{self, Format, printable};

/// The files that are read ahead of the check. A distant API answers them together.
const AHEAD: usize = 16;

/// The log to check.
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// The log: the URL of the API, or a directory with a copy of its files.
    #[arg(value_name = "URL|DIR")]
    log: String,
    /// The issuer's public keys: a saved list, or a URL; default: the list beside the log.
    #[arg(long, value_name = "FILE|URL")]
    keys: Option<String>,
    /// An earlier checkpoint or proof of the log: the log must still begin with its entries.
    #[arg(long, value_name = "CHECKPOINT")]
    since: Vec<PathBuf>,
    /// A receipt with a proof: the log must still have its entry.
    #[arg(long, value_name = "FILE")]
    receipt: Vec<PathBuf>,
    /// A file for the checkpoint of a good log, which is written over: the next `--since`.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// The API key, for a log that is not public; default for the API of `LETHE_URL`: `LETHE_KEY`.
    #[arg(long)]
    key: Option<String>,
    /// The form of the answer: text for people, json for scripts.
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Format::Text)]
    output: Format,
}

/// Checks a log. An error names the first bad entry.
pub(super) async fn run(options: &Audit) -> anyhow::Result<()> {
    let key = options
        .key
        .clone()
        .or_else(|| Environment::read()?.key_for(&options.log));
    let log = Log::of(&options.log, key.as_deref())?;
    let keys = match &options.keys {
        Some(place) => verify::keys(place).await?,
        None => log.keys().await?,
    };
    let keys = Keys::read(&keys)?;
    let note = log.checkpoint().await?;
    let head = keys.open(&note).context("refuse the log's checkpoint")?;
    let mut auditor = Auditor::new(&head);
    for path in &options.since {
        auditor.follows(&keys.earlier(path)?)?;
    }
    for path in &options.receipt {
        keys.expect(path, &mut auditor)?;
    }
    let audited = audit(&log, &head, auditor).await?;
    if let Some(path) = &options.save {
        std::fs::write(path, &note).with_context(|| format!("write {}", path.display()))?;
    }
    match options.output {
        Format::Json => output::json(&json!({
            "valid": true,
            "origin": head.origin,
            "size": head.size,
            "root": to_base64(&head.root),
            "receipts": audited.receipts,
            "audit_events": audited.events,
            "checkpoint": note,
        }))?,
        Format::Text => summary(options, &head, audited),
    }
    Ok(())
}

/// Reads each file of a log once, and checks it.
async fn audit(log: &Log, head: &Checkpoint, mut auditor: Auditor) -> anyhow::Result<Audited> {
    let files = futures::stream::iter(parts(head.size)).map(|part| log.part(part));
    let mut files = std::pin::pin!(files.buffered(AHEAD));
    while let Some(bytes) = files.next().await {
        auditor.take(&bytes?)?;
    }
    Ok(auditor.finish()?)
}

fn summary(options: &Audit, head: &Checkpoint, audited: Audited) {
    let Audited {
        entries,
        receipts,
        events,
    } = audited;
    output::line(&format!("valid: log {}", printable(&head.origin)));
    for (label, value) in [
        ("entries", entries.to_string()),
        ("receipts", receipts.to_string()),
        ("events", events.to_string()),
        ("root", to_base64(&head.root)),
    ] {
        output::line(&format!("  {label:<10} {value}"));
    }
    if options.keys.is_none() {
        output::note("the keys are those beside the log: `--keys` names a list that you saved earlier");
    }
    if options.since.is_empty() && options.receipt.is_empty() {
        output::note("a rewritten log is valid in itself: `--since` compares it with an earlier checkpoint");
    }
}

/// The keys of a log, and its name.
struct Keys {
    set: KeySet,
    keys: Vec<NoteKey>,
}

impl Keys {
    fn read(list: &[u8]) -> anyhow::Result<Self> {
        let set = KeySet::read(list).context("read the public keys")?;
        let public = set.public_keys().context("read the public keys")?;
        let keys = public.iter().map(|key| NoteKey::new(&set.origin, key.bytes()));
        let keys = keys.collect::<Result<Vec<_>, _>>().context("read the public keys")?;
        Ok(Self { set, keys })
    }

    /// Checks the signatures of a checkpoint.
    fn open(&self, note: &str) -> anyhow::Result<Checkpoint> {
        Ok(Checkpoint::open(note, &self.set.origin, &self.keys)?)
    }

    /// Reads an earlier checkpoint, of its own file or of a proof's.
    fn earlier(&self, path: &Path) -> anyhow::Result<Checkpoint> {
        let text = String::from_utf8(verify::read(path)?).ok();
        let text = text.with_context(|| format!("refuse {}: it is no text", path.display()))?;
        let proof = ProofFile::read(&text).ok();
        let note = proof.map_or(text, |proof| proof.checkpoint);
        let checkpoint = self.open(&note);
        checkpoint.with_context(|| format!("refuse the checkpoint of {}", path.display()))
    }

    /// Demands the entry at the place that a receipt's proof names, and the checkpoint of the proof.
    fn expect(&self, path: &Path, auditor: &mut Auditor) -> anyhow::Result<()> {
        let file = verify::read(path)?;
        let refuse = || format!("refuse {}", path.display());
        let verified = lethe_common::receipt::verify(&file, &self.set, &self.set.origin, None).with_context(refuse)?;
        let envelope = Envelope::read(&file).with_context(refuse)?;
        let (Some(logged), Some(proof)) = (verified.logged, &envelope.tlog_proof) else {
            bail!("refuse {}: it has no proof of the log", path.display());
        };
        let checkpoint = ProofFile::read(proof).with_context(refuse)?.checkpoint;
        let entry = Entry::Receipt {
            id: verified.body.receipt_id,
            hash: entry_hash(&envelope.payload_bytes().with_context(refuse)?),
        };
        auditor.expect(logged.index, &entry)?;
        auditor.follows(&self.open(&checkpoint).with_context(refuse)?)?;
        Ok(())
    }
}
