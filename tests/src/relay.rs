//! A proxy that speaks TLS, in front of a server that does not. Its certificate can change.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::certificates::Shown;

/// A proxy.
pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

struct Shared {
    upstream: String,
    acceptor: Mutex<TlsAcceptor>,
    /// A new value closes all connections.
    closing: watch::Sender<()>,
    accepted: AtomicUsize,
    failed: AtomicUsize,
}

impl Relay {
    /// Starts a proxy in front of `host:port`.
    pub async fn before(upstream: &str, shown: &Shown) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            acceptor: Mutex::new(acceptor(shown)),
            closing: watch::Sender::default(),
            accepted: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
        });
        let stop = CancellationToken::new();
        let (serving, stopped) = (Arc::clone(&shared), stop.clone());
        tokio::spawn(async move {
            stopped
                .run_until_cancelled(serve(listener, serving, stopped.clone()))
                .await
        });
        Self {
            port,
            shared,
            _stop: stop.drop_guard(),
        }
    }

    /// Returns the proxy's URL with this scheme.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Closes all connections, and shows a certificate to new ones. No session of an earlier one is resumed.
    pub fn show(&self, shown: &Shown) {
        *self.shared.acceptor.lock().unwrap() = acceptor(shown);
        self.shared.closing.send_replace(());
    }

    /// Returns the number of connections whose client accepted the certificate.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Returns the number of connections whose client left before that.
    pub fn failed(&self) -> usize {
        self.shared.failed.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    while let Ok((client, _)) = listener.accept().await {
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        tokio::spawn(async move { stop.run_until_cancelled(connection(client, &shared)).await });
    }
}

async fn connection(client: TcpStream, shared: &Shared) {
    // Subscribes before it takes the certificate: a change after that closes this connection.
    let mut closing = shared.closing.subscribe();
    let acceptor = shared.acceptor.lock().unwrap().clone();
    let pipe = async {
        let Ok(mut client) = acceptor.accept(client).await else {
            shared.failed.fetch_add(1, Ordering::SeqCst);
            return;
        };
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        if let Ok(mut server) = TcpStream::connect(&shared.upstream).await {
            // Either side may close the connection.
            drop(copy_bidirectional(&mut client, &mut server).await);
        }
    };
    tokio::select! {
        () = pipe => {}
        _ = closing.changed() => {}
    }
}

fn acceptor(shown: &Shown) -> TlsAcceptor {
    let certificates = CertificateDer::pem_slice_iter(shown.certificate.as_bytes());
    let certificates: Result<Vec<_>, _> = certificates.collect();
    let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates.unwrap(), key)
        .unwrap();
    // Clients of gRPC require it. Those of Redis name no protocol.
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
