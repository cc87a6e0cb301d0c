//! A TCP proxy in front of a server, which can cut, stall, refuse and delay connections.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The state of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Connections go through.
    Open,
    /// Connections stay open, and nothing goes through.
    Stalled,
    /// Connections are closed, and so is each new one.
    Cut,
    /// Connections are closed, and new ones are refused.
    Refused,
}

/// The number of connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;

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
    pub fn before(upstream: &str) -> Self {
        let socket = socket(0);
        let port = socket.local_addr().unwrap().port();
        let listener = socket.listen(BACKLOG).unwrap();
        let upstream = Arc::new(Mutex::new(upstream.to_owned()));
        let (mode, watched) = watch::channel(Mode::Open);
        let delay = Arc::new(Mutex::new(Duration::ZERO));
        let stop = CancellationToken::new();
        let way = Way {
            upstream: Arc::clone(&upstream),
            mode: watched,
            delay: Arc::clone(&delay),
        };
        let stopped = stop.clone();
        tokio::spawn(async move { stopped.run_until_cancelled(serve(listener, way, stopped.clone())).await });
        Self {
            port,
            upstream,
            mode,
            delay,
            _stop: stop.drop_guard(),
        }
    }

    /// Starts a proxy in front of the server of `url`. Returns the proxy, and the URL that leads through it.
    pub fn in_front_of(url: &str) -> (Self, String) {
        let parsed = reqwest::Url::parse(url).unwrap();
        let cut = Self::before(&format!("{}:{}", parsed.host_str().unwrap(), parsed.port().unwrap()));
        let through = cut.instead_of(url);
        (cut, through)
    }

    /// Returns the proxy's address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns `url` with the proxy in place of the server.
    pub fn instead_of(&self, url: &str) -> String {
        let upstream = self.upstream.lock().unwrap();
        assert!(url.contains(&*upstream), "{url} is not at {upstream}");
        url.replace(&*upstream, &self.address())
    }

    /// Sends new connections to another address: the server has moved.
    pub fn set_upstream(&self, upstream: &str) {
        upstream.clone_into(&mut self.upstream.lock().unwrap());
    }

    /// Delays all messages, as over a distance.
    pub fn delay(&self, by: Duration) {
        *self.delay.lock().unwrap() = by;
    }

    /// Closes all connections, and each new one.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Closes all connections, and refuses new ones.
    pub fn refuse(&self) {
        self.mode.send_replace(Mode::Refused);
    }

    /// Lets nothing through any more, without closing a connection.
    pub fn stall(&self) {
        self.mode.send_replace(Mode::Stalled);
    }

    /// Lets everything through again.
    pub fn restore(&self) {
        self.mode.send_replace(Mode::Open);
    }
}

/// The state that the connections of a proxy share.
#[derive(Debug, Clone)]
struct Way {
    upstream: Arc<Mutex<String>>,
    mode: watch::Receiver<Mode>,
    delay: Arc<Mutex<Duration>>,
}

/// Returns a socket at a port of this machine. Two sockets may share it, and only one of them listens.
fn socket(port: u16) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, port).into()).unwrap();
    socket
}

async fn serve(mut listener: TcpListener, way: Way, stop: CancellationToken) {
    let mut watched = way.mode.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { return };
                let (way, stop) = (way.clone(), stop.clone());
                tokio::spawn(async move { stop.run_until_cancelled(connection(client, way)).await });
            }
            () = becomes(&mut watched, |mode| mode == Mode::Refused) => {
                // A socket that does not listen keeps the port, so that no other process gets it meanwhile.
                let closed = socket(listener.local_addr().unwrap().port());
                drop(listener);
                becomes(&mut watched, |mode| mode != Mode::Refused).await;
                listener = closed.listen(BACKLOG).unwrap();
            }
        }
    }
}

async fn becomes(mode: &mut watch::Receiver<Mode>, wanted: impl Fn(Mode) -> bool) {
    // The sender lives as long as the proxy. Without it the state is final.
    if mode.wait_for(|mode| wanted(*mode)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn connection(client: TcpStream, way: Way) {
    let mut mode = way.mode.clone();
    let pipe = async {
        becomes(&mut way.mode.clone(), |mode| mode == Mode::Open).await;
        let upstream = way.upstream.lock().unwrap().clone();
        let Ok(server) = TcpStream::connect(upstream).await else {
            return;
        };
        drop((client.set_nodelay(true), server.set_nodelay(true)));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            () = copy(from_client, to_server, way.clone()) => {}
            () = copy(from_server, to_client, way.clone()) => {}
        }
    };
    tokio::select! {
        () = pipe => {}
        () = becomes(&mut mode, |mode| matches!(mode, Mode::Cut | Mode::Refused)) => {}
    }
}

async fn copy(mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf, mut way: Way) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(n) = from.read(&mut buffer).await else { return };
        becomes(&mut way.mode, |mode| mode == Mode::Open).await;
        let delay = *way.delay.lock().unwrap();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if n == 0 || to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a proxy in front of an echo server.
    async fn before_an_echo() -> Cut {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cut = Cut::before(&listener.local_addr().unwrap().to_string());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = client.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        cut
    }

    async fn answers(connection: &mut TcpStream) -> std::io::Result<()> {
        connection.write_all(b"a").await?;
        connection.read_exact(&mut [0]).await.map(drop)
    }

    #[tokio::test]
    async fn what_is_refused_finds_nobody_and_comes_back_at_the_same_port() {
        let cut = before_an_echo().await;
        let mut before = TcpStream::connect(cut.address()).await.unwrap();
        answers(&mut before).await.unwrap();

        cut.refuse();
        answers(&mut before).await.expect_err("the connection is closed");
        crate::wait::until_true("nobody listens", || async {
            let refused = TcpStream::connect(cut.address()).await;
            refused.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
        })
        .await;

        cut.restore();
        crate::wait::until_true("it listens again", || async {
            match TcpStream::connect(cut.address()).await {
                Ok(mut after) => answers(&mut after).await.is_ok(),
                Err(_) => false,
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_stalled_connection_goes_on_where_it_was() {
        let cut = before_an_echo().await;
        let mut connection = TcpStream::connect(cut.address()).await.unwrap();
        answers(&mut connection).await.unwrap();
        cut.stall();
        connection.write_all(b"a").await.unwrap();
        let mut buffer = [0];
        {
            let mut answer = std::pin::pin!(connection.read_exact(&mut buffer));
            assert!(futures::poll!(&mut answer).is_pending());
            cut.restore();
            answer.await.unwrap();
        }
        answers(&mut connection).await.unwrap();
    }
}
