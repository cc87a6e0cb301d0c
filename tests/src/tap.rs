//! A gRPC proxy in front of a vector store: counts calls, holds one at a chosen moment, can
//! acknowledge deletions without doing them, and can say of a collection what it is not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::response::Response;
use qdrant_client::qdrant::{
    DeletePoints, Filter, GetCollectionInfoRequest, GetCollectionInfoResponse, PointsOperationResponse, ScrollPoints,
    UpdateResult, UpdateStatus,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::prost::Message;
use tower::ServiceExt;

use crate::process::show;

/// The path of deletions.
pub const DELETE: &str = "/qdrant.Points/Delete";

/// The path of pages.
pub const SCROLL: &str = "/qdrant.Points/Scroll";

/// The path of what a collection is.
const INFO: &str = "/qdrant.Collections/Get";

/// The path of reads by id.
const GET: &str = "/qdrant.Points/Get";

/// The paths of all that workers do with points.
const POINTS: [&str; 4] = [DELETE, SCROLL, GET, "/qdrant.Points/Count"];

/// Whether a held call waits before it reaches the server, or its answer on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The server has not seen the call yet.
    Before,
    /// The server has done it, and the caller does not know yet.
    After,
}

/// A proxy.
#[derive(Debug)]
pub struct Tap {
    port: u16,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

#[derive(Debug)]
struct Shared {
    upstream: Mutex<Channel>,
    state: Mutex<Control>,
}

#[derive(Debug, Default)]
struct Control {
    calls: BTreeMap<String, usize>,
    swallowing: bool,
    info: Option<GetCollectionInfoResponse>,
    refused: Option<&'static str>,
    searching: bool,
    /// Calls that found no server.
    failures: Vec<String>,
    /// How many calls about points do not reach the server.
    lost: usize,
    traps: Vec<Trap>,
}

/// What is answered in place of the server.
enum Instead {
    Nothing,
    Done,
    Info(Box<GetCollectionInfoResponse>),
    Refusal,
}

#[derive(Debug)]
struct Trap {
    paths: &'static [&'static str],
    skip: usize,
    side: Side,
    caught: oneshot::Sender<()>,
    released: oneshot::Receiver<Fate>,
}

/// What becomes of a call that was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It goes on.
    Goes,
    /// The caller is told that the server is not to be reached.
    Lost,
    /// And so is the next one.
    LostTwice,
}

/// A call that is held, or will be.
#[derive(Debug)]
pub struct Held {
    caught: Option<oneshot::Receiver<()>>,
    release: oneshot::Sender<Fate>,
}

impl Held {
    /// Waits until the call has come.
    pub async fn caught(&mut self) {
        assert!(self.is_caught().await, "its caller has gone");
    }

    /// Waits until the call has come; returns whether its caller still waited for the answer then.
    pub async fn is_caught(&mut self) -> bool {
        let caught = self.caught.take().expect("it is caught once");
        crate::wait::ends("a call to the vector store", caught).await.is_ok()
    }

    /// Lets the call go on.
    pub fn release(self) {
        drop(self);
    }

    /// Tells the caller that the server is not to be reached, whether or not it has done the call.
    pub fn lose(self) {
        // Nobody may be waiting for it any more.
        self.release.send(Fate::Lost).ok();
    }

    /// As [`lose`](Self::lose), and the next call about points is lost too: clients repeat a call by themselves.
    pub fn lose_twice(self) {
        self.release.send(Fate::LostTwice).ok();
    }

    /// Waits until the caller is gone: then the call goes no further.
    pub async fn abandoned(&mut self) {
        crate::wait::ends("a caller that is gone", self.release.closed()).await;
    }
}

impl Tap {
    /// Starts a proxy in front of a gRPC server.
    pub async fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            upstream: Mutex::new(channel(upstream)),
            state: Mutex::default(),
        });
        let stop = CancellationToken::new();
        let router = axum::Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let serving = tonic::transport::Server::builder()
            .add_routes(tonic::service::Routes::from(router))
            .serve_with_incoming_shutdown(TcpIncoming::from(listener), stop.clone().cancelled_owned());
        tokio::spawn(serving);
        Self {
            port,
            shared,
            _stop: stop.drop_guard(),
        }
    }

    /// Returns the proxy's URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends calls to another place: the server has moved.
    pub fn set_upstream(&self, url: &str) {
        *self.shared.upstream.lock().unwrap() = channel(url);
    }

    /// Returns how often each method was called.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        self.shared.state.lock().unwrap().calls.clone()
    }

    /// Forgets what was counted.
    pub fn reset(&self) {
        self.shared.state.lock().unwrap().calls.clear();
    }

    /// Acknowledges deletions from now on, without doing them.
    pub fn swallow(&self, swallowing: bool) {
        self.shared.state.lock().unwrap().swallowing = swallowing;
    }

    /// Says from now on that collections are this, whatever they are.
    pub fn pretend(&self, info: GetCollectionInfoResponse) {
        self.shared.state.lock().unwrap().info = Some(info);
    }

    /// Refuses calls of a method from now on, as a server does that finds them wrong.
    pub fn refuse(&self, path: &'static str) {
        self.shared.state.lock().unwrap().refused = Some(path);
    }

    /// Keeps calls about points from the server from now on, or lets them pass again. Pings are answered all the while.
    pub fn lose(&self, losing: bool) {
        self.shared.state.lock().unwrap().lost = if losing { usize::MAX } else { 0 };
    }

    /// Does not answer from now on for what page it would have to look at more points than are on it.
    pub fn search(&self) {
        self.shared.state.lock().unwrap().searching = true;
    }

    /// Holds one call of a method, after `skip` others.
    pub fn hold(&self, path: &'static str, skip: usize, side: Side) -> Held {
        let path = POINTS.iter().find(|known| **known == path);
        let path = path.expect("it is a call about points");
        self.trap(std::slice::from_ref(path), skip, side)
    }

    /// Holds one call about points, whatever it does, after `skip` others.
    pub fn hold_any(&self, skip: usize, side: Side) -> Held {
        self.trap(&POINTS, skip, side)
    }

    fn trap(&self, paths: &'static [&'static str], skip: usize, side: Side) -> Held {
        let (caught, on_caught) = oneshot::channel();
        let (release, released) = oneshot::channel();
        self.shared.state.lock().unwrap().traps.push(Trap {
            paths,
            skip,
            side,
            caught,
            released,
        });
        Held {
            caught: Some(on_caught),
            release,
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(state) = self.shared.state.lock()
        {
            show(&format!(
                "---- calls: {:?}; without a server: {:?}",
                state.calls, state.failures
            ));
        }
    }
}

