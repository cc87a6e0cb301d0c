//! The files that pages load: the style, the script and the icon. They are parts of the binary.
//!
//! Their paths hold a hash of their contents, so browsers may keep them for ever. Three files need no `rust-embed`:
//! the standard library embeds them, and a hash without a key tells apart the versions of a file as well as any.

use axum::extract::Path;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

use crate::http::problem::{Kind, Problem};

/// The template of their paths.
pub(super) const ROUTE: &str = "/console/assets/{file}";

/// A file that pages load.
pub(super) struct Asset {
    name: &'static str,
    end: &'static str,
    media_type: &'static str,
    text: &'static str,
    hash: u64,
}

/// The style, one file per kind of part. A page loads all of them as one file.
// Of two rules with the same weight, the one in the later file counts.
const STYLES: &str = concat!(
    include_str!("../../assets/console/colours.css"),
    include_str!("../../assets/console/frame.css"),
    include_str!("../../assets/console/text.css"),
    include_str!("../../assets/console/parts.css"),
    include_str!("../../assets/console/tables.css"),
    include_str!("../../assets/console/forms.css"),
    include_str!("../../assets/console/plots.css"),
    include_str!("../../assets/console/print.css"),
);

pub(super) const STYLE: Asset = Asset::new("console", "css", "text/css", STYLES);

pub(super) const SCRIPT: Asset = Asset::new(
    "console",
    "js",
    "text/javascript",
    include_str!("../../assets/console.js"),
);

pub(super) const ICON: Asset = Asset::new("icon", "svg", "image/svg+xml", include_str!("../../assets/icon.svg"));

const ALL: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];

/// The headers of files whose contents never change under their paths.
const KEPT: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "public, max-age=31536000, immutable")];

impl Asset {
    const fn new(name: &'static str, end: &'static str, media_type: &'static str, text: &'static str) -> Self {
        let hash = hash(text.as_bytes());
        Self {
            name,
            end,
            media_type,
            text,
            hash,
        }
    }

    fn file(&self) -> String {
        format!("{}.{:016x}.{}", self.name, self.hash, self.end)
    }

    /// Returns the path of the file.
    pub(super) fn path(&self) -> String {
        ROUTE.replace("{file}", &self.file())
    }
}

/// Returns the 64-bit FNV-1a hash.
const fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// Sends a file.
pub(super) async fn asset(Path(file): Path<String>) -> Result<Response, Problem> {
    let found = ALL.into_iter().find(|asset| asset.file() == file);
    let asset = found.ok_or_else(|| Problem::new(Kind::NotFound, "load the page again: it names another version"))?;
    let media_type = format!("{}; charset=utf-8", asset.media_type);
    Ok((KEPT, [(header::CONTENT_TYPE, media_type)], asset.text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_changes_with_the_contents() {
        let one = Asset::new("a", "css", "text/css", "a");
        assert_eq!(one.path(), "/console/assets/a.af63dc4c8601ec8c.css");
        assert_ne!(one.path(), Asset::new("a", "css", "text/css", "b").path());
    }

    #[test]
    fn the_script_stays_small() {
        assert!(SCRIPT.text.lines().count() < 300);
    }
}
