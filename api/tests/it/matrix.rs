//! Who may do what: every kind of caller on every native route, about its own, others' and nobody's.
//!
//! What is expected is said here once more, in words of its own ([`Caller`]), not taken from the code.

use std::collections::BTreeSet;
use std::fmt::Write;

use axum::body::Body;
use lethe_common::config::{KeyHash, Target};
use lethe_common::job::{Field, JobId};
use lethe_common::ledger::{Lease, NewJob, NewPartition, Scope};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::accepting::claim;
use crate::app::{App, request};
use crate::tokens::{SECRET, claims, issuer, signed};

/// Two targets in which everything can be demanded of everything.
const TWO: &str = r#"
    api.auth_failures_per_minute = 100000
    [[target]]
    name = "main"
    sql = { url = "sqlite://main.sqlite" }
    [[target.table]]
    name = "memories"
    columns = { id = "id", user = "user_id", workspace = "workspace_id" }
    [[target]]
    name = "spare"
    sql = { url = "sqlite://spare.sqlite" }
    [[target.table]]
    name = "memories"
    columns = { id = "id", user = "user_id", workspace = "workspace_id" }
"#;

const SCOPES: [&str; 7] = [
    "memories:delete",
    "memories:delete:any",
    "subjects:erase",
    "jobs:read",
    "jobs:admin",
    "metrics:read",
    "admin",
];

/// A kind of caller, and what that means.
#[derive(Clone, Default)]
struct Caller {
    /// What it sends: a key or a token; empty for nothing.
    sends: String,
    /// What its jobs are called.
    name: String,
    scopes: BTreeSet<&'static str>,
    user: Option<&'static str>,
    workspace: Option<&'static str>,
    target: Option<&'static str>,
    unknown: bool,
}

impl Caller {
    fn key(name: &str, scopes: &[&'static str]) -> Self {
        Self {
            sends: name.to_owned(),
            name: name.to_owned(),
            scopes: scopes.iter().copied().collect(),
            ..Self::default()
        }
    }

    fn has(&self, scope: &str) -> bool {
        self.scopes.contains(scope) || self.scopes.contains("admin")
    }

    fn erases(&self) -> bool {
        SCOPES[..3].iter().any(|scope| self.has(scope))
    }

    /// Whether it reaches only a part of a target's memories.
    fn is_partial(&self) -> bool {
        self.user.is_some() || self.workspace.is_some()
    }

    fn reaches(&self, target: &str) -> bool {
        self.target.is_none_or(|own| own == target)
    }

    /// The lines of the configuration that allow it.
    fn lines(&self) -> String {
        let mut lines = format!(
            "[[auth.key]]\nname = \"{}\"\nsha256 = \"{}\"\nscopes = {}\n",
            self.name,
            KeyHash::of(&crate::app::key(&self.name)),
            json!(self.scopes)
        );
        for (field, value) in [
            ("user", self.user.map(|user| json!(user))),
            ("workspaces", self.workspace.map(|name| json!([name]))),
            ("targets", self.target.map(|name| json!([name]))),
        ] {
            if let Some(value) = value {
                writeln!(lines, "{field} = {value}").expect("a String takes any text");
            }
        }
        lines
    }
}

/// Those whose keys are in the configuration.
fn keys() -> Vec<Caller> {
    let mut callers: Vec<Caller> = SCOPES
        .into_iter()
        .map(|scope| Caller::key(&format!("only-{}", scope.replace(':', "-")), &[scope]))
        .collect();
    callers.push(Caller {
        user: Some("ana"),
        ..Caller::key("of-ana", &["memories:delete", "jobs:read"])
    });
    callers.push(Caller {
        user: Some("ana"),
        ..Caller::key("all-of-ana", &["admin"])
    });
    callers.push(Caller {
        workspace: Some("w"),
        ..Caller::key("in-w", &["memories:delete:any", "subjects:erase", "jobs:admin"])
    });
    callers.push(Caller {
        target: Some("main"),
        ..Caller::key(
            "in-main",
            &["memories:delete:any", "subjects:erase", "jobs:read", "jobs:admin"],
        )
    });
    callers.push(Caller {
        user: Some("ana"),
        workspace: Some("w"),
        target: Some("main"),
        ..Caller::key("of-ana-in-w-in-main", &["memories:delete", "jobs:admin"])
    });
    callers
}

struct Matrix {
    app: App,
    callers: Vec<Caller>,
    cases: usize,
}

impl Matrix {
    async fn new() -> Self {
        let mut callers = keys();
        let lines: String = callers.iter().map(Caller::lines).collect();
        let gone = Caller::key("gone", &["admin"]).lines() + "expires_at = 2020-01-01T00:00:00Z\n";
        let issuer = issuer("allow_scopes = [\"admin\", \"jobs:read\"]");
        let toml = format!("{TWO}\n{lines}\n{gone}\n{issuer}");
        let app = App::in_env(&toml, &[("JWT_SECRET", SECRET)]).await;
        for (sends, user, scopes) in [
            (signed(&claims(&json!({}))), Some("ana"), &["memories:delete"][..]),
            (
                signed(&claims(&json!({"sub": "boss", "scope": "admin"}))),
                None,
                &["memories:delete", "admin"],
            ),
        ] {
            let asked = json!({"select": {"ids": ["a"]}, "owner": user.unwrap_or("x"), "target": "main"});
            let answer = app.create(&sends, &asked).await;
            let name = answer.body["principal"].as_str().expect("a name").to_owned();
            callers.push(Caller {
                sends,
                user,
                ..Caller::key(&name, scopes)
            });
        }
        // Nothing, a key that nobody knows, and one that has expired.
        for sends in ["", "nobody-s", "gone"] {
            callers.push(Caller {
                unknown: true,
                sends: sends.to_owned(),
                ..Caller::default()
            });
        }
        // The tokens' first jobs are not to be met again.
        claim(&app).await;
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
        let who = if caller.name.is_empty() {
            &caller.sends
        } else {
            &caller.name
        };
        assert_eq!(
            answer.status, expected,
            "{who}: {method} {path} {body}\n{}",
            answer.text
        );
        assert_eq!(answer.headers.contains_key("ratelimit"), !caller.unknown, "{who}");
        answer.body
    }

