//! MemoryPlugin: the answer calls a memory deleted that is not there for the caller.

use serde_json::json;

use super::{Alike, Ask, Matrix, System, demanded, ids, in_main, says, unnamed};

#[tokio::test]
async fn memoryplugin_deletes_what_the_caller_reaches_and_says_the_same_of_everything_else() {
    let mut matrix = Matrix::new().await;
    for caller in matrix.callers.clone() {
        let workspace = caller.in_workspace(None).map_err(|_| 403);
        let demanded = demanded(unnamed(&caller), workspace, in_main(&caller, 403));
        let mut alike = Alike::new(&caller);
        for id in ids() {
            let ask = Ask::delete(System::MemoryPlugin, format!("/api/memories/{id}"));
            match matrix.case(&caller, &ask, &demanded, |memory| memory.id == id).await {
                Ok((answer, _)) => {
                    says(&caller, &answer, 200, &json!({"message": "Memory deleted"}));
                    alike.add(&answer);
                }
                Err(answer) => alike.add(&answer),
            }
        }
    }
    assert!(matrix.cases > 150, "{}", matrix.cases);
}
