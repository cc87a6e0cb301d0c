//! Reading the keys that an issuer publishes.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use lethe_common::config::Jwt;

/// The time limit of a fetch: a request may be waiting for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest document from a URL, in bytes: hundreds of keys.
const MOST: usize = 1 << 20;

/// The reason why keys could not be read. It holds no file name and no URL, since either may hold a secret.
#[derive(Debug)]
pub(super) enum Unread {
    /// The file could not be read.
    File(std::io::ErrorKind),
    /// The issuer could not be reached, or answered with an error.
    Http(reqwest::Error),
    /// The document is too long.
    TooLong,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(kind) => write!(f, "the file cannot be read: {kind}"),
            Self::Http(error) => {
                write!(f, "{error}")?;
                let mut cause = error.source();
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
            Self::TooLong => f.write_str("the document is longer than 1 MiB"),
        }
    }
}

impl From<reqwest::Error> for Unread {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

/// Returns the issuer's JSON Web Key Set as it is now.
pub(super) async fn published(jwt: &Jwt) -> Result<String, Unread> {
    if let Some(file) = &jwt.jwks_file {
        return tokio::fs::read_to_string(file)
            .await
            .map_err(|error| Unread::File(error.kind()));
    }
    let url = jwt.jwks_url.as_deref().unwrap_or_default();
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        // Following a redirect would trust the keys of another server.
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let mut answer = client.get(url).send().await?.error_for_status()?;
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await? {
        bytes.extend_from_slice(&part);
        if bytes.len() > MOST {
            return Err(Unread::TooLong);
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
