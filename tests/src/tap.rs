//! A gRPC proxy in front of a vector store. It counts calls, holds one at a chosen moment, acknowledges deletions
//! without doing them, and gives false answers about a collection.

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

/// The path of a collection's information.
const INFO: &str = "/qdrant.Collections/Get";

/// The path of reads by id.
const GET: &str = "/qdrant.Points/Get";

/// The paths of all calls of workers about points.
const POINTS: [&str; 4] = [DELETE, SCROLL, GET, "/qdrant.Points/Count"];

/// The side of the server on which a held call waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The server has not seen the call yet.
    Before,
    /// The server has executed the call, and the caller has no answer yet.
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
    /// The number of further calls about points that do not reach the server.
    lost: usize,
    traps: Vec<Trap>,
}

/// The answer in place of the server's.
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

/// The fate of a held call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It goes on.
    Goes,
    /// The caller gets an error: the server is unreachable.
    Lost,
    /// The next call is lost too.
    LostTwice,
}

/// A call that is held, or will be.
#[derive(Debug)]
pub struct Held {
    caught: Option<oneshot::Receiver<()>>,
    release: oneshot::Sender<Fate>,
}

impl Held {
    /// Waits until the call has arrived.
    pub async fn caught(&mut self) {
        assert!(self.is_caught().await, "its caller has gone");
    }

    /// Waits until the call has arrived. Returns whether its caller still waits for the answer.
    pub async fn is_caught(&mut self) -> bool {
        let caught = self.caught.take().expect("it is caught once");
        crate::wait::ends("a call to the vector store", caught).await.is_ok()
    }

    /// Lets the call go on.
    pub fn release(self) {
        drop(self);
    }

    /// Tells the caller that the server is unreachable, whether or not the server has executed the call.
    pub fn lose(self) {
        // The caller may have left.
        self.release.send(Fate::Lost).ok();
    }

    /// As [`lose`](Self::lose), and the next call about points is lost too, since clients retry a call.
    pub fn lose_twice(self) {
        self.release.send(Fate::LostTwice).ok();
    }

    /// Waits until the caller has left: then the call goes no further.
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

    /// Sends calls to another URL: the server has moved.
    pub fn set_upstream(&self, url: &str) {
        *self.shared.upstream.lock().unwrap() = channel(url);
    }

    /// Returns the number of calls of each method.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        self.shared.state.lock().unwrap().calls.clone()
    }

    /// Resets the counts.
    pub fn reset(&self) {
        self.shared.state.lock().unwrap().calls.clear();
    }

    /// Acknowledges deletions from now on, without doing them.
    pub fn swallow(&self, swallowing: bool) {
        self.shared.state.lock().unwrap().swallowing = swallowing;
    }

    /// Answers from now on with this information about each collection.
    pub fn pretend(&self, info: GetCollectionInfoResponse) {
        self.shared.state.lock().unwrap().info = Some(info);
    }

    /// Refuses calls of a method from now on, as invalid arguments.
    pub fn refuse(&self, path: &'static str) {
        self.shared.state.lock().unwrap().refused = Some(path);
    }

    /// Keeps calls about points from the server from now on, or lets them pass again. Pings are always answered.
    pub fn lose(&self, losing: bool) {
        self.shared.state.lock().unwrap().lost = if losing { usize::MAX } else { 0 };
    }

    /// Leaves filtered pages unanswered from now on, like a search that never ends.
    pub fn search(&self) {
        self.shared.state.lock().unwrap().searching = true;
    }

    /// Holds one call of a method, after `skip` others.
    pub fn hold(&self, path: &'static str, skip: usize, side: Side) -> Held {
        let path = POINTS.iter().find(|known| **known == path);
        let path = path.expect("it is a call about points");
        self.trap(std::slice::from_ref(path), skip, side)
    }

    /// Holds one call about points, of any method, after `skip` others.
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
        // The test may no longer wait for it.
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
            // Clients retry a call that fails like this, and the second one does not meet the trap of the first.
            shared.state.lock().unwrap().failures.push(format!("{path}: {error}"));
            unreachable(&error.to_string())
        }
    }
}

/// Returns a connection that is opened at its first use, and again after it breaks.
fn channel(url: &str) -> Channel {
    Endpoint::from_shared(url.to_owned()).unwrap().connect_lazy()
}

/// Returns the request of a page, unless it is filtered: then it never returns.
async fn unfiltered(request: Request) -> Request {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    // The message follows the compression flag (1 byte) and the length (4 bytes).
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
