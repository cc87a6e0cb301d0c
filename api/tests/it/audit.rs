//! The audit trail: each route that changes something or reveals ids or persons leaves an event. No other route does.

mod leaves;
mod previewed;
mod reading;
mod refused;

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::header;
use lethe_common::config::{PlaceKind, Sibling};
use lethe_common::error_code::ErrorCode;
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{Act, AuditEvent, AuditFilter, Delta, Effect, ItemOutcome, Record, RecordEnd};
use serde_json::{Value, json};
use strum::IntoEnumIterator as _;
use uuid::Uuid;

use leaves::ALL;
use leaves::Leaves::{AJob, An, Nothing};

use crate::accepting::claim;
use crate::app::{Answer, App, MAIN, request};
use crate::log::sequenced;

/// Returns the trail, the newest event first.
pub(crate) async fn trail(app: &App) -> Vec<AuditEvent> {
    let all = AuditFilter {
        limit: 1_000,
        ..AuditFilter::default()
    };
    app.ledger.audit(&all).await.expect("the ledger answers")
}

/// The objects of requests: a waiting and an ended job, a task of each kind, a schedule, a hold, a key, a mapping.
struct Things {
    app: App,
    waiting: JobId,
    ended: JobId,
    running_task: JobId,
    ended_task: JobId,
    /// The receipt of the ended job, signed.
    receipt: Uuid,
}

impl Things {
    async fn new() -> Self {
        let app = App::with(MAIN).await;
        let by_query = json!({"select": {"query": {"all": true}}});
        let cancelled = async |body: &Value| {
            let id = app.create("eraser", body).await.job();
            app.post("eraser", &format!("/v1/jobs/{id}/cancel")).await;
            id
        };
        let ended = failed(&app).await;
        let ended_task = cancelled(&by_query).await;
        let running_task = app.create("eraser", &by_query).await.job();
        let waiting = app.accepted("eraser").await;
        let written = app.send_json("root", "PUT", "/v1/schedules/x", &schedule()).await;
        assert_eq!(written.status, 201, "{}", written.text);
        let placed = app.send_json("root", "PUT", "/v1/holds/x", &hold()).await;
        assert_eq!(placed.status, 201, "{}", placed.text);
        let key = json!({"name": "x", "scopes": ["jobs:read"], "user": "ana"});
        let made = app.send_json("root", "POST", "/v1/keys", &key).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let sibling = Sibling {
            place: "p".to_owned(),
            kind: PlaceKind::Table,
            target: "x".to_owned(),
            table: "y".to_owned(),
            scope: BTreeMap::new(),
        };
        app.ledger
            .publish_siblings(&[sibling], None)
            .await
            .expect("the ledger answers");
        let receipt = app.ledger.receipt_of(ended, None).await.expect("the ledger answers");
        let receipt = receipt.expect("it has ended").id;
        sequenced(&app).await;
        Self {
            app,
            waiting,
            ended,
            running_task,
            ended_task,
            receipt,
        }
    }

    /// Sends a valid request of the operation, as a caller with the rights.
    async fn ask(&self, operation: &str) -> Answer {
        self.ask_as("root", operation).await
    }

