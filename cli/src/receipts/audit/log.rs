//! The files of a log: of an API, or in a directory.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use lethe_common::tlog::tile::{Part, beginning};
use reqwest::{Client, StatusCode};

use crate::receipts::{bounded, verify};
use crate::unreached::unreached;

/// The list of public keys in a directory.
const KEYS: &str = "lethe-keys.json";

/// The longest tile, in bytes: 256 hashes.
const TILE: usize = 256 * 32;

/// The longest bundle, in bytes: 256 entries, each with its length in two bytes.
const BUNDLE: usize = 256 * 65_537;

/// The longest checkpoint, in bytes: hundreds of signatures.
const CHECKPOINT: usize = 64 << 10;

/// The files of a log.
pub(super) enum Log {
    /// Those of an API, with the key for them.
    Api {
        client: Client,
        url: String,
        key: Option<String>,
    },
    /// Copies, by the same paths.
    Directory(PathBuf),
}

impl Log {
    /// Returns the log at a URL or in a directory.
    pub(super) fn of(place: &str, key: Option<&str>) -> anyhow::Result<Self> {
        if !place.contains("://") {
            return Ok(Self::Directory(PathBuf::from(place)));
        }
        let url = crate::api::url(place).map_err(|what| anyhow!(what))?;
        Ok(Self::Api {
            client: bounded::client()?,
            url: base(&url).to_owned(),
            key: key.filter(|key| !key.is_empty()).map(str::to_owned),
        })
    }

    /// Returns the list of keys beside the log.
    pub(super) async fn keys(&self) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Api { url, .. } => verify::keys(url).await,
            Self::Directory(directory) => {
                let path = directory.join(KEYS);
                let keys = bounded::file(&path, bounded::KEYS).with_context(|| format!("read {}", path.display()));
                keys.context("name the issuer's public keys with --keys")
            }
        }
    }

    /// Returns the newest checkpoint.
    pub(super) async fn checkpoint(&self) -> anyhow::Result<String> {
        let Some(bytes) = self.file("checkpoint", CHECKPOINT).await? else {
            bail!("no log is there: it has no checkpoint");
        };
        String::from_utf8(bytes).context("refuse the log's checkpoint")
    }

    /// Returns a tile or a bundle. A file that is missing is empty: the check then names its first entry.
    pub(super) async fn part(&self, part: Part) -> anyhow::Result<Vec<u8>> {
        let most = match part {
            Part::Tile(_) => TILE,
            Part::Bundle { .. } => BUNDLE,
        };
        if let Some(bytes) = self.file(&format!("tile/{}", part.path()), most).await? {
            return Ok(bytes);
        }
        // A log may drop a partial file once the full one is there. The full one begins with it.
        let full = part.full();
        if full == part {
            return Ok(Vec::new());
        }
        let bytes = self.file(&format!("tile/{}", full.path()), most).await?;
        let bytes = bytes.unwrap_or_default();
        let first = match part {
            Part::Tile(tile) => bytes.get(..usize::from(tile.width) * 32).unwrap_or(&bytes),
            Part::Bundle { width, .. } => beginning(&bytes, width),
        };
        Ok(first.to_vec())
    }

    /// Returns a file of at most `most` bytes; `None`: there is no such file.
    async fn file(&self, path: &str, most: usize) -> anyhow::Result<Option<Vec<u8>>> {
        match self {
            Self::Api { client, url, key } => fetch(client, url, path, key.as_deref(), most).await,
            Self::Directory(directory) => read(&directory.join(path), most),
        }
    }
}

/// Returns the address of an API, also by the one of its log.
fn base(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    url.strip_suffix("/log").unwrap_or(url)
}

async fn fetch(
    client: &Client,
    url: &str,
    path: &str,
    key: Option<&str>,
    most: usize,
) -> anyhow::Result<Option<Vec<u8>>> {
    let request = client.get(format!("{url}/log/{path}"));
    let request = match key {
        Some(key) => request.bearer_auth(key),
        None => request,
    };
    let lost = |error| unreached(error, "the API", url, "the URL");
    let answer = request.send().await.map_err(lost)?;
    match answer.status() {
        StatusCode::NOT_FOUND => Ok(None),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            bail!(
                "the log is not public: name a key with the scope `receipts:read` in --key, or in LETHE_KEY beside LETHE_URL"
            )
        }
        status if status.is_success() => bounded::body(answer, path, most, lost).await.map(Some),
        status => bail!("the API answered HTTP {}: try again", status.as_u16()),
    }
}

fn read(path: &Path, most: usize) -> anyhow::Result<Option<Vec<u8>>> {
    match bounded::file(path, most) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use lethe_common::tlog::tile::TileId;

    use super::*;

    #[test]
    fn the_address_of_an_api_or_of_its_log_is_the_same_log() {
        for url in [
            "https://a.example",
            "https://a.example/",
            "https://a.example/log",
            "https://a.example/log/",
        ] {
            assert_eq!(base(url), "https://a.example", "{url}");
        }
        assert_eq!(base("https://a.example/lethe/log"), "https://a.example/lethe");
        assert!(Log::of("ftp://a.example", None).is_err());
    }

    #[tokio::test]
    async fn a_full_file_stands_for_a_partial_one_and_a_missing_one_is_empty() {
        let directory = tempfile::tempdir().unwrap();
        let tiles = directory.path().join("tile/0");
        std::fs::create_dir_all(&tiles).unwrap();
        std::fs::write(tiles.join("000"), [7; 256 * 32]).unwrap();
        let log = Log::of(directory.path().to_str().unwrap(), None).unwrap();
        let tile = |n, width| Part::Tile(TileId { level: 0, n, width });
        assert_eq!(log.part(tile(0, 3)).await.unwrap(), [7; 96]);
        assert_eq!(log.part(tile(0, 256)).await.unwrap().len(), 256 * 32);
        assert!(log.part(tile(1, 3)).await.unwrap().is_empty());
        assert!(log.checkpoint().await.is_err());
        assert!(log.keys().await.unwrap_err().to_string().contains("--keys"));
    }

    #[tokio::test]
    async fn a_file_that_is_too_long_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(path("tile/0")).unwrap();
        std::fs::create_dir_all(path("tile/entries")).unwrap();
        for (name, most) in [
            ("tile/0/000", TILE),
            ("tile/entries/000", BUNDLE),
            ("checkpoint", CHECKPOINT),
            (KEYS, bounded::KEYS),
        ] {
            std::fs::write(path(name), vec![b' '; most + 1]).unwrap();
        }
        let log = Log::of(directory.path().to_str().unwrap(), None).unwrap();
        let tile = Part::Tile(TileId {
            level: 0,
            n: 0,
            width: 3,
        });
        for refused in [
            log.part(tile).await.unwrap_err(),
            log.part(Part::Bundle { n: 0, width: 3 }).await.unwrap_err(),
            log.checkpoint().await.unwrap_err(),
            log.keys().await.unwrap_err(),
        ] {
            assert!(format!("{refused:#}").contains("it is longer than"), "{refused:#}");
        }
    }
}
