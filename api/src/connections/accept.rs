//! Accepting connections while slots are free.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lethe_common::metrics::{self, Crowded};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::certificates::Certificates;
use super::limits::Limits;
use super::paced::Paced;
use super::places::Places;
use super::port::Port;
use super::requests::Requests;
use crate::http::problem::{Kind, Problem};

/// The largest head, in bytes, and the most bytes of a body in one read.
// hyper's longest path, 65,534 bytes, and the headers: usual heads are below 1 KB, with a token below 10 KB.
const HEAD: usize = 80 << 10;

/// The most concurrent refusals that are answered with the reason. Further connections are just closed.
const TOLD: usize = 64;

/// The time limit of such an answer.
const TELLING: Duration = Duration::from_secs(1);

/// The pause after the system could not accept a connection.
const REST: Duration = Duration::from_millis(100);

/// Serves connections until `stop`, then finishes the requests that have begun.
pub async fn serve(port: impl Into<Port>, router: Router, limits: Limits, stop: CancellationToken) {
    let Port { listener, certificates } = port.into();
    let certificates = certificates.map(Arc::new);
    let limits = limits.within_files();
    let places = Places::new(limits.connections, limits.by_address);
    let told = Arc::new(Semaphore::new(TOLD));
    let open = TaskTracker::new();
    while let Some((stream, address)) = stop.run_until_cancelled(accept(&listener)).await {
        let certificates = certificates.clone();
        let place = match places.take(address.ip()) {
            Ok(place) => place,
            Err(why) => {
                metrics::turned_away(why);
                if let Ok(place) = Arc::clone(&told).try_acquire_owned() {
                    tokio::spawn(async move {
                        // A client that sends no request in time gets no answer.
                        timeout(TELLING, greeted(stream, certificates, why)).await.ok();
                        drop(place);
                    });
                }
                continue;
            }
        };
        let (router, limits, stop) = (router.clone(), limits, stop.clone());
        open.spawn(async move {
            match certificates {
                None => connection(stream, address, router, limits, stop).await,
                Some(certificates) => match timeout(limits.head, certificates.acceptor().accept(stream)).await {
                    Ok(Ok(stream)) => connection(stream, address, router, limits, stop).await,
                    Ok(Err(error)) => tracing::debug!(error = %error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                },
            }
            drop(place);
        });
    }
    // New connections are refused from now on, so that clients try another process.
    drop(listener);
    open.close();
    open.wait().await;
}

/// Serves a connection until it ends. After `stop` it only finishes a request that has begun.
async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    address: SocketAddr,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let requests = Requests::default();
    let stream = Paced::new(stream, requests.clone(), limits.head, limits.idle);
    let service = service_fn(|request| requests.answer(router.clone(), request, ConnectInfo(address)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        // The connection comes before `stop`: a request may have arrived already.
        biased;
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection ended early");
    }
}

/// Returns the next connection.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Answers are small, and written at once.
                stream.set_nodelay(true).ok();
                return (stream, address);
            }
            // The client gave up before this accepted the connection.
            Err(error) if is_callers(&error) => {}
            Err(error) => {
                tracing::warn!(error = %error, "no connection can be accepted: the process may have too many files open");
                sleep(REST).await;
            }
        }
    }
}

fn is_callers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Answers a refused connection with the reason, over TLS if the port has it.
async fn greeted(stream: TcpStream, certificates: Option<Arc<Certificates>>, why: Crowded) {
    match certificates {
        None => turn_away(stream, why).await,
        Some(certificates) => {
            if let Ok(stream) = certificates.acceptor().accept(stream).await {
                turn_away(stream, why).await;
            }
        }
    }
}

/// Answers the first request of a refused connection with the reason.
async fn turn_away(stream: impl AsyncRead + AsyncWrite + Unpin, why: Crowded) {
    let detail = match why {
        Crowded::All => "send this again later: all connections are taken",
        Crowded::Address => {
            "close connections that are not needed: your address holds as many as are free \
             (raise max_connections, or set trusted_proxies to the number of proxies that append to X-Forwarded-For)"
        }
    };
    let problem = Problem::new(Kind::TooManyConnections, detail);
    let service = service_fn(move |_| {
        let answer = problem.clone().alone();
        async { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    // The connection is closed in any case.
    connection.await.ok();
}
