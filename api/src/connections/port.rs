//! A port that serves HTTP, plain or over TLS.

use std::io;

use lethe_common::config::ServerTls;
use tokio::net::TcpListener;

use super::certificates::{CertificateError, Certificates};

/// A port that serves HTTP, plain or over TLS.
#[derive(Debug)]
pub struct Port {
    pub(super) listener: TcpListener,
    pub(super) certificates: Option<Certificates>,
}

impl Port {
    /// Prepares a port. With `tls` it serves TLS with this certificate.
    ///
    /// # Errors
    /// If the certificate cannot be used.
    pub fn new(listener: TcpListener, tls: Option<&ServerTls>) -> Result<Self, CertificateError> {
        Ok(Self {
            listener,
            certificates: tls.map(Certificates::read).transpose()?,
        })
    }

    /// Returns the URL of the port's address.
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
