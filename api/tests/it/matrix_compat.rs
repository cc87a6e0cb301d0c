//! Rights on the routes of other systems: every kind of caller, about its own memory, others', unowned and missing
//! ones.
//!
//! The expectations follow the documents, not the code: the demands that a request may make ([`Demanded`]), the
//! memories that then go, and the words of the system's answer. A memory beyond a caller's rights looks the same as
//! one that does not exist.

mod agno;
mod mem0;
mod memoryplugin;
mod mielto;
mod opensearch;
mod system;

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lethe_common::job::JobId;
use serde_json::{Value, json};

use crate::app::{Answer, App, key};
use crate::callers::{self, Caller};
use crate::stores::{Memory, Worker};
use system::{Ask, System};

/// The targets of systems without a place in their requests, and a wait that is long enough for any job.
const COMPAT: &str = r#"
    [compat]
    wait = "30s"
    mielto = { target = "main" }
    memoryplugin = { target = "main" }
    mem0 = { target = "main" }
"#;

const ANAS: Memory = Memory {
    id: "00000000-0000-4000-8000-000000000001",
    target: "main",
    user: Some("ana"),
    workspace: "w",
    agent: "bot",
    kind: "working",
};

/// The memories before each request.
const MEMORIES: [Memory; 8] = [
    ANAS,
    Memory {
        id: "00000000-0000-4000-8000-000000000002",
        workspace: "v",
        ..ANAS
    },
    Memory {
        id: "00000000-0000-4000-8000-000000000003",
        user: Some("ben"),
        ..ANAS
    },
    Memory {
        id: "00000000-0000-4000-8000-000000000004",
        user: Some("ben"),
        workspace: "v",
        agent: "crawler",
        ..ANAS
    },
    Memory {
        id: "00000000-0000-4000-8000-000000000005",
        user: None,
        ..ANAS
    },
    Memory {
        id: "00000000-0000-4000-8000-000000000006",
        kind: "history",
        ..ANAS
    },
    Memory {
        id: "00000000-0000-4000-8000-000000000007",
        target: "spare",
        ..ANAS
    },
    Memory {
        id: "00000000-0000-4000-8000-000000000008",
        target: "spare",
        user: Some("ben"),
        ..ANAS
    },
];

/// The id of no memory.
const ABSENT: &str = "00000000-0000-4000-8000-00000000000a";

const OWNERS: [Option<&str>; 3] = [None, Some("ana"), Some("ben")];

/// Returns the ids of all memories, and the missing one.
fn ids() -> impl Iterator<Item = &'static str> {
    MEMORIES.iter().map(|memory| memory.id).chain([ABSENT])
}

/// The demands of a request on a memory.
#[derive(Clone, Copy)]
struct Demands {
    target: &'static str,
    owner: Option<&'static str>,
    workspace: Option<&'static str>,
    kind: Option<&'static str>,
}

impl Demands {
    fn meet(self, memory: &Memory) -> bool {
        self.target == memory.target
            && (self.owner.is_none() || self.owner == memory.user)
            && self.workspace.is_none_or(|workspace| workspace == memory.workspace)
            && self.kind.is_none_or(|kind| kind == memory.kind)
    }
}

/// The demands of a request, or the possible statuses of its refusal: the documents leave open which of several
/// reasons comes first.
type Demanded = Result<Demands, Vec<u16>>;

fn demanded(
    owner: Result<Option<&'static str>, u16>,
    workspace: Result<Option<&'static str>, u16>,
    target: Result<&'static str, u16>,
) -> Demanded {
    match (owner, workspace, target) {
        (Ok(owner), Ok(workspace), Ok(target)) => Ok(Demands {
            target,
            owner,
            workspace,
            kind: None,
        }),
        (owner, workspace, target) => Err([owner.err(), workspace.err(), target.err()]
            .into_iter()
            .flatten()
            .collect()),
    }
}

/// Returns the target of a request without a place, for a system whose memories are in `main`. A target beyond the
/// caller's reach does not exist, which the system reports as a fault of the request.
fn in_main(caller: &Caller, fault: u16) -> Result<&'static str, u16> {
    if caller.reaches("main") { Ok("main") } else { Err(fault) }
}

