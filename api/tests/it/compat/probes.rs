//! OpenSearch: the probes that find another owner's memory, the slots in which they wait, and the limits of their callers.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use lethe_common::doorbell::Listener;
use lethe_common::ledger::{Kind, Lease};
use serde_json::json;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::accepting::claim;
use crate::app::{App, MAIN, request};
use crate::stores::{Memory, Worker};

/// Four slots for waiting callers. One caller may take two of them.
const CONFIG: &str = r#"
    api.max_streams = 4
    [compat]
    wait = "30s"
    opensearch.types.working = "memories"
"#;

/// A request under way.
type Begun = JoinHandle<Result<Response, Infallible>>;

/// Makes a key that is bound to a person.
async fn key_of(app: &App, person: &str) -> String {
    let asked = json!({"name": person, "scopes": ["memories:delete"], "user": person});
    let made = app.send_json("root", "POST", "/v1/keys", &asked).await;
    made.body["key"].as_str().expect("a key").to_owned()
}

/// Begins a deletion by id.
fn begun(app: &App, key: &str, id: &str) -> Begun {
    let path = format!("/_plugins/_ml/memory_containers/main/memories/working/{id}");
    let request = request(key, "DELETE", &path).body(Body::empty());
    tokio::spawn(app.router.clone().oneshot(request.expect("a request")))
}

async fn status(answer: Begun) -> u16 {
    let answer = answer.await.expect("it does not panic");
    answer.expect("the router never fails").status().as_u16()
}

/// Returns the work of the next accepted job.
async fn next(app: &App, rings: &mut Listener) -> Lease {
    while !rings.recv().await.means_work() {}
    let [lease]: [Lease; 1] = claim(app).await.try_into().expect("one job");
    lease
}

/// Returns a worker whose store has one memory, of Ana.
fn with_anas(app: &App) -> Worker {
    let mut worker = Worker::new(app);
    worker.memories = vec![Memory {
        id: "anas",
        target: "main",
        user: Some("ana"),
        workspace: "w",
        agent: "bot",
        kind: "working",
    }];
    worker
}

/// Begins deletions of memories that nobody has. Each waits for its probe, and nobody carries that out. Returns the
/// answers to come, and the probes.
async fn probing(app: &App, key: &str, worker: &mut Worker, rings: &mut Listener) -> Vec<(Begun, Lease)> {
    let mut probing = Vec::new();
    for id in ["x", "y"] {
        let answer = begun(app, key, id);
        let lease = next(app, rings).await;
        assert_eq!(lease.kind, Kind::Erase);
        worker.carry_out(app, lease).await;
        let probe = next(app, rings).await;
        assert_eq!(probe.kind, Kind::Preview);
        probing.push((answer, probe));
    }
    probing
}

/// Asserts that Ben is told that a memory is Ana's.
async fn ben_is_told(app: &App, ben: &str, worker: &mut Worker, rings: &mut Listener) {
    let answer = begun(app, ben, "anas");
    for kind in [Kind::Erase, Kind::Preview] {
        let lease = next(app, rings).await;
        assert_eq!(lease.kind, kind);
        worker.carry_out(app, lease).await;
    }
    assert_eq!(status(answer).await, 403, "it is somebody else's");
    assert_eq!(worker.memories.len(), 1);
}

#[tokio::test]
async fn the_probes_of_one_caller_leave_slots_for_those_of_others() {
    let app = App::with(&format!("{CONFIG}\n{MAIN}")).await;
    let (ana, ben) = (key_of(&app, "ana").await, key_of(&app, "ben").await);
    let (mut worker, mut rings) = (with_anas(&app), app.doorbell.subscribe());
    let probing = probing(&app, &ana, &mut worker, &mut rings).await;
    ben_is_told(&app, &ben, &mut worker, &mut rings).await;
    for (answer, probe) in probing {
        worker.carry_out(&app, probe).await;
        assert_eq!(status(answer).await, 404);
    }
}

#[tokio::test]
async fn probes_count_among_the_jobs_of_their_callers() {
    // As many as two deletions of a caller and their probes. The probes of all callers are more.
    let limits = "api.max_streams = 64\napi.max_unfinished_jobs_per_caller = 4";
    let config = CONFIG.replace("api.max_streams = 4", limits);
    let app = App::with(&format!("{config}\n{MAIN}")).await;
    let ben = key_of(&app, "ben").await;
    let (mut worker, mut rings) = (with_anas(&app), app.doorbell.subscribe());
    let mut all = Vec::new();
    for person in ["ana", "cleo"] {
        let key = key_of(&app, person).await;
        all.extend(probing(&app, &key, &mut worker, &mut rings).await);
        let unfinished = app.ledger.unfinished_of(person, 100, || ()).await;
        assert_eq!(unfinished.expect("the ledger answers").jobs, 2, "{person}");
    }
    ben_is_told(&app, &ben, &mut worker, &mut rings).await;
    for (answer, probe) in all {
        worker.carry_out(&app, probe).await;
        assert_eq!(status(answer).await, 404);
    }
}
