//! `[api.tls]` and `[worker.tls]`: the certificate that a port of ours shows.

use std::path::PathBuf;

use serde::Deserialize;

/// The certificate that a port shows. The files are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ServerTls {
    /// The file of the certificate in PEM, followed by those between it and the authority that clients know.
    pub certificate: PathBuf,
    /// The file of its key, in PEM.
    pub key: PathBuf,
    /// The file of authorities in PEM. A client has to show a certificate that one of them signed. Absent: clients need none.
    pub clients: Option<PathBuf>,
}