/// Collects answers that a caller must not be able to tell apart.
struct Alike<'a> {
    caller: &'a Caller,
    first: Option<(u16, String, BTreeSet<String>)>,
}

impl<'a> Alike<'a> {
    fn new(caller: &'a Caller) -> Self {
        Self { caller, first: None }
    }

    #[track_caller]
    fn add(&mut self, answer: &Answer) {
        let headers = answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
        let seen = (answer.status.as_u16(), answer.text.clone(), headers);
        let first = self.first.get_or_insert_with(|| seen.clone());
        assert_eq!(*first, seen, "{}", self.caller.name);
    }
}

struct Matrix {
    app: App,
    callers: Vec<Caller>,
    worker: Worker,
    cases: usize,
}

impl Matrix {
    async fn new() -> Self {
        Self::with(COMPAT).await
    }

    async fn with(toml: &str) -> Self {
        let (app, callers) = callers::start(toml).await;
        Self {
            worker: Worker::new(&app),
            app,
            callers,
            cases: 0,
        }
    }

    /// Sends a request while a worker works. Asserts that it is refused as expected and touches nothing, or that
    /// exactly the memories go that it selects and may demand.
    ///
    /// Returns the answer and the deleted memories, or the refusal.
    async fn case(
        &mut self,
        caller: &Caller,
        ask: &Ask,
        demanded: &Demanded,
        selects: impl Fn(&Memory) -> bool,
    ) -> Result<(Answer, Vec<Memory>), Answer> {
        self.cases += 1;
        self.worker.memories = MEMORIES.to_vec();
        self.worker.leases = 0;
        let sent = ask.send(&self.app, ask.system.authorization(caller));
        let answer = if ask.waits {
            tokio::select! {
                answer = sent => answer,
                () = self.worker.run(&self.app) => unreachable!("it works until it is dropped"),
            }
        } else {
            sent.await
        };
        self.worker.work(&self.app).await;
        let what = format!(
            "{}: {} {} {:?} {}\n{} {}",
            caller.name, ask.method, ask.path, ask.headers, ask.body, answer.status, answer.text
        );
        let status = answer.status.as_u16();
        assert_eq!(answer.headers.contains_key("ratelimit"), !caller.unknown, "{what}");
        if status >= 400 {
            ask.system.assert_shape(&answer);
            assert!(ids().all(|id| !answer.text.contains(id)), "it repeats an id\n{what}");
        }
        let refused = match demanded {
            _ if caller.unknown => &vec![401],
            Err(statuses) => statuses,
            Ok(demands) => {
                let goes = |memory: &Memory| selects(memory) && demands.meet(memory);
                let (gone, left): (Vec<Memory>, Vec<Memory>) = MEMORIES.iter().copied().partition(goes);
                assert_eq!(self.worker.memories, left, "{what}");
                let job: JobId = answer.headers["lethe-job"]
                    .to_str()
                    .expect("a text")
                    .parse()
                    .expect("an id");
                let job = self
                    .app
                    .ledger
                    .job(job)
                    .await
                    .expect("the ledger answers")
                    .expect("a job");
                assert_eq!(job.principal, caller.name, "{what}");
                return Ok((answer, gone));
            }
        };
        assert!(refused.contains(&status), "{refused:?} is expected\n{what}");
        assert_eq!(status == 401, answer.headers.contains_key("www-authenticate"), "{what}");
        assert_eq!(
            (self.worker.leases, &*self.worker.memories),
            (0, &MEMORIES[..]),
            "{what}"
        );
        assert!(!answer.headers.contains_key("lethe-job"), "{what}");
        Err(answer)
    }
}

#[track_caller]
fn says(caller: &Caller, answer: &Answer, status: u16, body: &Value) {
    assert_eq!(
        (answer.status.as_u16(), &answer.body),
        (status, body),
        "{}",
        caller.name
    );
}

/// Returns a query string of the parameters that are given.
fn query(parameters: &[(&str, Option<&str>)]) -> String {
    let given = parameters
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", (*value)?)));
    let given: Vec<String> = given.collect();
    if given.is_empty() {
        String::new()
    } else {
        format!("?{}", given.join("&"))
    }
}