    /// Sends a valid request of the operation.
    async fn ask_as(&self, who: &str, operation: &str) -> Answer {
        let (method, path) = operation.split_once(' ').expect("a method and a path");
        let job = if ["/retry", "/items", "/receipt"].iter().any(|end| path.ends_with(end)) {
            &self.ended
        } else {
            &self.waiting
        };
        let task = if ["get", "delete"].contains(&method) {
            &self.ended_task
        } else {
            &self.running_task
        };
        let mut there = path
            .replace("/jobs/{id}", &format!("/jobs/{job}"))
            .replace("/receipts/{id}", &format!("/receipts/{}", self.receipt))
            .replace("{event_id}", &job.to_string())
            .replace("{task_id}", &task_id(*task))
            .replace("/keys/{name}", "/keys/x")
            .replace("/schedules/{name}", "/schedules/x")
            .replace("/holds/{name}", "/holds/x")
            .replace("/targets/{name}", "/targets/main")
            .replace("{target}/{table}", "x/y");
        if path.ends_with("_rethrottle") {
            there.push_str("?requests_per_second=7");
        }
        if path.ends_with("/items") {
            there.push_str("?outcome=failed");
        }
        if path == "/_tasks/_cancel" {
            there.push_str("?actions=*");
        }
        if ["patch /v1/jobs", "post /v1/jobs/cancel", "post /v1/jobs/retry"].contains(&operation) {
            // The waiting one, or the failed one.
            there.push_str("?kind=ids&expect=1");
        }
        let body = match operation {
            "put /v1/schedules/{name}" => {
                there.push('2');
                schedule()
            }
            "put /v1/holds/{name}" => {
                there.push('2');
                hold()
            }
            "post /v1/keys" => json!({"name": "y", "scopes": ["jobs:read"], "user": "ana"}),
            "patch /v1/jobs" | "patch /v1/jobs/{id}" => json!({"per_second": 7}),
            _ => Value::Null,
        };
        let request = request(who, &method.to_uppercase(), &there)
            .header("x-request-id", "asked-for-this")
            .header(header::CONTENT_TYPE, "application/json");
        let body = if body.is_null() {
            Body::empty()
        } else {
            body.to_string().into()
        };
        self.app.send(request.body(body).expect("a request")).await
    }
}

/// Returns a schedule that names a person.
fn schedule() -> Value {
    let job = json!({"select": {"subject": {"user_id": "ana"}}});
    json!({"cron": "0 3 * * *", "time_zone": "UTC", "job": job})
}

/// Returns a hold that names a person, and another one who demands it.
fn hold() -> Value {
    json!({"persons": ["ana"], "ground": "17(3)(e)", "by": "ana's lawyer"})
}

/// Makes a job that has failed, with an item.
pub(crate) async fn failed(app: &App) -> JobId {
    let id = app.create("eraser", &json!({"select": {"ids": ["a"]}})).await.job();
    let lease = claim(app).await.remove(0);
    let mut delta = Delta::default();
    for store in [StoreKind::Sql, StoreKind::Vector] {
        delta.count(store, Outcome::Failed, 1);
    }
    delta.items.push(ItemOutcome {
        id: "a".to_owned(),
        store: StoreKind::Sql,
        outcome: Some(Outcome::Failed),
        code: Some(ErrorCode::Rejected),
    });
    let record = Record {
        lease: &lease,
        delta,
        progress: None,
        remaining: 0,
        end: Some(RecordEnd::Done),
    };
    app.ledger.record(&[record]).await.expect("the ledger answers");
    id
}

/// Returns the id of a job as a task.
fn task_id(job: JobId) -> String {
    let id = job.0.as_u128();
    format!("{:019x}:{}", id >> 53, id & ((1 << 53) - 1))
}

#[tokio::test]
async fn every_route_is_known_to_leave_an_event_or_none() {
    let app = App::new().await;
    let document = app.get("", "/openapi.json").await.body;
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("an item").keys() {
            operations.push(format!("{method} {path}"));
        }
    }
    operations.sort();
    let mut known: Vec<_> = ALL.iter().map(|(operation, _)| (*operation).to_owned()).collect();
    known.sort();
    assert_eq!(
        operations, known,
        "say in `ALL` what a new route leaves in the audit trail"
    );
}

