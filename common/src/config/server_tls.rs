//! `[api.tls]` and `[worker.tls]`: the certificate of a port.

use std::path::PathBuf;

use serde::Deserialize;

/// The certificate of a port. Its files are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ServerTls {
    /// The PEM file of the certificate, followed by the intermediate ones up to an authority that clients know.
    pub certificate: PathBuf,
    /// The PEM file of its private key.
    pub key: PathBuf,
    /// The PEM file of authorities for clients. A client must show a certificate signed by one. Absent: no need.
    pub clients: Option<PathBuf>,
}