    /// Puts a job of somebody's into the ledger.
    async fn job(&self, principal: &str, target: &str) -> JobId {
        let target = self.app.config.target(target).expect("a target");
        let id = JobId::new();
        let job = NewJob {
            id,
            scope: Scope {
                principal: principal.to_owned(),
                route: "POST /v1/jobs",
            },
            idempotency: None,
            target: Some(target.name.clone()),
            table: Some("memories".to_owned()),
            owner: None,
            workspace: None,
            memory_kind: None,
            query: None,
            subject: None,
            dry_run: false,
            limit: None,
            per_second: None,
            not_before: None,
            trace: None,
            partitions: vec![partition(target)],
        };
        self.app.ledger.accept(job).await.expect("the ledger answers");
        id
    }
}

fn partition(target: &Target) -> NewPartition {
    NewPartition::ids(target, &target.tables[0], vec!["a".to_owned()], false)
}

/// Whose memories in which workspace, or the status of the refusal.
type Demanded = Result<(Option<&'static str>, Option<&'static str>), u16>;

fn owner_by_ids(caller: &Caller, asked: Option<&'static str>) -> Result<Option<&'static str>, u16> {
    let any = caller.has("memories:delete:any");
    if !any && !caller.has("memories:delete") {
        return Err(403);
    }
    match (caller.user, asked) {
        (Some(own), Some(asked)) if own != asked => Err(403),
        (None, None) if !any => Err(403),
        (own, asked) => Ok(asked.or(own)),
    }
}

fn owner_of_subject(caller: &Caller, asked: Option<&'static str>) -> Result<Option<&'static str>, u16> {
    let own = caller.user.is_some() && caller.has("memories:delete");
    if !own && !caller.has("subjects:erase") {
        return Err(403);
    }
    match (caller.user, asked) {
        (Some(own), Some(asked)) if own != asked => Err(403),
        (own, asked) => Ok(asked.or(own)),
    }
}

fn demanded(
    caller: &Caller,
    owner: Result<Option<&'static str>, u16>,
    workspace: Option<&'static str>,
    target: &str,
) -> Demanded {
    let owner = owner?;
    let workspace = match (caller.workspace, workspace) {
        (Some(own), Some(asked)) if own != asked => return Err(403),
        (own, asked) => asked.or(own),
    };
    // A target beyond its reach does not exist.
    if caller.reaches(target) {
        Ok((owner, workspace))
    } else {
        Err(422)
    }
}

/// Asserts that the one job in the ledger that waits demands what it has to.
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
        for target in ["main", "spare"] {
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
                    let demands = demanded(&caller, owner_by_ids(&caller, owner), workspace, target);
                    let status = demands.err().unwrap_or(202);
                    matrix.case(&caller, "POST", "/v1/jobs", &body, status).await;
                    assert_demands(&matrix.app, &caller, demands, false).await;
                    if owner.is_none() && workspace.is_none() {
                        continue;
                    }
                    let body = json!({"select": {"subject": subject}, "target": target});
                    let demands = demanded(&caller, owner_of_subject(&caller, owner), workspace, target);
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
        // What it was about is not known for ever: a part of a target's memories shows no jobs of others.
        let all = !caller.is_partial() && (caller.has("jobs:read") || caller.has("jobs:admin"));
        for (owner, target) in [("own", "main"), ("other", "main"), ("other", "spare"), ("none", "main")] {
            let own = owner == "own";
            let name = if own { caller.name.as_str() } else { "somebody" };
            let visible = owner != "none" && (own || all && caller.reaches(target));
            let controls = caller.has("jobs:admin") || own && caller.erases();
            let id = match owner {
                "none" => none.clone(),
                _ => matrix.job(name, target).await.to_string(),
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
            matrix
                .case(&caller, "POST", &path("/cancel"), &json!(null), changed)
                .await;
            if owner != "none" && (changed != 202 || caller.unknown) {
                matrix.app.post("root", &path("/cancel")).await;
            }
            // It has ended: its events do.
            matrix.case(&caller, "GET", &path("/events"), &json!(null), seen).await;
            matrix
                .case(&caller, "POST", &path("/retry"), &json!(null), changed)
                .await;
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
        for (path, scope) in [
            ("/v1/targets", "jobs:read"),
            ("/v1/workers", "jobs:read"),
            ("/metrics", "metrics:read"),
        ] {
            matrix.case(&caller, "GET", path, &json!(null), with(scope, 200)).await;
        }
        let whole = !caller.is_partial() && caller.target.is_none();
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
        let key = json!({"name": "made", "scopes": ["jobs:read"]});
        matrix.case(&caller, "POST", "/v1/keys", &key, keys(201)).await;
        matrix.case(&caller, "GET", "/v1/keys", &json!(null), keys(200)).await;
        matrix
            .case(&caller, "DELETE", "/v1/keys/made", &json!(null), keys(204))
            .await;
        matrix
            .case(&caller, "DELETE", "/v1/keys/made", &json!(null), keys(404))
            .await;
    }
    assert!(matrix.cases > 200, "{}", matrix.cases);
}
