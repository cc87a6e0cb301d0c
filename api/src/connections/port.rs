//! A port that is served, and what it shows of itself.

use std::io;

use lethe_common::config::ServerTls;
use tokio::net::TcpListener;

use super::certificates::{CertificateError, Certificates};

/// A port that is served: as it is, or over TLS.
#[derive(Debug)]
pub struct Port {
    pub(super) listener: TcpListener,
    pub(super) certificates: Option<Certificates>,
}

impl Port {
    /// Prepares a port; `tls` is the certificate that it shows, if it is to be served over TLS.
    ///
    /// # Errors
    /// If the certificate cannot be used.
    pub fn new(listener: TcpListener, tls: Option<&ServerTls>) -> Result<Self, CertificateError> {
        Ok(Self {
            listener,
            certificates: tls.map(Certificates::read).transpose()?,
        })
    }

    /// Returns its URL, by its address.
    ///
    /// # Errors
    /// If the system does not know its address.
    pub fn url(&self) -> io::Result<String> {
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.listener.local_addr()?))
    }
}

impl From<TcpListener> for Port {
    fn from(listener: TcpListener) -> Self {
        Self {
            listener,
            certificates: None,
        }
    }
}
