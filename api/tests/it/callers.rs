//! Every kind of caller and its rights, written here a second time from the documents, without the code.

use std::collections::BTreeSet;
use std::fmt::Write;

use lethe_common::config::{Bounds, KeyHash};
use lethe_common::filter::Filter;
use lethe_common::job::JobId;
use lethe_common::ledger::{ExecutionOptions, KeyRecord, Kind, NewJob, NewPartition, Scope};
use serde_json::json;

use crate::app::{App, key, request};
use crate::tokens::{SECRET, claims, issuer, signed};

/// Two targets with all columns mapped.
pub(crate) const TWO: &str = r#"
    api.auth_failures_per_minute = 100000
    lease.duration = "1h"
    [[target]]
    name = "main"
    sql = { url = "sqlite://main.sqlite" }
    [[target.table]]
    name = "memories"
    columns = { id = "id", user = "user_id", agent = "agent_id", workspace = "workspace_id", kind = "kind" }
    [[target]]
    name = "spare"
    sql = { url = "sqlite://spare.sqlite" }
    [[target.table]]
    name = "memories"
    columns = { id = "id", user = "user_id", agent = "agent_id", workspace = "workspace_id", kind = "kind" }
"#;

/// The names of those targets.
pub(crate) const TARGETS: [&str; 2] = ["main", "spare"];

const SCOPES: [&str; 10] = [
    "memories:delete",
    "memories:delete:any",
    "subjects:erase",
    "jobs:read",
    "jobs:admin",
    "holds:admin",
    "audit:read",
    "receipts:read",
    "metrics:read",
    "admin",
];

/// A kind of caller, and its rights.
#[derive(Clone, Default)]
pub(crate) struct Caller {
    /// The key or the token that it sends, or an empty text for none.
    pub(crate) sends: String,
    /// The principal of its jobs.
    pub(crate) name: String,
    scopes: BTreeSet<&'static str>,
    pub(crate) user: Option<&'static str>,
    workspaces: &'static [&'static str],
    pub(crate) target: Option<&'static str>,
    /// Whether its credentials are refused.
    pub(crate) unknown: bool,
}

/// An owner and a workspace.
pub(crate) type Demands = (Option<&'static str>, Option<&'static str>);

