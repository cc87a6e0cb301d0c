//! A TCP proxy in front of a server, that can cut, stall and delay what goes through it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// They go through.
    Open,
    /// They stay, and nothing goes through.
    Stalled,
    /// They are closed, and so is each new one.
    Cut,
}

/// A proxy.
#[derive(Debug)]
pub struct Cut {
    port: u16,
    upstream: Arc<Mutex<String>>,
    mode: watch::Sender<Mode>,
    delay: Arc<Mutex<Duration>>,
    _stop: DropGuard,
}

impl Cut {
    /// Starts a proxy in front of `host:port`.
    pub async fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let upstream = Arc::new(Mutex::new(upstream.to_owned()));
        let (mode, watched) = watch::channel(Mode::Open);
        let delay = Arc::new(Mutex::new(Duration::ZERO));
        let delayed = Arc::clone(&delay);
        let stop = CancellationToken::new();
        let (address, stopped) = (Arc::clone(&upstream), stop.clone());
        tokio::spawn(async move {
            while let Some(Ok((client, _))) = stopped.run_until_cancelled(listener.accept()).await {
                let address = address.lock().unwrap().clone();
                let (mode, delay, stopped) = (watched.clone(), *delayed.lock().unwrap(), stopped.clone());
                tokio::spawn(async move {
                    let connection = connection(client, address, mode, delay);
                    stopped.run_until_cancelled(connection).await
                });
            }
        });
        Self {
            port,
            upstream,
            mode,
            delay,
            _stop: stop.drop_guard(),
        }
    }

    /// Returns where the proxy listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns `url` with the proxy in place of the server.
    pub fn instead_of(&self, url: &str) -> String {
        let upstream = self.upstream.lock().unwrap();
        assert!(url.contains(&*upstream), "{url} is not at {upstream}");
        url.replace(&*upstream, &self.address())
    }

    /// Sends new connections to another place: the server has moved.
    pub fn set_upstream(&self, upstream: &str) {
        upstream.clone_into(&mut self.upstream.lock().unwrap());
    }

    /// Lets whatever goes through new connections arrive later, as over a distance.
    pub fn delay(&self, by: Duration) {
        *self.delay.lock().unwrap() = by;
    }

    /// Closes all connections, and each new one.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Lets nothing through any more, without closing anything.
    pub fn stall(&self) {
        self.mode.send_replace(Mode::Stalled);
    }

    /// Lets everything through again.
    pub fn restore(&self) {
        self.mode.send_replace(Mode::Open);
    }
}

async fn connection(client: TcpStream, upstream: String, mode: watch::Receiver<Mode>, delay: Duration) {
    let mut cut = mode.clone();
    let pipe = async {
        passes(&mut mode.clone()).await;
        let Ok(server) = TcpStream::connect(upstream).await else {
            return;
        };
        drop((client.set_nodelay(true), server.set_nodelay(true)));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            () = copy(from_client, to_server, mode.clone(), delay) => {}
            () = copy(from_server, to_client, mode, delay) => {}
        }
    };
    tokio::select! {
        () = pipe => {}
        _ = cut.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn passes(mode: &mut watch::Receiver<Mode>) {
    // The sender lives as long as the proxy; without it nothing passes any more.
    if mode.wait_for(|mode| *mode == Mode::Open).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn copy(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    delay: Duration,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(n) = from.read(&mut buffer).await else { return };
        passes(&mut mode).await;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if n == 0 || to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}
