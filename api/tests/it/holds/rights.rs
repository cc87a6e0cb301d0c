//! Rights: every kind of caller, and holds about all targets, its own and others'.

use axum::body::Body;
use serde_json::{Value, json};

use super::PATH;
use crate::app::{Answer, App, request};
use crate::callers::{self, Caller};

/// Sends a request of a caller, and asserts its status.
async fn case(app: &App, caller: &Caller, method: &str, path: &str, body: &Value, expected: u16) -> Answer {
    let answer = if body.is_null() {
        let request = request(&caller.sends, method, path).body(Body::empty());
        app.send(request.expect("a request")).await
    } else {
        app.send_json(&caller.sends, method, path, body).await
    };
    let expected = if caller.unknown { 401 } else { expected };
    let who = &caller.name;
    assert_eq!(
        answer.status, expected,
        "{who}: {method} {path} {body}\n{}",
        answer.text
    );
    answer
}

/// Returns a hold about a target, or about all.
fn hold(target: Option<&str>) -> Value {
    let mut body = json!({"persons": ["ana"], "ground": "other"});
    if let Some(target) = target {
        body["target"] = json!(target);
    }
    body
}

async fn removed(app: &App) {
    let request = request("root", "DELETE", PATH).body(Body::empty());
    app.send(request.expect("a request")).await;
}

#[tokio::test]
async fn a_hold_is_for_those_whose_credentials_cover_all_that_it_is_about() {
    let (app, callers) = callers::start("").await;
    let (mut placed_by_some, mut hidden_from_some) = (0, 0);
    for caller in &callers {
        let may = caller.has("holds:admin") && !caller.is_partial();
        for target in [None, Some("main"), Some("spare")] {
            let covers = target.map_or_else(|| caller.target.is_none(), |target| caller.reaches(target));
            let placed = match (may, covers, target) {
                (false, ..) | (true, false, None) => 403,
                // A target beyond the caller's reach does not exist.
                (true, false, Some(_)) => 422,
                (true, true, _) => 201,
            };
            case(&app, caller, "PUT", PATH, &hold(target), placed).await;
            placed_by_some += usize::from(placed == 201);
            removed(&app).await;

            // Another caller's hold.
            let others = app.send_json("root", "PUT", PATH, &hold(target)).await;
            assert_eq!(others.status, 201, "{}", others.text);
            let of = |seen: u16, hidden: u16| match (may, covers) {
                (false, _) => 403,
                (true, false) => hidden,
                (true, true) => seen,
            };
            hidden_from_some += usize::from(may && !covers);
            let nothing = Value::Null;
            case(&app, caller, "GET", PATH, &nothing, of(200, 404)).await;
            let listed = case(&app, caller, "GET", "/v1/holds", &nothing, of(200, 200)).await;
            if listed.status == 200 {
                let holds = listed.body["holds"].as_array().expect("a list");
                assert_eq!(holds.len(), usize::from(covers), "{}", caller.name);
            }
            // A hold that is replaced is released, also by one about a target of the caller.
            let own = hold(caller.target.or(target));
            case(&app, caller, "PUT", PATH, &own, of(200, 409)).await;
            case(&app, caller, "DELETE", PATH, &nothing, of(204, 404)).await;
            removed(&app).await;
        }
    }
    assert!(
        placed_by_some > 5 && hidden_from_some > 1,
        "{placed_by_some} {hidden_from_some}"
    );
}
