//! Accepting connections, as long as there are places for them.

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

/// The largest head, in bytes, and what is read of a body at a time.
// The longest path that hyper takes, 65,534 bytes, and headers beside it: ours are below a kilobyte, with a token below ten.
const HEAD: usize = 80 << 10;

/// The most connections at a time that are told why they are turned away; others are closed.
const TOLD: usize = 64;

/// How long one may take to be told.
const TELLING: Duration = Duration::from_secs(1);

/// How long nothing is accepted after the system refused to.
const REST: Duration = Duration::from_millis(100);

/// Serves connections until `stop`, then answers what has begun.
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
                        // Who doesn't ask in time is not told.
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
                    Ok(Err(error)) => tracing::debug!(error = %error, "a connection did not become one of TLS"),
                    Err(_) => tracing::debug!("a connection took too long to become one of TLS"),
                },
            }
            drop(place);
        });
    }
    // Who comes now is to find nobody, and ask another.
    drop(listener);
    open.close();
    open.wait().await;
}

/// Serves a connection until it ends; from `stop` on only what has begun.
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
        // What has come is looked at before the end: a request may be there already.
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
                // Answers are written at once, and small.
                stream.set_nodelay(true).ok();
                return (stream, address);
            }
            // One that was given up before it was accepted.
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

/// Tells a connection why there is no place for it, in the way in which it asks.
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

/// Answers the first request of a connection with why there is no place for it.
async fn turn_away(stream: impl AsyncRead + AsyncWrite + Unpin, why: Crowded) {
    let detail = match why {
        Crowded::All => "send this again later: all connections are taken",
        Crowded::Address => {
            "close connections that are not needed: your address has as many as are left for others \
             (raise max_connections, or let trusted_proxies say how many proxies append to X-Forwarded-For)"
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
    // Whether it was read changes nothing.
    connection.await.ok();
}