/// The reason for a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// It has none of the scopes for the request.
    Scope,
    /// It has to name an owner or a workspace, and did not.
    Unnamed,
    /// It named an owner or a workspace that is not its own.
    Foreign,
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

    fn unknown(name: &str, sends: impl Into<String>) -> Self {
        Self {
            sends: sends.into(),
            name: name.to_owned(),
            unknown: true,
            ..Self::default()
        }
    }

    pub(crate) fn has(&self, scope: &str) -> bool {
        self.scopes.contains(scope) || self.scopes.contains("admin")
    }

    /// Returns whether it may erase anything at all.
    pub(crate) fn erases(&self) -> bool {
        SCOPES[..3].iter().any(|scope| self.has(scope))
    }

    /// Returns whether it reaches only a part of a target's memories.
    pub(crate) fn is_partial(&self) -> bool {
        self.user.is_some() || !self.workspaces.is_empty()
    }

    pub(crate) fn reaches(&self, target: &str) -> bool {
        self.target.is_none_or(|own| own == target)
    }

    /// Returns whether it sees the jobs of other callers. The selector of a job is not kept for ever, so a caller that
    /// reaches only a part of a target's memories sees none.
    pub(crate) fn sees_others(&self, target: &str) -> bool {
        let reads = self.has("jobs:read") || self.has("jobs:admin");
        reads && !self.is_partial() && self.reaches(target)
    }

    /// Returns the owner that a deletion by ids has to demand, or the reason of its refusal.
    pub(crate) fn by_ids(&self, asked: Option<&'static str>) -> Result<Option<&'static str>, Why> {
        let any = self.has("memories:delete:any");
        if !any && !self.has("memories:delete") {
            return Err(Why::Scope);
        }
        match (self.user, asked) {
            (Some(own), Some(asked)) if own != asked => Err(Why::Foreign),
            (None, None) if !any => Err(Why::Unnamed),
            (own, asked) => Ok(asked.or(own)),
        }
    }

    /// Returns the owner that a subject deletion has to demand, or the reason of its refusal.
    pub(crate) fn by_subject(&self, asked: Option<&'static str>) -> Result<Option<&'static str>, Why> {
        let own = self.user.is_some() && self.has("memories:delete");
        if !own && !self.has("subjects:erase") {
            return Err(Why::Scope);
        }
        match (self.user, asked) {
            (Some(own), Some(asked)) if own != asked => Err(Why::Foreign),
            (own, asked) => Ok(asked.or(own)),
        }
    }

    /// Returns the workspace that a deletion has to demand. A caller with several workspaces has to name one.
    pub(crate) fn in_workspace(&self, asked: Option<&'static str>) -> Result<Option<&'static str>, Why> {
        match (self.workspaces, asked) {
            ([], asked) => Ok(asked),
            (own, Some(asked)) if own.contains(&asked) => Ok(Some(asked)),
            (_, Some(_)) => Err(Why::Foreign),
            ([only], None) => Ok(Some(*only)),
            (_, None) => Err(Why::Unnamed),
        }
    }

    /// Returns the owner and the workspace that a job of its own by ids demands.
    pub(crate) fn demands(&self) -> Demands {
        let any = self.has("memories:delete:any");
        (
            self.user.or_else(|| (!any).then_some("x")),
            self.workspaces.first().copied(),
        )
    }

    /// Returns whether it may retry a job of its own with these [`demands`](Self::demands).
    pub(crate) fn repeats(&self) -> bool {
        self.has("jobs:admin") || self.by_ids(self.demands().0).is_ok()
    }

    /// Returns the rights that its schedules record.
    pub(crate) fn rights(&self) -> String {
        let workspaces = (!self.workspaces.is_empty()).then_some(self.workspaces);
        let targets = self.target.map(|target| [target]);
        json!({"scopes": [], "user": self.user, "workspaces": workspaces, "targets": targets}).to_string()
    }

    /// Returns the lines of the configuration for its key.
    fn lines(&self) -> String {
        let mut lines = format!(
            "[[auth.key]]\nname = \"{}\"\nsha256 = \"{}\"\nscopes = {}\n",
            self.name,
            KeyHash::of(&key(&self.name)),
            json!(self.scopes)
        );
        for (field, value) in [
            ("user", self.user.map(|user| json!(user))),
            (
                "workspaces",
                (!self.workspaces.is_empty()).then(|| json!(self.workspaces)),
            ),
            ("targets", self.target.map(|name| json!([name]))),
        ] {
            if let Some(value) = value {
                writeln!(lines, "{field} = {value}").expect("a String takes any text");
            }
        }
        lines
    }
}

/// Returns the callers whose keys are in the configuration.
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
    for (name, workspaces) in [("in-w", &["w"][..]), ("in-w-or-x", &["w", "x"])] {
        callers.push(Caller {
            workspaces,
            ..Caller::key(name, &["memories:delete:any", "subjects:erase", "jobs:admin"])
        });
    }
    for (name, target) in [("in-main", "main"), ("in-spare", "spare")] {
        callers.push(Caller {
            target: Some(target),
            ..Caller::key(
                name,
                &[
                    "memories:delete:any",
                    "subjects:erase",
                    "jobs:read",
                    "jobs:admin",
                    "holds:admin",
                ],
            )
        });
    }
    callers.push(Caller {
        workspaces: &["w"],
        ..Caller::key("holder-in-w", &["holds:admin"])
    });
    callers.push(Caller {
        user: Some("ana"),
        workspaces: &["w"],
        target: Some("main"),
        ..Caller::key("of-ana-in-w-in-main", &["memories:delete", "jobs:admin"])
    });
    callers
}

/// Starts an API over the two targets and further configuration. Returns it with all kinds of callers.
pub(crate) async fn start(toml: &str) -> (App, Vec<Caller>) {
    let mut callers = keys();
    let lines: String = callers.iter().map(Caller::lines).collect();
    let gone = Caller::key("gone", &["admin"]).lines() + "expires_at = 2020-01-01T00:00:00Z\n";
    let issuer = issuer("allow_scopes = [\"admin\", \"jobs:read\"]");
    let toml = format!("{TWO}\n{toml}\n{lines}\n{gone}\n{issuer}");
    let app = App::in_env(&toml, &[("JWT_SECRET", SECRET)]).await;
    callers.push(token(&app, signed(&claims(&json!({}))), Some("ana"), &["memories:delete"]).await);
    let boss = signed(&claims(&json!({"sub": "boss", "scope": "admin"})));
    callers.push(token(&app, boss, None, &["memories:delete", "admin"]).await);
    callers.push(Caller::unknown("nothing", ""));
    callers.push(Caller::unknown("nobody", "nobody-s"));
    callers.push(Caller::unknown("gone", "gone"));
    callers.push(Caller::unknown("past", past(&app).await));
    callers.push(Caller::unknown("revoked", revoked(&app).await));
    callers.push(Caller::unknown("stale", signed(&claims(&json!({"exp": 1})))));
    (app, callers)
}

/// Returns the caller of a token, named as the principal of its jobs.
async fn token(app: &App, sends: String, user: Option<&'static str>, scopes: &[&'static str]) -> Caller {
    let asked = json!({"select": {"ids": ["a"]}, "owner": user.unwrap_or("x"), "target": "main"});
    let answer = app.create(&sends, &asked).await;
    // The job must not affect later cases.
    app.post(&sends, &format!("/v1/jobs/{}/cancel", answer.job())).await;
    let name = answer.body["principal"].as_str().expect("a name");
    Caller {
        sends,
        user,
        ..Caller::key(name, scopes)
    }
}

