//! The client commands: they talk to the API as any caller does.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use lethe_common::config::{NAME, is_name};
use lethe_common::job::JobId;
use reqwest::header::HeaderValue;
use reqwest::{RequestBuilder, Response};
use serde_json::{Map, Value, json};

use crate::ending::conclude;
use crate::ids_file;
use crate::options::{self, Server};
use crate::output;

/// How often a job that is watched is asked for.
// As often as an eye follows a bar.
const LOOK: Duration = Duration::from_millis(100);

/// How many memories are asked for at a time: the most that the API gives.
const ITEMS_A_PAGE: u32 = 1_000;

/// What a full bar counts to: of memories it may not be known yet how many there are, and a bar of
/// none looks full.
const BAR: u64 = 1_000;

/// A connection to the API.
pub(crate) struct Api {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl Api {
    pub(crate) fn new(url: &str, key: &str) -> anyhow::Result<Self> {
        if HeaderValue::try_from(key).is_err() {
            bail!("the API key has a line end or another character that no key has: look at LETHE_KEY");
        }
        let client = reqwest::Client::builder().build().context("make an HTTP client")?;
        Ok(Self {
            client,
            url: url.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
        })
    }

    /// Returns the connection that the options name.
    pub(crate) fn of(server: &Server) -> anyhow::Result<Self> {
        Self::new(&server.url, &server.key)
    }

    /// Sends a request; returns the answer's body, or what the API says against it.
    pub(crate) async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer: Response = request
            .bearer_auth(&self.key)
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .context("reach the API")?;
        let status = answer.status();
        let text = answer.text().await.map_err(reqwest::Error::without_url);
        if status.is_success() {
            let text = text.context("read the answer")?;
            if text.is_empty() {
                return Ok(Value::Null);
            }
            return serde_json::from_str(&text).context("the API did not answer with JSON: look at the URL");
        }
        let body: Value = text
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let detail = body["detail"].as_str().or_else(|| body["title"].as_str());
        bail!("{status}: {}", detail.unwrap_or("no details"));
    }

    /// Begins a GET of a path under `/v1/`.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}/v1/{path}", self.url))
    }

    /// Begins a POST to one.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}/v1/{path}", self.url))
    }

    /// Begins a PUT to one.
    pub(crate) fn put(&self, path: &str) -> RequestBuilder {
        self.client.put(format!("{}/v1/{path}", self.url))
    }

    /// Begins a PATCH of one.
    pub(crate) fn patch(&self, path: &str) -> RequestBuilder {
        self.client.patch(format!("{}/v1/{path}", self.url))
    }

    /// Begins a DELETE of one.
    pub(crate) fn delete(&self, path: &str) -> RequestBuilder {
        self.client.delete(format!("{}/v1/{path}", self.url))
    }

    /// Submits a deletion; returns the job.
    pub(crate) async fn submit(&self, job: &Value) -> anyhow::Result<Value> {
        self.send(self.post("jobs").json(job)).await
    }

    /// Returns a job.
    pub(crate) async fn job(&self, id: &str) -> anyhow::Result<Value> {
        self.send(self.get(&job_path(id)?)).await
    }

    /// Shows a job's progress until it ends; returns it.
    pub(crate) async fn follow(&self, id: &str) -> anyhow::Result<Value> {
        let bar = ProgressBar::new(BAR);
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("  {bar:40.cyan/blue} {msg}").context("draw a bar")?;
            bar.set_style(style);
        } else {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        loop {
            let job = self.job(id).await?;
            let state = job["state"].as_str().context("the API did not answer with a job")?;
            let state = state.to_owned();
            let selected = job["selected"].as_u64().unwrap_or(0);
            let progress = job["progress"].as_f64().unwrap_or(0.0).clamp(0.0, 1.0);
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a bar shows a fraction"
            )]
            let of = |whole: u64| (progress * whole as f64).round() as u64;
            bar.set_position(of(BAR));
            bar.set_message(format!("{}/{selected} {state}", of(selected)));
            if ["succeeded", "failed", "cancelled"].contains(&state.as_str()) {
                bar.finish();
                return Ok(job);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Submits a deletion.
pub(crate) async fn submit(options: &options::Submit) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let mut common: Map<String, Value> = Map::new();
    for (name, value) in [
        ("target", &options.target),
        ("table", &options.table),
        ("owner", &options.owner),
        ("workspace", &options.workspace),
        ("kind", &options.kind),
        ("not_before", &options.not_before),
        ("expect", &options.expect),
    ] {
        if let Some(value) = value {
            common.insert(name.to_owned(), json!(value));
        }
    }
    let limit = options.limit.map(Value::from);
    let per_second = options.per_second.map(Value::from);
    for (name, value) in [("limit", limit), ("per_second", per_second)] {
        if let Some(value) = value {
            common.insert(name.to_owned(), value);
        }
    }
    if options.dry_run {
        common.insert("dry_run".to_owned(), json!(true));
    }
    let mut refused = None;
    let request = if let Some(path) = &options.ids_file {
        let (request, told) = ids_file::upload(&api, path, &common).await?;
        refused = Some(told);
        request
    } else {
        let select = match (&options.user, &options.query) {
            (Some(user), _) if options.aliases.is_empty() => json!({"subject": {"user_id": user}}).to_string(),
            (Some(user), _) => json!({"subject": {"user_id": user, "aliases": options.aliases}}).to_string(),
            (None, Some(query)) => format!("{{\"query\":{}}}", json_of(query)?),
            (None, None) if options.ids.is_empty() => bail!("name ids, an --ids-file, a --user or a --query"),
            (None, None) => json!({"ids": options.ids}).to_string(),
        };
        let fields = common.iter().map(|(name, value)| format!("{}:{value},", json!(name)));
        let body = format!("{{{}\"select\":{select}}}", fields.collect::<String>());
        api.post("jobs").header("content-type", "application/json").body(body)
    };
    let sent = api.send(match &options.idempotency_key {
        Some(key) => request.header("idempotency-key", key),
        None => request,
    });
    let job = match (sent.await, refused) {
        // What is wrong with the file says more than that the request broke off.
        (Err(broken), Some(refused)) => return Err(refused.reason().unwrap_or(broken)),
        (sent, _) => sent?,
    };
    let id = job["id"]
        .as_str()
        .context("the API did not answer with a job")?
        .to_owned();
    if options.watch {
        conclude(&api.follow(&id).await?, options.require_found)
    } else {
        show(&job)
    }
}

