//! OpenSearch: a caller that reaches a container is told that a memory in it is not its own.

use lethe_common::job::JobId;
use serde_json::{Value, json};

use super::{
    ABSENT, Alike, Ask, Demanded, Demands, MEMORIES, Matrix, System, container_path, demanded, ids, in_main, unnamed,
};
use crate::app::Answer;
use crate::callers::{self, Caller, TARGETS};
use crate::stores::Memory;

const CLOSED: &str = "User doesn't have permissions to delete memories in this container";
const MISSING: &str = "Memory container not found";

/// Deletes each memory by its id in a container. The caller of this function gives the demands, or the refusal, of the
/// container.
async fn opensearch_by_id(matrix: &mut Matrix, caller: &Caller, container: &str, demanded: &Demanded) {
    let mut alike = Alike::new(caller);
    for id in ids() {
        let ask = Ask::delete(System::OpenSearch, format!("{}/{id}", container_path(container)));
        let what = format!("{}: {id} in {container}", caller.name);
        let reason = |answer: &Answer| answer.body["error"]["reason"].as_str().map(str::to_owned);
        let (answer, gone) = match matrix.case(caller, &ask, demanded, |memory| memory.id == id).await {
            Ok(met) => met,
            Err(answer) => {
                assert!(
                    answer.status != 404 || reason(&answer).as_deref() == Some(MISSING),
                    "{what}"
                );
                alike.add(&answer);
                continue;
            }
        };
        if !gone.is_empty() {
            assert_eq!(answer.status, 200, "{what}");
            assert_eq!(
                (&answer.body["result"], &answer.body["_id"]),
                (&json!("deleted"), &json!(id)),
                "{what}"
            );
            continue;
        }
        // A caller that reaches the container is told that it has the memory, and that it is not the caller's.
        let everybodys = demanded.as_ref().map(|demands| Demands {
            owner: None,
            ..*demands
        });
        let strangers = MEMORIES
            .iter()
            .any(|memory| memory.id == id && everybodys.as_ref().is_ok_and(|demands| demands.meet(memory)));
        if strangers {
            let says = "User doesn't have permissions to delete this memory";
            assert_eq!(
                (answer.status.as_u16(), reason(&answer).as_deref()),
                (403, Some(says)),
                "{what}"
            );
        } else {
            assert_eq!(
                (answer.status.as_u16(), reason(&answer).as_deref()),
                (404, Some("Memory not found")),
                "{what}"
            );
            alike.add(&answer);
        }
    }
}

async fn opensearch_by_query(matrix: &mut Matrix, caller: &Caller, container: &str, demanded: &Demanded) {
    type Selects = fn(&Memory) -> bool;
    let queries: [(Value, Selects); 5] = [
        (json!({"match_all": {}}), |_| true),
        (json!({"match": {"owner_id": "ana"}}), |memory| {
            memory.user == Some("ana")
        }),
        (json!({"term": {"owner_id": "ben"}}), |memory| {
            memory.user == Some("ben")
        }),
        (
            json!({"bool": {"must_not": [{"term": {"owner_id": "ana"}}]}}),
            |memory| memory.user != Some("ana"),
        ),
        (json!({"ids": {"values": ids().collect::<Vec<_>>()}}), |_| true),
    ];
    let mut alike = Alike::new(caller);
    for (query, selects) in queries {
        let ask = Ask::new(
            System::OpenSearch,
            "POST",
            format!("{}/_delete_by_query", container_path(container)),
        );
        let ask = ask.json(json!({"query": query}));
        match matrix.case(caller, &ask, demanded, selects).await {
            Ok((answer, gone)) => {
                let (deleted, total) = (&answer.body["deleted"], &answer.body["total"]);
                let n = json!(gone.len());
                assert_eq!(
                    (answer.status.as_u16(), deleted, total),
                    (200, &n, &n),
                    "{}: {query}",
                    caller.name
                );
            }
            Err(answer) => alike.add(&answer),
        }
    }
}

/// Deletes by query in a table, in all kinds. An index beyond the caller's reach does not exist.
#[tokio::test]
async fn opensearch_deletes_in_indices() {
    let mut matrix = Matrix::new().await;
    for caller in matrix.callers.clone() {
        for index in ["main", "spare.memories", "elsewhere"] {
            let target = match TARGETS.into_iter().find(|target| index.starts_with(target)) {
                Some(target) if caller.reaches(target) => Ok(target),
                _ => Err(404),
            };
            let workspace = caller.in_workspace(None).map_err(|_| 403);
            let demanded = demanded(unnamed(&caller), workspace, target);
            let ask = Ask::new(System::OpenSearch, "POST", format!("/{index}/_delete_by_query"));
            let ask = ask.json(json!({"query": {"match_all": {}}}));
            if let Ok((answer, gone)) = matrix.case(&caller, &ask, &demanded, |_| true).await {
                let (deleted, n) = (&answer.body["deleted"], json!(gone.len()));
                assert_eq!((answer.status.as_u16(), deleted), (200, &n), "{}: {index}", caller.name);
            }
        }
    }
    assert!(matrix.cases > 60, "{}", matrix.cases);
}

