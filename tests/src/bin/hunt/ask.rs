//! Submits a deletion by any API, and returns its outcome.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use lethe_tests::client::{Answer, Client};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Map, Value, json};

use crate::hold;
use crate::model::{Job, Mapping, Via, What};

/// The seconds that a request waits for its job.
pub(crate) const WAIT: u32 = 60;

/// The time limit of a job after its request was answered.
const LONGEST: Duration = Duration::from_mins(2);

/// The interval between looks at a job.
const LOOK: Duration = Duration::from_millis(50);

/// The outcome of a job.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// The status and the text of the answer to the request.
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    /// The job at its end.
    pub(crate) job: Value,
}

impl Done {
    pub(crate) fn state(&self) -> &str {
        self.job["state"].as_str().unwrap_or_default()
    }

    pub(crate) fn code(&self) -> &str {
        self.job["error_code"].as_str().unwrap_or_default()
    }

    pub(crate) fn has_succeeded(&self) -> bool {
        self.state() == "succeeded"
    }

    pub(crate) fn is_held(&self) -> bool {
        self.state() == "held"
    }
}

/// Places the hold of a deletion, asks for the deletion, and waits until it has ended or is held.
///
/// # Errors
/// Returns the answer if no job was made, or the last look at a job that does not come to rest.
pub(crate) async fn ask(client: &Client, mapping: &Mapping, job: &Job) -> Result<Done, String> {
    if let Some(hold) = &job.hold {
        hold::place(client, mapping, hold).await?;
    }
    let request = request(client, mapping, job);
    let answer = client
        .try_send(request)
        .await
        .map_err(|error| format!("no answer: {error}"))?;
    let Some(id) = id_of(&answer) else {
        return Err(format!("no job was made: {} {}", answer.status, answer.text));
    };
    let job = when(client, &id, |job| !job["ended_at"].is_null() || job["state"] == "held").await?;
    Ok(Done {
        status: answer.status,
        text: answer.text,
        job,
    })
}

/// Waits for the end of a job.
///
/// # Errors
/// Returns the last look at a job that has not ended.
pub(crate) async fn ended(client: &Client, id: &str) -> Result<Value, String> {
    when(client, id, |job| !job["ended_at"].is_null()).await
}