/// Returns JSON as it was written, on the command line or in a file: what is wrong with it, a field
/// that it names twice for one, is for the API to say.
pub(crate) fn json_of(given: &str) -> anyhow::Result<String> {
    let text = if given.trim_start().starts_with('{') {
        given.to_owned()
    } else {
        std::fs::read_to_string(given).with_context(|| format!("read {given}"))?
    };
    let text = text.trim_start_matches('\u{feff}');
    // It becomes a part of the request: it has to be one value.
    serde_json::from_str::<Value>(text).context("read it as JSON")?;
    Ok(text.to_owned())
}

/// Watches a job until it ends.
pub(crate) async fn watch(options: &options::Watch) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    conclude(&api.follow(&options.job).await?, options.require_found)
}

/// Lists jobs.
pub(crate) async fn jobs(options: &options::Jobs) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let mut query = vec![("limit", options.limit.to_string())];
    query.extend(options.state.clone().map(|state| ("state", state)));
    let list = api.send(api.get("jobs").query(&query)).await?;
    for job in listed(&list, "jobs")? {
        let text = |name: &str| job[name].as_str().unwrap_or("-").to_owned();
        output::line(&format!(
            "{}  {:<10} {:>10}  {}",
            text("id"),
            text("state"),
            job["selected"],
            text("accepted_at")
        ));
    }
    Ok(())
}

/// Gives a job another pace.
pub(crate) async fn pace(options: &options::Pace) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let change = json!({"per_second": options.rate.0});
    show(&api.send(api.patch(&job_path(&options.job)?).json(&change)).await?)
}

/// Cancels or retries a job.
pub(crate) async fn act(options: &options::Job, verb: &str) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    show(
        &api.send(api.post(&format!("{}/{verb}", job_path(&options.job)?)))
            .await?,
    )
}

/// Lists the memories of a job that met an outcome, page by page.
pub(crate) async fn items(options: &options::Items) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let path = format!("{}/items", job_path(&options.job)?);
    let mut query = vec![
        ("outcome", options.outcome.clone()),
        ("limit", ITEMS_A_PAGE.to_string()),
    ];
    loop {
        let page = api.send(api.get(&path).query(&query)).await?;
        for item in listed(&page, "items")? {
            // An id may hold anything, a line end too.
            output::line(&item.to_string());
        }
        let Some(next) = page["next"].as_str() else {
            return Ok(());
        };
        query.truncate(2);
        query.push(("after", next.to_owned()));
    }
}

/// Pauses or resumes everything, or one target.
pub(crate) async fn switch(options: &options::Scope, verb: &str) -> anyhow::Result<()> {
    let api = Api::of(&options.server)?;
    let path = match &options.target {
        // It would be another path: that of everything, for `..`.
        Some(target) if !is_name(target) => bail!("no target has such a name: {NAME}"),
        Some(target) => format!("targets/{target}/{verb}"),
        None => verb.to_owned(),
    };
    show(&api.send(api.post(&path)).await?)
}

/// Returns the path of a job.
fn job_path(id: &str) -> anyhow::Result<String> {
    // Anything else might be another path.
    let id: JobId = id
        .parse()
        .map_err(|_| anyhow!("no job has such an id: write one that `lethe jobs` lists"))?;
    Ok(format!("jobs/{id}"))
}

/// Returns a list of an answer.
pub(crate) fn listed<'a>(answer: &'a Value, name: &str) -> anyhow::Result<&'a [Value]> {
    let list = answer[name].as_array().map(Vec::as_slice);
    list.context("the API did not answer with a list")
}

/// Prints an answer.
pub(crate) fn show(answer: &Value) -> anyhow::Result<()> {
    if answer.is_null() {
        bail!("the API did not answer with anything: look at the URL");
    }
    output::line(&serde_json::to_string_pretty(answer).context("print the answer")?);
    Ok(())
}