#[tokio::test]
async fn a_route_leaves_one_event_that_says_who_did_what() {
    for (operation, leaves) in ALL {
        let An(act) = leaves else { continue };
        let things = Things::new().await;
        let before = trail(&things.app).await.len();
        let answer = things.ask(operation).await;
        assert!(
            answer.status.is_success(),
            "{operation}: {} {}",
            answer.status,
            answer.text
        );
        let all = trail(&things.app).await;
        assert_eq!(all.len(), before + 1, "{operation}: {all:#?}");
        let event = &all[0];
        assert_eq!(
            (event.act.as_str(), event.actor.as_str()),
            (*act, "root"),
            "{operation}"
        );
        assert_eq!(event.request_id.as_deref(), Some("asked-for-this"), "{operation}");
        assert_eq!(event.effect, effect(operation), "{operation}");
        let said = serde_json::to_string(event).expect("JSON");
        assert!(!said.contains("ana"), "{operation}: {said}");
    }
}

fn effect(operation: &str) -> Effect {
    // Nothing was paused.
    if operation.ends_with("/resume") {
        Effect::Unchanged
    } else {
        Effect::Done
    }
}

#[tokio::test]
async fn a_schedule_that_is_replaced_and_a_job_that_is_cancelling_leave_events_of_their_own() {
    let app = App::new().await;
    for act in ["schedule.create", "schedule.replace"] {
        app.send_json("root", "PUT", "/v1/schedules/x", &schedule()).await;
        assert_eq!(trail(&app).await[0].act, act);
    }
    let id = app.accepted("eraser").await;
    // A cancellation lets batches with an intent finish.
    for lease in claim(&app).await {
        let begun = app.ledger.intend(&[(&lease, "a batch".to_owned())]).await;
        begun.expect("the ledger answers");
    }
    let cancel = format!("/v1/jobs/{id}/cancel");
    for effect in [Effect::Done, Effect::Unchanged] {
        assert_eq!(app.post("eraser", &cancel).await.status, 202);
        let event = trail(&app).await.remove(0);
        assert_eq!((event.act.as_str(), event.effect), ("job.cancel", effect));
        assert_eq!(event.object_id, id.to_string());
    }
}

#[tokio::test]
async fn a_reading_is_noted_once_a_minute_and_only_if_something_was_read() {
    let things = Things::new().await;
    let app = &things.app;
    let items = |outcome: &str| format!("/v1/jobs/{}/items?outcome={outcome}", things.ended);
    let before = trail(app).await.len();
    assert_eq!(app.get("root", &items("absent")).await.status, 200);
    assert_eq!(trail(app).await.len(), before, "there was nothing to read");
    for who in ["root", "root", "eraser", "root"] {
        assert_eq!(app.get(who, &items("failed")).await.status, 200);
    }
    let new = trail(app).await.len() - before;
    assert_eq!(new, 2, "one for each caller");
}

#[tokio::test]
async fn what_changes_nothing_and_reveals_nobody_leaves_none() {
    let things = Things::new().await;
    let before = trail(&things.app).await.len();
    for (operation, leaves) in ALL {
        // The event stream of an unfinished job does not end.
        if *leaves == Nothing && !operation.ends_with("/events") {
            let answer = things.ask(operation).await;
            assert!(answer.status.is_success(), "{operation}: {}", answer.text);
        }
    }
    // The rights would do, but there is nothing to cancel.
    let cancelled = format!("/v1/jobs/{}/cancel", things.ended);
    assert_eq!(things.app.post("root", &cancelled).await.status, 409);
    let all = trail(&things.app).await;
    assert_eq!(all.len(), before, "{all:#?}");
}

#[tokio::test]
async fn every_act_is_left_by_a_route() {
    let left: Vec<_> = ALL.iter().map(|(_, leaves)| leaves).collect();
    for act in Act::iter() {
        let expected = match act {
            // The route that creates a schedule also replaces one.
            Act::ScheduleReplace => An(Act::ScheduleCreate.as_str()),
            // Only a refused submission has an event.
            Act::JobCreate => AJob,
            // Only a refused one has an event, see `console::sessions`.
            // A hold expires by itself.
            Act::SignIn | Act::HoldExpire => continue,
            // The route that changes a pace also extends a deadline.
            Act::JobExtend => An(Act::JobThrottle.as_str()),
            act => An(act.as_str()),
        };
        assert!(left.contains(&&expected), "{act:?}");
    }
}
