//! Rights: every kind of caller on every native route, about its own, others' and nonexistent objects.
//!
//! The expected answers are written a second time ([`Caller`]), without the code. The routes of other systems are in
//! `matrix_compat`.

use axum::body::Body;
use lethe_common::job::Field;
use lethe_common::ledger::{Lease, Marks, ScheduleRecord};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::accepting::claim;
use crate::app::{App, request};
use crate::callers::{self, Caller, TARGETS, Why, job_of};

struct Matrix {
    app: App,
    callers: Vec<Caller>,
    cases: usize,
}

impl Matrix {
    async fn new() -> Self {
        let (app, callers) = callers::start("").await;
        Self { app, callers, cases: 0 }
    }

    /// Sends a request of a case, and asserts its status.
    async fn case(&mut self, caller: &Caller, method: &str, path: &str, body: &Value, expected: u16) -> Value {
        let expected = if caller.unknown { 401 } else { expected };
        let answer = if body.is_null() {
            let request = request(&caller.sends, method, path).body(Body::empty());
            self.app.send(request.expect("a request")).await
        } else {
            self.app.send_json(&caller.sends, method, path, body).await
        };
        self.cases += 1;
        let who = &caller.name;
        assert_eq!(
            answer.status, expected,
            "{who}: {method} {path} {body}\n{}",
            answer.text
        );
        assert_eq!(answer.headers.contains_key("ratelimit"), !caller.unknown, "{who}");
        answer.body
    }
}

/// The demanded owner and workspace, or the status of the refusal.
type Demanded = Result<(Option<&'static str>, Option<&'static str>), u16>;

/// Returns the demands of a request. A refusal of rights is 403, but a target beyond the caller's reach does not exist.
fn demanded(
    caller: &Caller,
    owner: Result<Option<&'static str>, Why>,
    workspace: Option<&'static str>,
    target: &str,
) -> Demanded {
    let owner = owner.map_err(|_| 403_u16)?;
    let workspace = caller.in_workspace(workspace).map_err(|_| 403_u16)?;
    if caller.reaches(target) {
        Ok((owner, workspace))
    } else {
        Err(422)
    }
}

/// Asserts that the only waiting job in the ledger has the expected demands.
async fn assert_demands(app: &App, caller: &Caller, demanded: Demanded, subject: bool) {
    let leases = claim(app).await;
    let Ok((owner, workspace)) = demanded else {
        assert!(leases.is_empty(), "{}: nothing is accepted", caller.name);
        return;
    };
    if caller.unknown {
        assert!(leases.is_empty(), "nothing is accepted");
        return;
    }
    let [lease]: [Lease; 1] = leases.try_into().expect("one job");
    let facts = &lease.job;
    if subject {
        let subject = facts.subject.as_ref().expect("a subject");
        let fields: Vec<_> = subject.fields().collect();
        let expected = [(Field::User, owner), (Field::Workspace, workspace)];
        let expected = expected.into_iter().filter_map(|(field, value)| Some((field, value?)));
        assert_eq!(fields, expected.collect::<Vec<_>>(), "{}", caller.name);
    } else {
        assert_eq!(facts.owner.as_deref(), owner, "{}", caller.name);
        assert_eq!(facts.workspace.as_deref(), workspace, "{}", caller.name);
    }
}

#[tokio::test]
async fn a_deletion_demands_what_its_caller_may_reach() {
    let mut matrix = Matrix::new().await;
    for caller in matrix.callers.clone() {
        for target in TARGETS {
            for owner in [None, Some("ana"), Some("ben")] {
                for workspace in [None, Some("w"), Some("v")] {
                    let mut body = json!({"select": {"ids": ["a"]}, "target": target});
                    let mut subject = json!({});
                    if let Some(owner) = owner {
                        body["owner"] = json!(owner);
                        subject["user_id"] = json!(owner);
                    }
                    if let Some(workspace) = workspace {
                        body["workspace"] = json!(workspace);
                        subject["workspace"] = json!(workspace);
                    }
                    let demands = demanded(&caller, caller.by_ids(owner), workspace, target);
                    let status = demands.err().unwrap_or(202);
                    matrix.case(&caller, "POST", "/v1/jobs", &body, status).await;
                    assert_demands(&matrix.app, &caller, demands, false).await;
                    // The same demands hold for a query, beside its filter.
                    body["select"] = json!({"query": {"all": true}});
                    matrix.case(&caller, "POST", "/v1/jobs", &body, status).await;
                    assert_demands(&matrix.app, &caller, demands, false).await;
                    if owner.is_none() && workspace.is_none() {
                        continue;
                    }
                    let body = json!({"select": {"subject": subject}, "target": target});
                    let demands = demanded(&caller, caller.by_subject(owner), workspace, target);
                    let status = demands.err().unwrap_or(202);
                    matrix.case(&caller, "POST", "/v1/jobs", &body, status).await;
                    assert_demands(&matrix.app, &caller, demands, true).await;
                }
            }
        }
    }
    assert!(matrix.cases > 500, "{}", matrix.cases);
}