impl Control {
    fn instead(&self, path: &str) -> Instead {
        match &self.info {
            _ if self.refused == Some(path) => Instead::Refusal,
            _ if self.swallowing && path == DELETE => Instead::Done,
            Some(info) if path == INFO => Instead::Info(Box::new(info.clone())),
            _ => Instead::Nothing,
        }
    }

    fn trap(&mut self, path: &str) -> Option<Trap> {
        let mut sprung = None;
        for (n, trap) in self
            .traps
            .iter_mut()
            .enumerate()
            .filter(|(_, trap)| trap.paths.contains(&path))
        {
            if trap.skip == 0 {
                sprung = Some(n);
                break;
            }
            trap.skip -= 1;
        }
        sprung.map(|n| self.traps.remove(n))
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let (trap, instead, searching) = {
        let mut state = shared.state.lock().unwrap();
        if state.lost > 0 && POINTS.contains(&path.as_str()) {
            state.lost -= 1;
            return unreachable("it was lost");
        }
        *state.calls.entry(path.clone()).or_default() += 1;
        let searching = state.searching && path == SCROLL;
        (state.trap(&path), state.instead(&path), searching)
    };
    let request = if searching { unfiltered(request).await } else { request };
    let side = trap.as_ref().map(|trap| trap.side);
    let hold = async {
        let Some(trap) = trap else { return Fate::Goes };
        // Nobody may be waiting for it any more.
        trap.caught.send(()).ok();
        let fate = trap.released.await.unwrap_or(Fate::Goes);
        shared.state.lock().unwrap().lost += usize::from(fate == Fate::LostTwice);
        fate
    };
    if side == Some(Side::Before) {
        return match hold.await {
            Fate::Goes => answer(&shared, request, instead).await,
            Fate::Lost | Fate::LostTwice => unreachable("it was lost"),
        };
    }
    let answer = answer(&shared, request, instead).await;
    match hold.await {
        Fate::Goes => answer,
        Fate::Lost | Fate::LostTwice => unreachable("it was lost"),
    }
}

fn unreachable(why: &str) -> Response {
    let status = tonic::Status::unavailable(why);
    status.into_http::<tonic::body::Body>().map(axum::body::Body::new)
}

async fn answer(shared: &Shared, request: Request, instead: Instead) -> Response {
    let path = request.uri().path().to_owned();
    match instead {
        Instead::Nothing => {}
        Instead::Done => {
            let codec = tonic_prost::ProstCodec::<PointsOperationResponse, DeletePoints>::default();
            let lie = tower::service_fn(|_: tonic::Request<DeletePoints>| async { Ok(tonic::Response::new(done())) });
            let answer = tonic::server::Grpc::new(codec).unary(lie, request).await;
            return answer.map(axum::body::Body::new);
        }
        Instead::Info(info) => {
            let codec = tonic_prost::ProstCodec::<GetCollectionInfoResponse, GetCollectionInfoRequest>::default();
            let lie = tower::service_fn(move |_: tonic::Request<GetCollectionInfoRequest>| {
                let info = tonic::Response::new((*info).clone());
                async { Ok(info) }
            });
            let answer = tonic::server::Grpc::new(codec).unary(lie, request).await;
            return answer.map(axum::body::Body::new);
        }
        Instead::Refusal => {
            let status = tonic::Status::invalid_argument("Bad request: Index required but not found");
            return status.into_http::<tonic::body::Body>().map(axum::body::Body::new);
        }
    }
    let upstream = shared.upstream.lock().unwrap().clone();
    match upstream.oneshot(request.map(tonic::body::Body::new)).await {
        Ok(answer) => answer.map(axum::body::Body::new),
        Err(error) => {
            // Clients repeat a call that fails so, and the second one does not meet the trap of the first.
            shared.state.lock().unwrap().failures.push(format!("{path}: {error}"));
            unreachable(&error.to_string())
        }
    }
}

/// Returns a connection that is made when it is first used, and again when it breaks.
fn channel(url: &str) -> Channel {
    Endpoint::from_shared(url.to_owned()).unwrap().connect_lazy()
}

/// Returns the request of a page, never if it is filtered.
async fn unfiltered(request: Request) -> Request {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    // After whether it is compressed, and its length.
    let page = ScrollPoints::decode(&body[5..]).unwrap();
    if page.filter.is_some_and(|filter| filter != Filter::default()) {
        std::future::pending::<()>().await;
    }
    Request::from_parts(parts, body.into())
}

fn done() -> PointsOperationResponse {
    PointsOperationResponse {
        result: Some(UpdateResult {
            operation_id: Some(0),
            status: UpdateStatus::Completed.into(),
        }),
        ..PointsOperationResponse::default()
    }
}
