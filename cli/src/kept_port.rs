//! The port of the embedded vector store: free at the first start, and the same at later ones.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::data_dir::DataDir;

/// The file of the data directory that holds the port.
const FILE: &str = "qdrant.port";

/// Binds the port that the data directory remembers. If it remembers none, or the port is taken, binds a free one and
/// notes it.
pub(crate) async fn bind(data: &DataDir) -> anyhow::Result<TcpListener> {
    let path = data.join(FILE);
    let known = known(&path);
    if let Some(port) = known
        && let Ok(listener) = TcpListener::bind(local(port)).await
    {
        return Ok(listener);
    }
    let listener = TcpListener::bind(local(0)).await.context("bind the vector store")?;
    let port = listener.local_addr().context("bind the vector store")?.port();
    if let Some(known) = known {
        tracing::warn!(
            port,
            before = known,
            "the port of the vector store is taken: applications find it at another one"
        );
    }
    fs::write(&path, port.to_string()).with_context(|| format!("write {}", path.display()))?;
    Ok(listener)
}

/// Returns the port in a file. What is no port counts as none.
fn known(path: &Path) -> Option<u16> {
    let text = fs::read_to_string(path).ok()?;
    text.trim().parse().ok().filter(|port| *port != 0)
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(listener: &TcpListener) -> u16 {
        listener.local_addr().unwrap().port()
    }

    #[tokio::test]
    async fn a_port_is_kept_until_it_is_taken() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDir::open(&parent.path().join("data")).unwrap();
        let first = bind(&data).await.unwrap();
        assert_eq!(known(&data.join(FILE)), Some(port(&first)));
        // The first listener still has it.
        let second = bind(&data).await.unwrap();
        assert_ne!(port(&first), port(&second));
        assert_eq!(known(&data.join(FILE)), Some(port(&second)));
    }

    #[tokio::test]
    async fn a_port_that_is_free_is_taken_again() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDir::open(&parent.path().join("data")).unwrap();
        let mut is_kept = false;
        // Another process may take it meanwhile, though hardly each time.
        for _ in 0..5 {
            let first = bind(&data).await.unwrap();
            let before = port(&first);
            drop(first);
            is_kept |= port(&bind(&data).await.unwrap()) == before;
        }
        assert!(is_kept);
        for text in ["", "0", "70000", "qdrant"] {
            fs::write(data.join(FILE), text).unwrap();
            assert_eq!(known(&data.join(FILE)), None, "{text}");
            bind(&data).await.unwrap();
        }
    }
}