#[tokio::test]
async fn a_job_is_there_for_those_who_may_see_it_and_changed_by_those_who_may() {
    let mut matrix = Matrix::new().await;
    let none = Uuid::now_v7().to_string();
    for caller in matrix.callers.clone() {
        for (owner, target) in [("own", "main"), ("other", "main"), ("other", "spare"), ("none", "main")] {
            let own = owner == "own";
            let visible = owner != "none" && (own && caller.reaches(target) || caller.sees_others(target));
            let controls = caller.reaches(target) && (caller.has("jobs:admin") || own && caller.erases());
            let id = match owner {
                "none" => none.clone(),
                _ => job_of(&matrix.app, own.then_some(&caller), target).await.to_string(),
            };
            let path = |end: &str| format!("/v1/jobs/{id}{end}");
            let seen = if visible { 200 } else { 404 };
            matrix.case(&caller, "GET", &path(""), &json!(null), seen).await;
            matrix
                .case(&caller, "GET", &path("/items?outcome=failed"), &json!(null), seen)
                .await;
            let listed = matrix
                .case(&caller, "GET", "/v1/jobs?limit=200", &json!(null), 200)
                .await;
            if !caller.unknown {
                let jobs = listed["jobs"].as_array().expect("a list");
                assert_eq!(
                    jobs.iter().any(|job| job["id"] == id),
                    visible,
                    "{} lists {owner}",
                    caller.name
                );
            }
            let changed = match (visible, controls) {
                (false, _) => 404,
                (true, false) => 403,
                (true, true) => 202,
            };
            let paced = if changed == 202 { 200 } else { changed };
            matrix
                .case(&caller, "PATCH", &path(""), &json!({"per_second": 7}), paced)
                .await;
            matrix
                .case(&caller, "POST", &path("/cancel"), &json!(null), changed)
                .await;
            if owner != "none" && (changed != 202 || caller.unknown) {
                matrix.app.post("root", &path("/cancel")).await;
            }
            // The job has ended, and so has its event stream.
            matrix.case(&caller, "GET", &path("/events"), &json!(null), seen).await;
            let again = if changed == 202 && own && !caller.repeats() {
                403
            } else {
                changed
            };
            matrix.case(&caller, "POST", &path("/retry"), &json!(null), again).await;
            if owner != "none" {
                matrix.app.post("root", &path("/cancel")).await;
            }
        }
    }
    assert!(matrix.cases > 300, "{}", matrix.cases);
}

#[tokio::test]
async fn operating_is_for_those_whose_credentials_cover_it() {
    let mut matrix = Matrix::new().await;
    for caller in matrix.callers.clone() {
        let with = |scope: &str, status: u16| if caller.has(scope) { status } else { 403 };
        for path in ["/v1/targets", "/v1/workers", "/v1/siblings"] {
            matrix
                .case(&caller, "GET", path, &json!(null), with("jobs:read", 200))
                .await;
        }
        let whole = !caller.is_partial() && caller.target.is_none();
        // These show data of all callers.
        let metrics = with("metrics:read", if whole { 200 } else { 403 });
        matrix.case(&caller, "GET", "/metrics", &json!(null), metrics).await;
        let audit = with("audit:read", if whole { 200 } else { 403 });
        matrix.case(&caller, "GET", "/v1/audit", &json!(null), audit).await;
        for path in ["/v1/pause", "/v1/resume"] {
            let status = if whole { 200 } else { 403 };
            matrix
                .case(&caller, "POST", path, &json!(null), with("jobs:admin", status))
                .await;
        }
        for target in ["main", "spare", "elsewhere"] {
            let status = match target {
                "elsewhere" => 404,
                target if !caller.reaches(target) => 404,
                _ if caller.is_partial() => 403,
                _ => 200,
            };
            for verb in ["pause", "resume"] {
                let path = format!("/v1/targets/{target}/{verb}");
                matrix
                    .case(&caller, "POST", &path, &json!(null), with("jobs:admin", status))
                    .await;
            }
        }
        let keys = |status: u16| with("admin", if whole { status } else { 403 });
        let sibling = "/v1/siblings/main/memories";
        matrix.case(&caller, "DELETE", sibling, &json!(null), keys(404)).await;
        let key = json!({"name": "made", "scopes": ["jobs:read"]});
        matrix.case(&caller, "POST", "/v1/keys", &key, keys(201)).await;
        matrix.case(&caller, "GET", "/v1/keys", &json!(null), keys(200)).await;
        let rotate = "/v1/keys/made/rotate";
        matrix.case(&caller, "POST", rotate, &json!({}), keys(200)).await;
        matrix
            .case(&caller, "DELETE", "/v1/keys/made", &json!(null), keys(204))
            .await;
        matrix
            .case(&caller, "DELETE", "/v1/keys/made", &json!(null), keys(404))
            .await;
    }
    assert!(matrix.cases > 200, "{}", matrix.cases);
}

