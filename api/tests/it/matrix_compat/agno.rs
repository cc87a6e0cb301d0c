//! Agno: the answer about one memory says whether it was there for the caller, the answer about many says nothing.

use serde_json::json;

use super::{Alike, Ask, Matrix, OWNERS, System, demanded, ids, query, says};
use crate::callers::{Caller, TARGETS, Why};

/// Returns the owner of an Agno client's request. A person's credentials decide the owner, whatever the request names.
fn agnos_owner(caller: &Caller, asked: Option<&'static str>) -> Result<Option<&'static str>, u16> {
    let asked = if caller.user.is_some() { None } else { asked };
    caller.by_ids(asked).map_err(|why| match why {
        Why::Unnamed => 400,
        Why::Scope | Why::Foreign => 403,
    })
}

/// Returns the target of an Agno client's request. One of several databases has to be named, and one beyond reach is
/// unknown.
fn agnos_target(caller: &Caller, asked: Option<&'static str>) -> Result<&'static str, u16> {
    let reached: Vec<_> = TARGETS.into_iter().filter(|target| caller.reaches(target)).collect();
    match (asked, reached.as_slice()) {
        (Some(asked), reached) if reached.contains(&asked) => Ok(asked),
        (Some(_), _) => Err(404),
        (None, [only]) => Ok(only),
        (None, _) => Err(400),
    }
}

#[tokio::test]
async fn agno_deletes_a_memory_of_those_whom_a_caller_reaches() {
    let mut matrix = Matrix::new().await;
    for caller in matrix.callers.clone() {
        for owner in OWNERS {
            for db in [None, Some("main"), Some("spare"), Some("elsewhere")] {
                let of = query(&[("user_id", owner), ("db_id", db)]);
                let workspace = caller.in_workspace(None).map_err(|_| 403);
                let demanded = demanded(agnos_owner(&caller, owner), workspace, agnos_target(&caller, db));
                let mut alike = Alike::new(&caller);
                for id in ids() {
                    let ask = Ask::delete(System::Agno, format!("/memories/{id}{of}"));
                    match matrix.case(&caller, &ask, &demanded, |memory| memory.id == id).await {
                        Ok((answer, gone)) if gone.is_empty() => {
                            says(
                                &caller,
                                &answer,
                                404,
                                &json!({"detail": "Memory not found", "error_code": "NOT_FOUND"}),
                            );
                            alike.add(&answer);
                        }
                        Ok((answer, _)) => assert_eq!(
                            (answer.status.as_u16(), answer.text.as_str()),
                            (204, ""),
                            "{}",
                            caller.name
                        ),
                        Err(answer) => alike.add(&answer),
                    }
                }
            }
        }
    }
    assert!(matrix.cases > 2_000, "{}", matrix.cases);
}

#[tokio::test]
async fn agno_deletes_many_memories_of_those_whom_a_caller_reaches() {
    let mut matrix = Matrix::new().await;
    for caller in matrix.callers.clone() {
        for owner in OWNERS {
            for db in [None, Some("main"), Some("spare"), Some("elsewhere")] {
                let workspace = caller.in_workspace(None).map_err(|_| 403);
                let demanded = demanded(agnos_owner(&caller, owner), workspace, agnos_target(&caller, db));
                for in_body in [true, false] {
                    let (of_body, of_query) = if in_body { (owner, None) } else { (None, owner) };
                    let path = format!("/memories{}", query(&[("user_id", of_query), ("db_id", db)]));
                    let asked: Vec<_> = ids().chain(ids()).collect();
                    let body = json!({"memory_ids": asked, "user_id": of_body});
                    let ask = Ask::delete(System::Agno, path).json(body);
                    if let Ok((answer, _)) = matrix.case(&caller, &ask, &demanded, |_| true).await {
                        assert_eq!(
                            (answer.status.as_u16(), answer.text.as_str()),
                            (204, ""),
                            "{}",
                            caller.name
                        );
                    }
                }
            }
        }
        // Another owner's memories stay, and the answer about them is the same as about one's own.
        let workspace = caller.in_workspace(None).map_err(|_| 403);
        let demanded = demanded(
            agnos_owner(&caller, Some("ana")),
            workspace,
            agnos_target(&caller, Some("main")),
        );
        let mut alike = Alike::new(&caller);
        for id in ids() {
            let path = "/memories?db_id=main&user_id=ana";
            let ask = Ask::delete(System::Agno, path).json(json!({"memory_ids": [id]}));
            let met = matrix.case(&caller, &ask, &demanded, |memory| memory.id == id).await;
            alike.add(&met.map_or_else(|refused| refused, |(answer, _)| answer));
        }
    }
    assert!(matrix.cases > 600, "{}", matrix.cases);
}
