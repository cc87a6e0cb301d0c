//! The demonstration: it loads real memories, deletes some over HTTP, and counts the rest.
//!
//! Its figures about the stores come from the stores themselves, over connections of its own. Only the
//! job's figures come from Lethe.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use lethe_common::config::Config;
use qdrant_client::Qdrant;
use qdrant_client::qdrant::{CountPointsBuilder, Filter, HasIdCondition, PointId};
use serde_json::{Map, Value, json};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::api::Api;
use crate::embedded::{self, COLLECTION};
use crate::fill::{self, Fill, Memory};
use crate::follow::follow;
use crate::lifecycle::Stop;
use crate::output::{self, Format};
use crate::up::Service;
use crate::{browser, next_steps, options, words};

/// The number of memories that are deleted by id.
const BY_ID: usize = 500;

/// The person whose memories are all deleted.
const PERSON: &str = "user-054@example.com";

/// Runs `lethe demo`.
pub(crate) async fn run(options: &options::Demo) -> anyhow::Result<()> {
    let mut config = Config::from_toml("")?;
    let later = config.api.listen;
    config.api.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let temporary = tempfile::tempdir().context("make a temporary directory")?;
    let data = options.data.as_deref().unwrap_or_else(|| temporary.path());
    let stop = Stop::on_signals()?;
    let Some(service) = Service::start(config, data, Fill::New, false, &stop).await? else {
        bail!("interrupted");
    };
    let key = service.key.clone();
    let shown = tokio::select! {
        shown = show(&service, data) => shown,
        () = stop.soon.cancelled() => Err(anyhow!("interrupted")),
    };
    match (&service.console, &key) {
        (Some(console), Some(key)) if options.open && shown.is_ok() => present(console, key),
        _ => stop.soon.cancel(),
    }
    let ended = service.ended(&stop).await;
    if options.data.is_some() {
        // The key is not stored. It is shown in any case, since the directory stays.
        output::line(&format!("\nThe data is kept in {}. Start it again:", data.display()));
        output::line(&next_steps::start(Some(data)));
        output::line("Paste into another terminal, with the API key that is shown this once:");
        for step in next_steps::commands(&format!("http://{later}"), key.as_deref()) {
            output::line(&step);
        }
    } else if shown.is_ok() {
        output::line("\nNext, the same memories in an installation that stays, with a key and commands to paste:");
        output::line(&next_steps::start(None));
    }
    shown.and(ended)
}

/// Opens the console in a browser, and prints its address and the key in any case.
fn present(console: &str, key: &str) {
    output::line(&format!("\nThe console shows both jobs: {console}"));
    output::line(&format!("Sign in with this key: {key}"));
    output::line("Ctrl-C ends the demonstration.");
    browser::open(console.to_owned());
}

async fn show(service: &Service, data: &Path) -> anyhow::Result<()> {
    let vectors = service
        .vectors
        .as_ref()
        .context("the demonstration runs on the embedded stores")?;
    let key = service.key.as_deref().context("the first start makes a key")?;
    let stores = Stores::open(data, &vectors.url, &vectors.key).await?;
    let memories = fill::read(&stores.sql).await?;
    output::line(&format!(
        "Loaded {} memories of Agno's into SQLite, and a vector of each into Qdrant's engine.\nThe API listens at {}.",
        memories.len(),
        service.url
    ));

    let (theirs, others): (Vec<&Memory>, Vec<&Memory>) = memories.iter().partition(|memory| memory.user == PERSON);
    let step = others.len() / BY_ID;
    let by_id: Vec<&str> = others
        .iter()
        .step_by(step)
        .take(BY_ID)
        .map(|memory| memory.id.as_str())
        .collect();
    let by_person: Vec<&str> = theirs.iter().map(|memory| memory.id.as_str()).collect();
    let api = Api::new(&service.url, key)?;

    output::line(&format!("\nDeleting {} memories by id:", by_id.len()));
    erase(&api, &json!({"select": {"ids": by_id}})).await?;
    output::line(&format!(
        "\nDeleting everything of one person ({} memories):",
        by_person.len()
    ));
    erase(&api, &json!({"select": {"subject": {"user_id": PERSON}}})).await?;

    let selected: Vec<&str> = by_id.into_iter().chain(by_person).collect();
    let untouched = memories.len() - selected.len();
    output::line("\nWhat is left, read from the stores over connections of their own:");
    let mut good = true;
    for (name, (hit, rest)) in [
        ("SQLite", stores.rows(&selected).await?),
        ("Qdrant", stores.points(&selected).await?),
    ] {
        good &= hit == 0 && rest == untouched;
        output::line(&format!(
            "  {name}: {hit} of the {} selected, {rest} of the {untouched} others",
            selected.len()
        ));
    }
    if !good {
        bail!("the stores do not hold what they should");
    }
    Ok(())
}

/// Submits a deletion, follows it, and prints its figures.
async fn erase(api: &Api, deletion: &Value) -> anyhow::Result<()> {
    let job = api.submit(deletion).await?;
    let id = job["id"].as_str().context("the API did not answer with a job")?;
    let job = follow(api, id, Format::Text).await?;
    output::line(&format!("  job {id}: {}", job["state"].as_str().unwrap_or_default()));
    for store in job["stores"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let none = Map::new();
        let counts = words::counts(store["counts"].as_object().unwrap_or(&none));
        output::line(&format!(
            "    {}: {counts}",
            store["store"].as_str().unwrap_or_default()
        ));
    }
    if job["state"] != "succeeded" {
        bail!("the job did not succeed");
    }
    Ok(())
}

/// The stores, over connections that bypass Lethe.
struct Stores {
    sql: SqlitePool,
    vectors: Qdrant,
}

impl Stores {
    async fn open(data: &Path, url: &str, key: &str) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new().filename(data.join("memories.sqlite"));
        let sql = SqlitePool::connect_with(options).await.context("open the memories")?;
        Ok(Self {
            sql,
            vectors: embedded::client(url, key)?,
        })
    }

    /// Counts the selected rows, and the others.
    async fn rows(&self, selected: &[&str]) -> anyhow::Result<(usize, usize)> {
        let row = sqlx::query(
            "SELECT COUNT(*) FILTER (WHERE memory_id IN (SELECT value FROM json_each(?))), COUNT(*) FROM agno_memories",
        )
        .bind(json!(selected).to_string())
        .fetch_one(&self.sql)
        .await
        .context("count the rows")?;
        let (hit, all): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok((usize::try_from(hit)?, usize::try_from(all - hit)?))
    }

    /// Counts the selected points, and the others.
    async fn points(&self, selected: &[&str]) -> anyhow::Result<(usize, usize)> {
        let ids: Vec<PointId> = selected.iter().map(|id| PointId::from(*id)).collect();
        let filter = Filter::must([HasIdCondition { has_id: ids }.into()]);
        let hit = self
            .count(CountPointsBuilder::new(COLLECTION).filter(filter).exact(true))
            .await?;
        let all = self.count(CountPointsBuilder::new(COLLECTION).exact(true)).await?;
        Ok((hit, all - hit))
    }

    async fn count(&self, request: CountPointsBuilder) -> anyhow::Result<usize> {
        let answer = self.vectors.count(request).await.context("count the points")?;
        Ok(usize::try_from(
            answer.result.context("the vector store did not count")?.count,
        )?)
    }
}