/// Returns the owner for a request of a client that can name none.
fn unnamed(caller: &Caller) -> Result<Option<&'static str>, u16> {
    caller.by_ids(None).map_err(|_| 403)
}

fn container_path(container: &str) -> String {
    format!("/_plugins/_ml/memory_containers/{container}/memories/working")
}

/// Returns a request of each kind about a memory.
fn asks(id: &str) -> Vec<Ask> {
    let mut asks = vec![
        Ask::delete(System::Agno, format!("/memories/{id}?db_id=main&user_id=ana")),
        Ask::delete(System::Agno, "/memories?db_id=main").json(json!({"memory_ids": [id], "user_id": "ana"})),
        Ask::delete(System::Mielto, format!("/api/v1/memories/{id}?user_id=ana")),
        Ask::delete(System::MemoryPlugin, format!("/api/memories/{id}")),
        Ask::delete(System::Mem0, format!("/v1/memories/{id}/")),
        Ask::delete(System::Mem0, "/v1/batch/").json(json!({"memories": [{"memory_id": id}]})),
        Ask::delete(System::OpenSearch, format!("{}/{id}", container_path("main"))),
    ];
    for ask in &mut asks {
        ask.headers.push(("prefer", "respond-async".to_owned()));
    }
    asks
}

#[tokio::test]
async fn what_is_only_accepted_says_nothing_of_whose_it_is() {
    let matrix = Matrix::new().await;
    let mut cases = 0;
    let anas = |caller: &&Caller| caller.user == Some("ana");
    for caller in matrix.callers.iter().filter(anas) {
        let mut alike: Vec<Alike<'_>> = asks(ABSENT).iter().map(|_| Alike::new(caller)).collect();
        for id in ids() {
            for (ask, alike) in asks(id).iter().zip(&mut alike) {
                let mut answer = ask.send(&matrix.app, ask.system.authorization(caller)).await;
                answer.job();
                for varying in ["id", "accepted_at", "not_before", "next_attempt_at"] {
                    answer.body[varying] = json!("…");
                }
                answer.text = answer.body.to_string();
                alike.add(&answer);
                cases += 1;
            }
        }
    }
    assert!(cases > 200, "{cases}");
}

#[tokio::test]
async fn credentials_are_taken_in_the_ways_of_each_system_and_in_no_other() {
    let matrix = Matrix::new().await;
    let of = |name: &str| {
        matrix
            .callers
            .iter()
            .find(|caller| caller.name == name)
            .expect("a caller")
    };
    let admin = of("only-admin");
    let token = matrix
        .callers
        .iter()
        .find(|caller| caller.name.starts_with("jwt:"))
        .expect("a token");
    let (key, pair) = (key(&admin.sends), |name: &str, key: &str| {
        STANDARD.encode(format!("{name}:{key}"))
    });
    let (sends, keys) = (token.sends.as_str(), key.as_str());
    let mut cases = 0;
    for ask in asks(ABSENT) {
        let (mem0, opensearch) = (ask.system == System::Mem0, ask.system == System::OpenSearch);
        for (written, known) in [
            (format!("Bearer {keys}"), true),
            (format!("Bearer {sends}"), true),
            (format!("Token {keys}"), mem0),
            (format!("Basic {}", pair("only-admin", keys)), opensearch),
            // Another name, no name, or a token: only a key has a name to go with it.
            (format!("Basic {}", pair("in-main", keys)), false),
            (format!("Basic {}", pair("", keys)), false),
            (format!("Basic {}", pair(&token.name, sends)), false),
            (format!("Token {sends}"), false),
            (format!("ApiKey {keys}"), false),
            (keys.to_owned(), false),
        ] {
            let answer = ask.send(&matrix.app, Some(written)).await;
            cases += 1;
            if known {
                answer.job();
            } else {
                assert_eq!(answer.status, 401, "{:?} {}", ask.system, answer.text);
                ask.system.assert_shape(&answer);
                assert!(answer.headers.contains_key("www-authenticate"));
            }
        }
    }
    assert!(cases >= 70, "{cases}");
}
