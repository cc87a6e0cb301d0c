//! mem0: memories, batches, all memories of a person, and their events.

use serde_json::json;
use uuid::Uuid;

use super::{Alike, Ask, Matrix, System, demanded, ids, in_main, says, unnamed};
use crate::callers::job_of;
use crate::stores::Memory;

#[tokio::test]
async fn mem0_deletes_memories_and_batches_that_the_caller_reaches() {
    let mut matrix = Matrix::new().await;
    for caller in matrix.callers.clone() {
        let workspace = caller.in_workspace(None).map_err(|_| 403);
        let demanded = demanded(unnamed(&caller), workspace, in_main(&caller, 403));
        let (mut alone, mut in_batch) = (Alike::new(&caller), Alike::new(&caller));
        for id in ids() {
            let ask = Ask::delete(System::Mem0, format!("/v1/memories/{id}/"));
            match matrix.case(&caller, &ask, &demanded, |memory| memory.id == id).await {
                Ok((answer, gone)) if gone.is_empty() => {
                    says(
                        &caller,
                        &answer,
                        404,
                        &json!({"error": "Memory not found!", "detail": "Memory not found!"}),
                    );
                    alone.add(&answer);
                }
                Ok((answer, _)) => says(
                    &caller,
                    &answer,
                    200,
                    &json!({"message": "Memory deleted successfully!"}),
                ),
                Err(answer) => alone.add(&answer),
            }
            let one = json!({"memories": [{"memory_id": id}]});
            let ask = Ask::delete(System::Mem0, "/v1/batch/").json(one);
            match matrix.case(&caller, &ask, &demanded, |memory| memory.id == id).await {
                Ok((_, gone)) if !gone.is_empty() => {}
                Ok((answer, _)) | Err(answer) => in_batch.add(&answer),
            }
        }
        let entries: Vec<_> = ids().map(|id| json!({"memory_id": id})).collect();
        let ask = Ask::delete(System::Mem0, "/v1/batch/").json(json!({"memories": entries}));
        if let Ok((answer, gone)) = matrix.case(&caller, &ask, &demanded, |_| true).await {
            let message = format!("Successfully deleted {} memories", gone.len());
            says(&caller, &answer, 200, &json!({"message": message}));
        }
    }
    assert!(matrix.cases > 350, "{}", matrix.cases);
}

#[tokio::test]
async fn mem0_deletes_everything_of_those_whom_a_caller_reaches() {
    let mut matrix = Matrix::new().await;
    let asked = [
        ("/v1/memories/?user_id=ana", Some("ana"), None),
        ("/v1/memories/?user_id=ben", Some("ben"), None),
        ("/v1/memories/?user_id=eve", Some("eve"), None),
        ("/v1/memories/?agent_id=bot", None, Some("bot")),
        ("/v1/memories/?agent_id=bot&user_id=ana", Some("ana"), Some("bot")),
        (
            "/v1/memories/?agent_id=crawler&user_id=ana",
            Some("ana"),
            Some("crawler"),
        ),
        ("/v1/memories/?agent_id=bot&user_id=ben", Some("ben"), Some("bot")),
        ("/v2/entities/user/ana/", Some("ana"), None),
        ("/v2/entities/user/ben/", Some("ben"), None),
        ("/v2/entities/user/eve/", Some("eve"), None),
        ("/v2/entities/agent/bot/", None, Some("bot")),
        ("/v2/entities/agent/crawler/", None, Some("crawler")),
    ];
    for caller in matrix.callers.clone() {
        let mut alike = Alike::new(&caller);
        for (path, user, agent) in asked {
            let owner = caller.by_subject(user).map_err(|_| 403);
            let workspace = caller.in_workspace(None).map_err(|_| 403);
            let demanded = demanded(owner, workspace, in_main(&caller, 403));
            let ask = Ask {
                waits: false,
                ..Ask::delete(System::Mem0, path)
            };
            let of_agent = |memory: &Memory| agent.is_none_or(|agent| agent == memory.agent);
            match matrix.case(&caller, &ask, &demanded, of_agent).await {
                Ok((answer, _)) => {
                    let job = answer.headers["lethe-job"].to_str().expect("an id");
                    let message = "Delete in progress. This may take some time.";
                    says(&caller, &answer, 200, &json!({"message": message, "event_id": job}));
                    // The caller may ask for the job's progress.
                    let event = Ask::new(System::Mem0, "GET", format!("/v1/event/{job}/"));
                    let event = event.send(&matrix.app, System::Mem0.authorization(&caller)).await;
                    assert_eq!(
                        (event.status.as_u16(), &event.body["status"]),
                        (200, &json!("SUCCEEDED"))
                    );
                }
                // Ben, who exists, is refused like Eve, who does not.
                Err(answer) if user.is_some_and(|user| user != "ana") => alike.add(&answer),
                Err(_) => {}
            }
        }
        // A field without a mapping is refused to every caller.
        let ask = Ask::delete(System::Mem0, "/v1/memories/?app_id=x");
        let owner = caller.by_subject(None).map_err(|_| 403);
        let workspace = caller.in_workspace(None).map_err(|_| 403);
        let mut refused = demanded(owner, workspace, in_main(&caller, 403))
            .err()
            .unwrap_or_default();
        refused.push(400);
        assert!(matrix.case(&caller, &ask, &Err(refused), |_| false).await.is_err());
    }
    assert!(matrix.cases > 250, "{}", matrix.cases);
}

#[tokio::test]
async fn mem0_shows_the_events_that_the_caller_sees_and_pings_whoever_is_known() {
    let mut matrix = Matrix::new().await;
    for caller in matrix.callers.clone() {
        let mut alike = Alike::new(&caller);
        for (whose, target) in [
            (Some("own"), "main"),
            (Some("other"), "main"),
            (Some("other"), "spare"),
            (None, "main"),
        ] {
            let own = whose == Some("own");
            let id = match whose {
                Some(_) => job_of(&matrix.app, own.then_some(&caller), target).await.to_string(),
                None => Uuid::now_v7().to_string(),
            };
            let visible = whose.is_some() && (own && caller.reaches(target) || caller.sees_others(target));
            let ask = Ask::new(System::Mem0, "GET", format!("/v1/event/{id}/"));
            let answer = ask.send(&matrix.app, System::Mem0.authorization(&caller)).await;
            matrix.cases += 1;
            if visible && !caller.unknown {
                assert_eq!(answer.status, 200, "{}: {whose:?} {target}", caller.name);
                assert_eq!((&answer.body["id"], &answer.body["payload"]), (&json!(id), &json!({})));
                assert_eq!(
                    (&answer.body["status"], &answer.body["results"]),
                    (&json!("PENDING"), &json!([]))
                );
                continue;
            }
            System::Mem0.assert_shape(&answer);
            alike.add(&answer);
            if caller.unknown {
                assert_eq!(answer.status, 401, "{}", caller.name);
            } else {
                says(
                    &caller,
                    &answer,
                    404,
                    &json!({"error": "Event not found!", "detail": "Event not found!"}),
                );
            }
        }
        let ping = Ask::new(System::Mem0, "GET", "/v1/ping/");
        let answer = ping.send(&matrix.app, System::Mem0.authorization(&caller)).await;
        matrix.cases += 1;
        assert_eq!(answer.status, if caller.unknown { 401 } else { 200 }, "{}", caller.name);
    }
    assert!(matrix.cases > 100, "{}", matrix.cases);
}
