//! Verifying a receipt, without an API and without a connection: a file, and the issuer's public keys.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use lethe_common::receipt::{Body, KeySet, Logged, Verified};
use serde_json::{Value, json};

use super::bounded;
use crate::output::{self, Format, printable};
use crate::unreached::unreached;
use crate::words;

/// The path of the list of keys.
const WELL_KNOWN: &str = "/.well-known/lethe-keys.json";

/// The receipt to verify.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The file of the receipt.
    file: PathBuf,
    /// The issuer's public keys: a saved list, or the URL of the API, which is then asked.
    #[arg(long, value_name = "FILE|URL")]
    keys: String,
    /// The proof of the log, if it is not in the file.
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// Refuse a receipt without a proof of the log.
    #[arg(long)]
    require_proof: bool,
    /// The form of the answer: text for people, json for scripts.
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Format::Text)]
    output: Format,
}

/// Verifies a receipt. An error is the fault.
pub(super) async fn run(options: &Verify) -> anyhow::Result<()> {
    let file = read(&options.file)?;
    let keys = KeySet::read(&keys(&options.keys).await?).context("read the public keys")?;
    let proof = options.proof.as_deref().map(read).transpose()?;
    let proof = proof.map(String::from_utf8).transpose();
    let proof = proof.context("the proof cannot be read: it is no text")?;
    let verified = lethe_common::receipt::verify(&file, &keys, &keys.origin, proof.as_deref())?;
    if options.require_proof && verified.logged.is_none() {
        bail!("the receipt has no proof of the log: get it again, or name the proof with --proof");
    }
    match options.output {
        Format::Json => output::json(&answer(&verified))?,
        Format::Text => summary(&verified).iter().for_each(|line| output::coloured(line)),
    }
    Ok(())
}

/// Reads a file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}

/// Returns the list of keys: of a file, or of an API. It is public, so no key of the API is sent.
pub(super) async fn keys(place: &str) -> anyhow::Result<Vec<u8>> {
    if !place.contains("://") {
        return bounded::file(Path::new(place), bounded::KEYS).with_context(|| format!("read {place}"));
    }
    let url = url(place);
    let lost = |error: reqwest::Error| match error.status() {
        Some(status) => anyhow!("check --keys: the answer is HTTP {}", status.as_u16()),
        None => unreached(error, "the API", &url, "--keys"),
    };
    let answer = bounded::client()?.get(&url).send().await;
    let answer = answer.and_then(reqwest::Response::error_for_status).map_err(lost)?;
    bounded::body(answer, "the public keys", bounded::KEYS, lost).await
}

/// Returns the URL of the list of keys: as given, or below the address of an API.
fn url(place: &str) -> String {
    if Path::new(place)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
    {
        place.to_owned()
    } else {
        format!("{}{WELL_KNOWN}", place.trim_end_matches('/'))
    }
}

/// Returns the answer for scripts.
fn answer(verified: &Verified) -> Value {
    let logged = verified
        .logged
        .map(|Logged { index, size }| json!({"index": index, "size": size}));
    json!({
        "valid": true,
        "issuer": verified.issuer,
        "keys": verified.keys,
        "log": logged,
        "erasure": verified.body,
    })
}

/// Returns the answer for people. The texts are the issuer's: a terminal must not obey them.
fn summary(verified: &Verified) -> Vec<String> {
    let Verified {
        issuer,
        body,
        keys,
        logged,
    } = verified;
    let state = body.status.lethe.as_str();
    let style = words::colour_of(state);
    let signed = keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let log = match logged {
        Some(Logged { index, size }) => format!("entry {index} of a log of {size}"),
        None => "no proof in the file: `--proof` names one".to_owned(),
    };
    let mut facts = vec![
        ("issuer", printable(issuer)),
        ("key", signed),
        ("log", log),
        ("job", format!("{}, ending {}", body.job.id, body.job.ending)),
        ("ended", format!("{style}{state}{style:#} at {}", body.times.completed)),
    ];
    facts.extend(request(body));
    for store in &body.stores {
        let counts = json!(store.counts);
        let counts = counts.as_object().map(words::counts).unwrap_or_default();
        facts.push((
            "store",
            format!(
                "{} {}: {}",
                printable(&store.target),
                store.store.as_str(),
                printable(&counts)
            ),
        ));
    }
    let facts = facts.into_iter().map(|(label, value)| format!("  {label:<10} {value}"));
    [format!("valid: receipt {}", body.receipt_id)]
        .into_iter()
        .chain(facts)
        .collect()
}

/// Returns the facts of the request that are given.
fn request(body: &Body) -> impl Iterator<Item = (&'static str, String)> {
    let request = &body.request;
    let law = match (&request.regulation, request.ground) {
        (Some(law), Some(ground)) => Some(format!("{law}, Article {ground}")),
        (Some(law), None) => Some(law.clone()),
        (None, ground) => ground.map(|ground| format!("Article {ground}")),
    };
    let due = body.times.due.map(|due| due.to_string());
    let facts = [("law", law), ("reference", request.reference.clone()), ("due", due)];
    facts
        .into_iter()
        .filter_map(|(label, value)| Some((label, printable(&value?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_keys_is_below_the_address_of_an_api() {
        for (place, expected) in [
            (
                "http://127.0.0.1:7878",
                "http://127.0.0.1:7878/.well-known/lethe-keys.json",
            ),
            (
                "https://lethe.example/",
                "https://lethe.example/.well-known/lethe-keys.json",
            ),
            ("https://example.org/keys.json", "https://example.org/keys.json"),
        ] {
            assert_eq!(url(place), expected);
        }
    }
}