/// Returns a schedule of a deletion.
fn schedule(job: &Value) -> Value {
    json!({"cron": "0 3 * * *", "time_zone": "UTC", "job": job})
}

const SCHEDULE: &str = "/v1/schedules/s";

/// Removes the schedule. Returns whether there was one.
async fn removed(app: &App) -> bool {
    app.ledger
        .remove_schedule("s", &crate::app::tester())
        .await
        .expect("the ledger answers")
}

/// Puts a schedule of a caller's into the ledger.
async fn schedule_of(app: &App, caller: Option<&Caller>, target: &str) {
    removed(app).await;
    let (name, rights) = caller.map_or_else(
        || ("somebody", "{}".to_owned()),
        |caller| (&*caller.name, caller.rights()),
    );
    let record = ScheduleRecord {
        name: "s".to_owned(),
        principal: name.to_owned(),
        rights,
        target: Some(target.to_owned()),
        cron: "0 3 * * *".to_owned(),
        time_zone: "UTC".to_owned(),
        job: json!({"select": {"ids": ["a"]}, "target": target}).to_string(),
        marks: Marks::default(),
        windows: None,
        paused: false,
        next_run_at: 4_000_000_000_000,
    };
    assert!(
        app.ledger
            .add_schedule(&record, &crate::app::tester())
            .await
            .expect("the ledger answers")
    );
}

#[tokio::test]
async fn who_may_not_ask_for_a_deletion_may_not_schedule_it() {
    let mut matrix = Matrix::new().await;
    for caller in matrix.callers.clone() {
        for target in TARGETS {
            for owner in [None, Some("ana"), Some("ben")] {
                let mut by_ids = json!({"select": {"ids": ["a"]}, "target": target});
                let mut by_subject = json!({"select": {"subject": {"workspace": "w"}}, "target": target});
                if let Some(owner) = owner {
                    by_ids["owner"] = json!(owner);
                    by_subject["select"]["subject"]["user_id"] = json!(owner);
                }
                for (job, demands) in [
                    (by_ids, demanded(&caller, caller.by_ids(owner), None, target)),
                    (
                        by_subject,
                        demanded(&caller, caller.by_subject(owner), Some("w"), target),
                    ),
                ] {
                    let status = demands.err().unwrap_or(201);
                    matrix.case(&caller, "PUT", SCHEDULE, &schedule(&job), status).await;
                    let stored = removed(&matrix.app).await;
                    assert_eq!(stored, demands.is_ok() && !caller.unknown, "{}", caller.name);
                }
            }
        }
    }
    assert!(matrix.cases > 200, "{}", matrix.cases);
}

#[tokio::test]
async fn a_schedule_is_there_for_those_who_may_see_it_and_changed_by_those_who_may() {
    let mut matrix = Matrix::new().await;
    for caller in matrix.callers.clone() {
        for (owner, target) in [("own", "main"), ("other", "main"), ("other", "spare"), ("none", "main")] {
            let own = owner == "own";
            let visible = owner != "none" && (own && caller.reaches(target) || caller.sees_others(target));
            let controls = caller.reaches(target) && (caller.has("jobs:admin") || own && caller.erases());
            if owner == "none" {
                removed(&matrix.app).await;
            } else {
                schedule_of(&matrix.app, own.then_some(&caller), target).await;
            }
            let seen = if visible { 200 } else { 404 };
            matrix.case(&caller, "GET", SCHEDULE, &json!(null), seen).await;
            let listed = matrix.case(&caller, "GET", "/v1/schedules", &json!(null), 200).await;
            if !caller.unknown {
                let schedules = listed["schedules"].as_array().expect("a list");
                assert_eq!(schedules.len(), usize::from(visible), "{} lists {owner}", caller.name);
            }
            let changed = match (visible, controls) {
                (false, _) => 404,
                (true, false) => 403,
                (true, true) => 200,
            };
            for verb in ["pause", "resume"] {
                let path = format!("{SCHEDULE}/{verb}");
                matrix.case(&caller, "POST", &path, &json!(null), changed).await;
            }
            let demands = demanded(&caller, caller.by_ids(None), None, target);
            let previewed = if visible { demands.err().unwrap_or(202) } else { 404 };
            let preview = format!("{SCHEDULE}/preview");
            matrix.case(&caller, "POST", &preview, &json!(null), previewed).await;
            let job = json!({"select": {"ids": ["a"]}, "target": target});
            let replaced = match demands {
                Err(status) => status,
                Ok(_) if owner == "none" => 201,
                Ok(_) if !visible => 409,
                Ok(_) => changed,
            };
            matrix.case(&caller, "PUT", SCHEDULE, &schedule(&job), replaced).await;
            if owner == "none" {
                removed(&matrix.app).await;
            } else {
                schedule_of(&matrix.app, own.then_some(&caller), target).await;
            }
            let gone = if changed == 200 { 204 } else { changed };
            matrix.case(&caller, "DELETE", SCHEDULE, &json!(null), gone).await;
        }
    }
    assert!(matrix.cases > 400, "{}", matrix.cases);
}
