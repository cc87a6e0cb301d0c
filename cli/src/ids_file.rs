//! Files of ids, streamed to the API as they are read.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, anyhow, bail};
use lethe_common::ndjson::{Line, LineError, Lines};
use reqwest::{Body, RequestBuilder};
use serde_json::{Map, Value, json};
use tokio::fs::File;
use tokio_stream::{Stream, StreamExt};
use tokio_util::io::ReaderStream;

use crate::api::Api;

/// The bytes of a file that are read at a time.
const PART: usize = 64 * 1024;

/// The longest id, in characters. The API decides about the real limit.
const MAX_ID: usize = 64 * 1024;

/// The reason why the file was refused during the upload. The API only saw that the request broke off.
#[derive(Clone, Default)]
pub(crate) struct Refused(Arc<Mutex<Option<anyhow::Error>>>);

impl Refused {
    /// Takes the reason.
    pub(crate) fn reason(self) -> Option<anyhow::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, reason: anyhow::Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }
}

/// Returns the request that streams a file of ids, and the reason if it breaks off. A request that breaks
/// off creates no job.
pub(crate) async fn upload(
    api: &Api,
    path: &Path,
    common: &Map<String, Value>,
) -> anyhow::Result<(RequestBuilder, Refused)> {
    let file = File::open(path)
        .await
        .with_context(|| format!("open {}", path.display()))?;
    let refused = Refused::default();
    let query: Vec<(&String, String)> = common
        .iter()
        .map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    let request = api
        .post("jobs")
        .query(&query)
        .header("content-type", "application/x-ndjson")
        .body(Body::wrap_stream(parts(file, path, refused.clone())));
    Ok((request, refused))
}

/// Returns the file's ids as lines of JSON strings, part by part.
fn parts(file: File, path: &Path, refused: Refused) -> impl Stream<Item = Result<String, Broken>> + use<> {
    let name = path.display().to_string();
    let mut lines = Lines::new(MAX_ID);
    let read = ReaderStream::with_capacity(file, PART).map(|part| part.map(Some));
    // The end of the file ends its last line.
    let read = read.chain(tokio_stream::once(Ok(None)));
    read.map(move |part| {
        let read = part.map_err(anyhow::Error::from);
        let read = read.and_then(|part| Ok(as_ndjson(&mut lines, part.as_deref())?));
        read.map_err(|reason| {
            refused.note(anyhow!("{name}: {reason:#}; nothing was submitted"));
            Broken
        })
    })
}

/// The error that ends a request before its body is complete.
#[derive(Debug)]
struct Broken;

impl std::error::Error for Broken {}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the file of ids cannot be sent")
    }
}

/// Reads a whole file of ids.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<String>> {
    let name = path.display();
    let text = std::fs::read(path).with_context(|| format!("read {name}"))?;
    let ids = ids_of(&text).map_err(|reason| anyhow!("{name}: {reason}"))?;
    if ids.is_empty() {
        bail!("{name}: the file has no id");
    }
    Ok(ids)
}

fn ids_of(mut text: &[u8]) -> Result<Vec<String>, LineError> {
    let mut lines = Lines::new(MAX_ID);
    let mut read = Vec::new();
    while !text.is_empty() {
        read.extend(lines.next(&mut text)?);
    }
    read.extend(lines.last()?);
    let ids = read.into_iter().filter_map(|line| match line {
        Line::Id(id) => Some(id),
        Line::Blank => None,
    });
    Ok(ids.collect())
}

/// Returns the lines of a part of a file as JSON strings; `None` is the end. Blank lines are kept, so that
/// the API's line numbers are the file's.
fn as_ndjson(lines: &mut Lines, part: Option<&[u8]>) -> Result<String, LineError> {
    let mut text = String::new();
    let mut add = |line: Line| {
        if let Line::Id(id) = line {
            text.push_str(&json!(id).to_string());
        }
        text.push('\n');
    };
    match part {
        None => lines.last()?.into_iter().for_each(&mut add),
        Some(mut part) => {
            while !part.is_empty() {
                lines.next(&mut part)?.into_iter().for_each(&mut add);
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_becomes_json_strings_and_blank_lines_stay() {
        for (text, sent) in [
            ("\u{feff}a\n\nb", "\"a\"\n\n\"b\"\n"),
            ("a \"b\"\r\n", "\"a \\\"b\\\"\"\n"),
            ("\"a\"\n{\"id\": \"b\"}\n", "\"a\"\n\"b\"\n"),
            ("", ""),
        ] {
            let mut lines = Lines::new(MAX_ID);
            let all = as_ndjson(&mut lines, Some(text.as_bytes())).unwrap() + &as_ndjson(&mut lines, None).unwrap();
            assert_eq!(all, sent);
        }
    }
}
