//! Mielto: only the owner deletes, and callers without a user have to name the owner.

use serde_json::json;

use super::{Alike, Ask, Matrix, OWNERS, System, demanded, ids, in_main, query, says};
use crate::callers::Why;

#[tokio::test]
async fn mielto_deletes_for_a_named_owner_whom_the_caller_reaches() {
    let mut matrix = Matrix::new().await;
    for caller in matrix.callers.clone() {
        for owner in OWNERS {
            for workspace in [None, Some("w"), Some("v")] {
                let owned = match caller.by_ids(owner) {
                    // The owner is required, even of a caller that may erase any memory.
                    Ok(None) | Err(Why::Unnamed) => Err(422),
                    Ok(owner) => Ok(owner),
                    Err(Why::Scope) => Err(403),
                    // Another owner's memory does not exist.
                    Err(Why::Foreign) => Err(404),
                };
                let inside = caller.in_workspace(workspace).map_err(|_| 403);
                let demanded = demanded(owned, inside, in_main(&caller, 403));
                let mut alike = Alike::new(&caller);
                for id in ids() {
                    let path = format!("/api/v1/memories/{id}{}", query(&[("user_id", owner)]));
                    let mut ask = Ask::delete(System::Mielto, path);
                    ask.headers
                        .extend(workspace.map(|workspace| ("x-workspace-id", workspace.to_owned())));
                    match matrix.case(&caller, &ask, &demanded, |memory| memory.id == id).await {
                        Ok((answer, gone)) if gone.is_empty() => {
                            says(&caller, &answer, 404, &json!({"detail": "Memory not found"}));
                            alike.add(&answer);
                        }
                        Ok((answer, _)) => {
                            let message = "Memory deleted successfully";
                            says(&caller, &answer, 200, &json!({"memory_id": id, "message": message}));
                        }
                        Err(answer) => {
                            if answer.status == 422 && owned == Err(422) {
                                assert_eq!(answer.body["detail"][0]["loc"], json!(["query", "user_id"]));
                            }
                            if answer.status == 404 {
                                assert_eq!(answer.body["detail"], "Memory not found");
                            }
                            alike.add(&answer);
                        }
                    }
                }
            }
        }
    }
    assert!(matrix.cases > 1_500, "{}", matrix.cases);
}