#[tokio::test]
async fn opensearch_deletes_in_containers_that_are_targets() {
    let mut matrix = Matrix::new().await;
    for caller in matrix.callers.clone() {
        for container in ["main", "spare", "elsewhere"] {
            let target = match TARGETS.into_iter().find(|target| *target == container) {
                None => Err(404),
                Some(target) if caller.reaches(target) => Ok(target),
                Some(_) => Err(403),
            };
            let workspace = caller.in_workspace(None).map_err(|_| 403);
            let demanded = demanded(unnamed(&caller), workspace, target).map(|demands| Demands {
                kind: Some("working"),
                ..demands
            });
            opensearch_by_id(&mut matrix, &caller, container, &demanded).await;
            opensearch_by_query(&mut matrix, &caller, container, &demanded).await;
        }
    }
    assert!(matrix.cases > 800, "{}", matrix.cases);
}

#[tokio::test]
async fn opensearch_deletes_in_containers_that_are_workspaces() {
    let compat = "[compat]\nwait = \"30s\"\nopensearch = { containers = \"workspaces\", target = \"main\" }";
    let mut matrix = Matrix::with(compat).await;
    for caller in matrix.callers.clone() {
        for container in ["w", "v", "elsewhere"] {
            // A container beyond reach is closed, whether or not the workspace exists.
            let workspace = caller.in_workspace(Some(container)).map_err(|_| 403);
            let demanded = demanded(unnamed(&caller), workspace, in_main(&caller, 403)).map(|demands| Demands {
                kind: Some("working"),
                ..demands
            });
            opensearch_by_id(&mut matrix, &caller, container, &demanded).await;
            opensearch_by_query(&mut matrix, &caller, container, &demanded).await;
        }
    }
    assert!(matrix.cases > 800, "{}", matrix.cases);
}

#[tokio::test]
async fn a_closed_container_is_refused_in_opensearch_s_words() {
    let mut matrix = Matrix::new().await;
    for caller in matrix.callers.clone() {
        let Some(own) = caller.target else { continue };
        let Some(other) = TARGETS.into_iter().find(|target| *target != own) else {
            continue;
        };
        let ask = Ask::delete(System::OpenSearch, format!("{}/{ABSENT}", container_path(other)));
        let refused = matrix.case(&caller, &ask, &Err(vec![403]), |_| false).await;
        let Err(answer) = refused else { panic!("it is closed") };
        assert_eq!(answer.body["error"]["reason"], CLOSED);
    }
    assert!(matrix.cases >= 3, "{}", matrix.cases);
}

/// Returns the task id of a job, as the page about OpenSearch describes it.
fn task(id: JobId) -> String {
    let id = id.0.as_u128();
    format!("{:019x}:{}", id >> 53, id & ((1 << 53) - 1))
}

#[tokio::test]
async fn a_task_is_there_for_those_who_may_see_its_job_and_changed_by_those_who_may() {
    let matrix = Matrix::new().await;
    let app = &matrix.app;
    let mut cases = 0;
    for caller in &matrix.callers {
        for (owner, target) in [("own", "main"), ("other", "main"), ("other", "spare"), ("none", "main")] {
            let own = owner == "own";
            let visible = owner != "none" && (own && caller.reaches(target) || caller.sees_others(target));
            let controls = caller.reaches(target) && (caller.has("jobs:admin") || own && caller.erases());
            let id = match owner {
                "none" => JobId::new(),
                _ => callers::task_of(app, own.then_some(caller), target).await,
            };
            let task = task(id);
            let (seen, changed) = match (visible, controls) {
                _ if caller.unknown => (401, 401),
                (false, _) => (404, 404),
                (true, false) => (200, 403),
                (true, true) => (200, 200),
            };
            let rethrottle = format!("/_delete_by_query/{task}/_rethrottle?requests_per_second=7");
            for (method, path, status) in [
                ("GET", format!("/_tasks/{task}"), seen),
                ("POST", rethrottle, changed),
                ("POST", format!("/_tasks/{task}/_cancel"), changed),
                // A cancelled task has ended.
                ("DELETE", format!("/_tasks/{task}"), changed),
            ] {
                let deletes = method == "DELETE";
                if deletes && changed == 403 {
                    app.ledger
                        .cancel(id, &crate::app::tester())
                        .await
                        .expect("the ledger answers");
                }
                let ask = Ask::new(System::OpenSearch, method, path);
                let answer = ask.send(app, ask.system.authorization(caller)).await;
                let what = format!("{}: {method} of {owner} in {target}: {}", caller.name, answer.text);
                assert_eq!(answer.status.as_u16(), status, "{what}");
                if status == 404 {
                    let says = format!("task [{task}] isn't running and hasn't stored its results");
                    assert_eq!(answer.body["error"]["reason"], says, "{what}");
                    assert_eq!(answer.body["error"]["type"], "resource_not_found_exception", "{what}");
                }
                cases += 1;
            }
            let list = Ask::new(System::OpenSearch, "GET", "/_tasks?group_by=parents");
            let fresh = callers::task_of(app, own.then_some(caller), target).await;
            let answer = list.send(app, list.system.authorization(caller)).await;
            if !caller.unknown {
                let listed = answer.body["tasks"].get(self::task(fresh)).is_some();
                let visible = own && caller.reaches(target) || caller.sees_others(target);
                assert_eq!(listed, visible, "{}: {owner} in {target}", caller.name);
            }
            app.ledger
                .cancel(fresh, &crate::app::tester())
                .await
                .expect("the ledger answers");
        }
    }
    assert!(cases > 300, "{cases}");
}
