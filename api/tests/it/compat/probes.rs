//! OpenSearch: the probes that find another owner's memory, and the slots in which they wait.

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

/// Makes a key that is bound to a person.
async fn key_of(app: &App, person: &str) -> String {
    let asked = json!({"name": person, "scopes": ["memories:delete"], "user": person});
    let made = app.send_json("root", "POST", "/v1/keys", &asked).await;
    made.body["key"].as_str().expect("a key").to_owned()
}

/// Begins a deletion by id.
fn begun(app: &App, key: &str, id: &str) -> JoinHandle<Result<Response, Infallible>> {
    let path = format!("/_plugins/_ml/memory_containers/main/memories/working/{id}");
    let request = request(key, "DELETE", &path).body(Body::empty());
    tokio::spawn(app.router.clone().oneshot(request.expect("a request")))
}

async fn status(answer: JoinHandle<Result<Response, Infallible>>) -> u16 {
    let answer = answer.await.expect("it does not panic");
    answer.expect("the router never fails").status().as_u16()
}

/// Returns the work of the next accepted job.
async fn next(app: &App, rings: &mut Listener) -> Lease {
    while !rings.recv().await.means_work() {}
    let [lease]: [Lease; 1] = claim(app).await.try_into().expect("one job");
    lease
}

#[tokio::test]
async fn the_probes_of_one_caller_leave_slots_for_those_of_others() {
    let app = App::with(&format!("{CONFIG}\n{MAIN}")).await;
    let (ana, ben) = (key_of(&app, "ana").await, key_of(&app, "ben").await);
    let mut worker = Worker::new(&app);
    worker.memories = vec![Memory {
        id: "anas",
        target: "main",
        user: Some("ana"),
        workspace: "w",
        agent: "bot",
        kind: "working",
    }];
    let mut rings = app.doorbell.subscribe();

    // No memory has these ids. So each request waits for its probe, and nobody carries that out.
    let (mut answers, mut probes) = (Vec::new(), Vec::new());
    for id in ["x", "y"] {
        answers.push(begun(&app, &ana, id));
        let lease = next(&app, &mut rings).await;
        assert_eq!(lease.kind, Kind::Erase);
        worker.carry_out(&app, lease).await;
        let probe = next(&app, &mut rings).await;
        assert_eq!(probe.kind, Kind::Preview);
        probes.push(probe);
    }

    let answer = begun(&app, &ben, "anas");
    for kind in [Kind::Erase, Kind::Preview] {
        let lease = next(&app, &mut rings).await;
        assert_eq!(lease.kind, kind);
        worker.carry_out(&app, lease).await;
    }
    assert_eq!(status(answer).await, 403, "it is somebody else's");
    assert_eq!(worker.memories.len(), 1);

    for probe in probes {
        worker.carry_out(&app, probe).await;
    }
    for answer in answers {
        assert_eq!(status(answer).await, 404);
    }
}
