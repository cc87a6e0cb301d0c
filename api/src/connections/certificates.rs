//! The TLS certificate of a port. It is read again when its files change, since certificates are renewed at run time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use lethe_common::config::ServerTls;
use lethe_common::metrics;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::validity;

/// The least time between two checks of the files.
const LOOK: Duration = Duration::from_secs(1);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be used: {why}", path.display())]
pub struct CertificateError {
    path: PathBuf,
    why: String,
}

/// The certificate of a port, and its files.
pub(super) struct Certificates {
    files: ServerTls,
    current: Mutex<Current>,
}

struct Current {
    acceptor: TlsAcceptor,
    /// When the first certificate of the chain to end does so, if that can be read.
    ends: Option<Timestamp>,
    /// The modification times of the files, taken before they were read.
    written: Vec<Option<SystemTime>>,
    looked_at: Instant,
}

// Leaves out the acceptor, which holds a private key.
impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the files that the configuration names.
    pub(super) fn read(files: &ServerTls) -> Result<Self, CertificateError> {
        // Taken before the read: a file that changes meanwhile is read again.
        let written = written(files);
        let (acceptor, ends) = acceptor(files)?;
        Ok(Self {
            files: files.clone(),
            current: Mutex::new(Current {
                acceptor,
                ends,
                written,
                looked_at: Instant::now(),
            }),
        })
    }

    /// Returns the acceptor for a new connection. If new files cannot be used, the old certificate stays.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked_at.elapsed() >= LOOK {
            current.looked_at = Instant::now();
            let written = written(&self.files);
            if written != current.written {
                match acceptor(&self.files) {
                    Ok((acceptor, ends)) => {
                        (current.acceptor, current.ends) = (acceptor, ends);
                        tracing::info!("the port's certificate was read again");
                    }
                    // One file may be new, and the other not written yet.
                    Err(error) => {
                        tracing::warn!(error = %error, "the new certificate cannot be used: the old one stays in use");
                    }
                }
                current.written = written;
            }
        }
        if let Some(ends) = current.ends {
            metrics::certificate_ends(ends);
        }
        current.acceptor.clone()
    }
}

fn written(files: &ServerTls) -> Vec<Option<SystemTime>> {
    let paths = [&files.certificate, &files.key].into_iter().chain(&files.clients);
    let at = |path: &PathBuf| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    paths.map(at).collect()
}

/// Returns the acceptor, and when its certificate ends.
fn acceptor(files: &ServerTls) -> Result<(TlsAcceptor, Option<Timestamp>), CertificateError> {
    let because = |path: &Path| {
        let path = path.to_owned();
        move |why: String| CertificateError { path, why }
    };
    let builder = ServerConfig::builder();
    let builder = match &files.clients {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut known = RootCertStore::empty();
            for authority in certificates(path)? {
                known.add(authority).map_err(|error| because(path)(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder(Arc::new(known)).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| because(path)(error.to_string()))?)
        }
    };
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| because(&files.key)(error.to_string()))?;
    let chain = certificates(&files.certificate)?;
    let ends = chain.iter().filter_map(|certificate| validity::end(certificate)).min();
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| because(&files.certificate)(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), ends))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let why = match read {
        Ok(list) if !list.is_empty() => return Ok(list),
        Ok(_) => "write at least one certificate in PEM into it".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(CertificateError {
        path: path.to_owned(),
        why,
    })
}