/// Returns a key of the ledger that has expired.
async fn past(app: &App) -> String {
    let record = KeyRecord {
        name: "past".to_owned(),
        sha256: KeyHash::of(&key("past")).to_string(),
        scopes: vec!["admin".to_owned()],
        bounds: Bounds::default(),
        expires_at: Some(1_000),
    };
    app.ledger
        .add_key(&record, &crate::app::tester())
        .await
        .expect("the ledger answers");
    "past".to_owned()
}

/// Returns a key that was valid, is in the API's cache, and was revoked.
async fn revoked(app: &App) -> String {
    let asked = json!({"name": "revoked", "scopes": ["admin"]});
    let made = app.send_json("root", "POST", "/v1/keys", &asked).await;
    let key = made.body["key"].as_str().expect("a key").to_owned();
    assert_eq!(app.get(&key, "/v1/jobs").await.status, 200);
    let revoke = request("root", "DELETE", "/v1/keys/revoked").body("".into());
    assert_eq!(app.send(revoke.expect("a request")).await.status, 204);
    key
}

/// Puts a job of a caller, or of another one, into the ledger.
pub(crate) async fn job_of(app: &App, caller: Option<&Caller>, target: &str) -> JobId {
    put(app, job_for(app, caller, target)).await
}

/// Puts a job by query into the ledger.
pub(crate) async fn task_of(app: &App, caller: Option<&Caller>, target: &str) -> JobId {
    let job = job_for(app, caller, target);
    let target = app.config.target(target).expect("a target");
    let job = NewJob {
        query: Some(Filter::All),
        partitions: vec![NewPartition::query(target, &target.tables[0], false)],
        ..job
    };
    put(app, job).await
}

async fn put(app: &App, job: NewJob) -> JobId {
    let id = job.id;
    app.ledger.accept(job).await.expect("the ledger answers");
    id
}

fn job_for(app: &App, caller: Option<&Caller>, target: &str) -> NewJob {
    let target = app.config.target(target).expect("a target");
    let principal = caller.map_or("somebody", |caller| &caller.name);
    let (owner, workspace) = caller.map(Caller::demands).unwrap_or_default();
    NewJob {
        id: JobId::new(),
        scope: Scope {
            principal: principal.to_owned(),
            route: "POST /v1/jobs",
        },
        idempotency: None,
        request: None,
        target: Some(target.name.clone()),
        table: Some("memories".to_owned()),
        owner: owner.map(str::to_owned),
        workspace: workspace.map(str::to_owned),
        memory_kind: None,
        query: None,
        subject: None,
        dry_run: false,
        limit: None,
        expect: None,
        per_second: None,
        execution: ExecutionOptions::default(),
        not_before: None,
        trace: None,
        places: Vec::new(),
        warnings: Vec::new(),
        partitions: vec![NewPartition::ids(
            target,
            &target.tables[0],
            vec!["a".to_owned()],
            Kind::Erase,
        )],
    }
}