/// Looks at a job until it is as wanted.
async fn when(client: &Client, id: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value, String> {
    let path = format!("/v1/jobs/{id}");
    let start = Instant::now();
    while start.elapsed() < LONGEST {
        // A request that failed once may succeed the next time.
        let look = client.try_send(client.request(Method::GET, &path)).await;
        if let Some(job) = look.ok().map(|answer| answer.body).filter(&is_so) {
            return Ok(job);
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(format!("it has not ended: {}", client.get(&path).await.text))
}

fn id_of(answer: &Answer) -> Option<String> {
    let header = answer.headers.get("lethe-job").and_then(|id| id.to_str().ok());
    let body = [&answer.body["event_id"], &answer.body["id"]];
    let body = body.into_iter().find_map(Value::as_str);
    header.or(body).map(str::to_owned)
}

fn request(client: &Client, mapping: &Mapping, job: &Job) -> RequestBuilder {
    let (target, table) = (mapping.target.as_str(), mapping.table);
    let one = || form(&ids(job)[0]);
    let user = |name: &str| {
        job.owner
            .as_ref()
            .map(|owner| format!("&{name}={}", form(owner)))
            .unwrap_or_default()
    };
    let delete = |path: String| client.request(Method::DELETE, &path);
    let subject = || match &job.what {
        What::Subject { users, .. } => form(&users[0]),
        What::Ids(_) | What::Query(_) => String::new(),
    };
    let memories = |rest: &str| {
        let kind = if table == "others" { "working" } else { "long-term" };
        format!("/_plugins/_ml/memory_containers/{target}/memories/{kind}/{rest}")
    };
    let query = || match &job.what {
        What::Query(filter) => json!({"query": filter.open_search()}),
        What::Ids(_) | What::Subject { .. } => Value::Null,
    };
    match job.via {
        Via::Native => client
            .request(Method::POST, "/v1/jobs")
            .header("prefer", format!("wait={WAIT}"))
            .json(&native(mapping, job)),
        Via::Lines => {
            let lines: Vec<String> = ids(job).iter().map(|id| json!(id).to_string()).collect();
            let mut query = vec![("target", target.to_owned()), ("table", table.to_owned())];
            let more = [
                ("owner", &job.owner),
                ("workspace", &job.workspace),
                ("kind", &job.kind),
            ];
            query.extend(
                more.into_iter()
                    .filter_map(|(name, value)| Some((name, value.clone()?))),
            );
            client
                .request(Method::POST, "/v1/jobs")
                .query(&query)
                .header("prefer", format!("wait={WAIT}"))
                .header("content-type", "application/x-ndjson")
                .body(lines.join("\n"))
        }
        Via::AgnoOne => delete(format!(
            "/memories/{}?db_id={target}&table={table}{}",
            one(),
            user("user_id")
        )),
        Via::AgnoMany => delete(format!("/memories?db_id={target}&table={table}"))
            .json(&json!({"memory_ids": ids(job), "user_id": job.owner})),
        Via::Mielto => {
            let request = delete(format!("/api/v1/memories/{}?x=1{}", one(), user("user_id")));
            match &job.workspace {
                Some(workspace) => request.header("x-workspace-id", workspace),
                None => request,
            }
        }
        Via::MemoryPlugin => delete(format!("/api/memories/{}", one())),
        Via::Mem0One => delete(format!("/v1/memories/{}/", one())),
        Via::Mem0Batch => {
            let batch: Vec<Value> = ids(job).iter().map(|id| json!({"memory_id": id})).collect();
            delete("/v1/batch/".to_owned()).json(&json!({"memories": batch}))
        }
        Via::Mem0All => delete(format!("/v1/memories/?user_id={}", subject())),
        Via::Mem0Entity => delete(format!("/v2/entities/user/{}/", subject())),
        Via::OpenSearchOne => delete(memories(&one())),
        Via::OpenSearchQuery => {
            let path = memories("_delete_by_query?conflicts=proceed");
            client.request(Method::POST, &path).json(&query())
        }
        Via::OpenSearchIndex => {
            let path = format!("/{target}.{table}/_delete_by_query?conflicts=proceed");
            client.request(Method::POST, &path).json(&query())
        }
    }
}

fn ids(job: &Job) -> &[String] {
    match &job.what {
        What::Ids(ids) => ids,
        What::Subject { .. } | What::Query(_) => &[],
    }
}

fn native(mapping: &Mapping, job: &Job) -> Value {
    let mut body = Map::new();
    body.insert("target".to_owned(), json!(mapping.target));
    body.insert("table".to_owned(), json!(mapping.table));
    let select = match &job.what {
        What::Ids(ids) => json!({"ids": ids}),
        What::Query(filter) => json!({"query": filter.native()}),
        What::Subject { users, workspace } => {
            let mut subject = json!({"user_id": users[0]});
            if let Some(workspace) = workspace {
                subject["workspace"] = json!(workspace);
            }
            if users.len() > 1 {
                subject["aliases"] = json!(users[1..]);
            }
            json!({"subject": subject})
        }
    };
    body.insert("select".to_owned(), select);
    let more = [
        ("owner", &job.owner),
        ("workspace", &job.workspace),
        ("kind", &job.kind),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            body.insert(name.to_owned(), json!(value));
        }
    }
    if job.dry_run {
        body.insert("dry_run".to_owned(), json!(true));
    }
    Value::Object(body)
}

/// Percent-encodes every byte that could mean something else in a URL.
fn form(text: &str) -> String {
    let mut form = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            form.push(char::from(byte));
        } else {
            write!(form, "%{byte:02X}").expect("a String takes any text");
        }
    }
    form
}
