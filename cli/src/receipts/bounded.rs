//! Files of an issuer, over HTTP or from a directory. Each has a greatest length, and each wait ends: the issuer may be
//! hostile.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Client, Response};

/// The longest wait for a connection. A distant server needs less than a second.
const CONNECT: Duration = Duration::from_secs(10);

/// The longest wait for the next bytes. The ledger of an API ends a slow statement after this time.
const READ: Duration = Duration::from_secs(30);

/// The longest list of public keys, in bytes: thousands of keys.
pub(super) const KEYS: usize = 1 << 20;

/// Returns a client whose waits end.
pub(super) fn client() -> anyhow::Result<Client> {
    patient(CONNECT, READ)
}

fn patient(connect: Duration, read: Duration) -> anyhow::Result<Client> {
    let client = Client::builder().connect_timeout(connect).read_timeout(read);
    client.build().context("make an HTTP client")
}

/// Reads the body of an answer, of at most `most` bytes. `lost` returns the error of a connection that breaks.
pub(super) async fn body(
    mut answer: Response,
    name: &str,
    most: usize,
    lost: impl Fn(reqwest::Error) -> anyhow::Error,
) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(&lost)? {
        if bytes.len() + part.len() > most {
            bail!("refuse {name}: {}", too_long(most));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// Reads a file of at most `most` bytes.
pub(super) fn file(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(io::Error::new(ErrorKind::FileTooLarge, too_long(most)));
    }
    Ok(bytes)
}

fn too_long(most: usize) -> String {
    format!("it is longer than {most} bytes")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::unreached::unreached;

    /// Returns a client that waits for `read` for more bytes.
    fn client(read: Duration) -> Client {
        // As `main` does.
        drop(rustls::crypto::ring::default_provider().install_default());
        patient(CONNECT, read).unwrap()
    }

    /// Serves one connection: sends the text, and then nothing. Returns the URL.
    async fn serve(text: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            drop(connection.read(&mut [0; 1024]).await);
            connection.write_all(text.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        });
        url
    }

    #[tokio::test]
    async fn a_server_that_sends_nothing_more_is_given_up() {
        let short = Duration::from_millis(50);
        let client = client(short);
        let lost = |error| unreached(error, "the API", "http://a.example", "--keys");
        for begun in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
            let read = async {
                let answer = client.get(serve(begun).await).send().await.map_err(lost)?;
                body(answer, "the file", 9, lost).await
            };
            let given_up = read.await.unwrap_err();
            assert!(given_up.to_string().contains("no answer in time"), "{given_up}");
        }
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_greatest_length() {
        let endless = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n4\r\nmore\r\n";
        let whole = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody";
        let read = async |text: &'static str, most: usize| {
            let answer = client(READ).get(serve(text).await).send();
            body(answer.await.unwrap(), "the file", most, anyhow::Error::from).await
        };
        assert_eq!(read(whole, 4).await.unwrap(), b"body");
        for (text, most) in [(whole, 3), (endless, 7)] {
            let refused = read(text, most).await.unwrap_err();
            assert_eq!(
                refused.to_string(),
                format!("refuse the file: it is longer than {most} bytes")
            );
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_greatest_length() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "body").unwrap();
        assert_eq!(file(&path, 4).unwrap(), b"body");
        assert_eq!(file(&path, 3).unwrap_err().to_string(), "it is longer than 3 bytes");
        let missing = file(&directory.path().join("no"), 3).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    }
}
