//! The embedded stores: memories in a SQLite file, vectors in Qdrant's engine, served on loopback.
//!
//! Applications write into them as `cli/docs/embedded.md` describes; a test runs its snippet.

#[cfg(not(feature = "embedded"))]
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use lethe_common::config::Config;
use qdrant_client::Qdrant;
use qdrant_client::qdrant::{
    CreateCollectionBuilder, CreateFieldIndexCollectionBuilder, Distance, FieldType, VectorParamsBuilder,
};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::data_dir::DataDir;
use crate::roles::bind;
use crate::{kept_port, memories};

/// The size of the vectors of the embedded collection: that of the small sentence embedding models.
pub(crate) const DIMENSIONS: u64 = 384;

/// The embedded target, for an installation whose configuration names none.
const TARGET: &str = r#"
[[target]]
name = "main"
  [[target.table]]
  name = "memories"
  sql_table = "agno_memories"
  columns = { id = "memory_id", user = "user_id", agent = "agent_id", created_at = "created_at", updated_at = "updated_at" }
  fields = { memory = "memory", input = "input", topics = "topics" }
  collection = { name = "memories", point = "uuid", payload = { id = "memory_id", user = "user_id", agent = "agent_id" } }
"#;

/// The name of the embedded collection.
pub(crate) const COLLECTION: &str = "memories";

/// The payload fields of the mapping.
const INDEXED: [&str; 3] = ["memory_id", "user_id", "agent_id"];

/// The embedded vector store, while it is served.
pub(crate) struct Vectors {
    /// Its URL.
    pub(crate) url: String,
    /// The key that every call needs.
    pub(crate) key: String,
    /// The task of its server.
    pub(crate) served: JoinHandle<anyhow::Result<()>>,
}

/// Starts the vector store, at `listen` or at the port that the data directory remembers.
pub(crate) async fn serve_vectors(
    data: &DataDir,
    listen: Option<SocketAddr>,
    shutdown: CancellationToken,
) -> anyhow::Result<Vectors> {
    let key = data.secret("qdrant.key")?;
    let listener = match listen {
        Some(address) => bind(address).await.context("serve the vector store")?,
        None => kept_port::bind(data).await?,
    };
    let address = listener.local_addr().context("bind the vector store")?;
    let served = tokio::spawn(serve(listener, data.join("vectors"), key.clone(), shutdown));
    Ok(Vectors {
        url: format!("http://{address}"),
        key,
        served,
    })
}

/// Adds the embedded target to a configuration that names no target, and creates its stores.
pub(crate) async fn add_target(config: &mut Config, data: &DataDir, vectors: &Vectors) -> anyhow::Result<()> {
    let sql = data.sqlite("memories.sqlite");
    let text = TARGET.replace(
        "name = \"main\"\n",
        &format!(
            "name = \"main\"\nsql = {{ url = {} }}\nvector = {{ url = {}, api_key = {} }}\n",
            // A JSON text is also a TOML text; Rust's escapes are not.
            json!(sql.expose_secret()),
            json!(vectors.url),
            json!(vectors.key)
        ),
    );
    config.targets = Config::from_toml(&text)?.targets;
    for target in &mut config.targets {
        target.embedded = true;
    }
    memories::create(&sql).await?;
    create_collection(&client(&vectors.url, &vectors.key)?).await
}

/// Returns a client of a vector store, made like any application's.
pub(crate) fn client(url: &str, key: &str) -> anyhow::Result<Qdrant> {
    Qdrant::from_url(url)
        .api_key(key)
        .skip_compatibility_check()
        .build()
        .context("reach the vector store")
}

async fn create_collection(client: &Qdrant) -> anyhow::Result<()> {
    if !client
        .collection_exists(COLLECTION)
        .await
        .context("ask the vector store")?
    {
        let vectors = VectorParamsBuilder::new(DIMENSIONS, Distance::Cosine);
        client
            .create_collection(CreateCollectionBuilder::new(COLLECTION).vectors_config(vectors))
            .await
            .context("create the collection")?;
    }
    // Points are found by these fields. Without an index each search reads all points.
    for field in INDEXED {
        client
            .create_field_index(
                CreateFieldIndexCollectionBuilder::new(COLLECTION, field, FieldType::Keyword).wait(true),
            )
            .await
            .context("create a payload index")?;
    }
    Ok(())
}

/// The embedded stores that a configuration asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Both: the configuration leaves the place of memories to this process.
    Both,
    /// The vector store, for the targets of the configuration.
    Vectors,
    /// None.
    Nothing,
}

impl Wanted {
    /// Returns the embedded stores that a configuration asks for.
    ///
    /// # Errors
    ///
    /// If there are any, and this build has no engine for the vectors.
    pub(crate) fn by(config: &Config) -> anyhow::Result<Self> {
        let wanted = if config.targets.is_empty() {
            Self::Both
        } else if config.embedded.qdrant_listen.is_some() {
            Self::Vectors
        } else {
            Self::Nothing
        };
        if wanted != Self::Nothing && !cfg!(feature = "embedded") {
            bail!(
                "write a [[target]] and no [embedded] in the configuration, or build with the feature `embedded`: this build has no embedded stores"
            );
        }
        Ok(wanted)
    }
}

#[cfg(feature = "embedded")]
async fn serve(
    listener: TcpListener,
    directory: PathBuf,
    key: String,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let options = lethe_edge::EdgeOptions {
        directory,
        api_key: key.into(),
    };
    lethe_edge::serve(listener, options, shutdown)
        .await
        .context("serve the vector store")
}

/// Never called: [`Wanted::by`] refuses the configuration first.
#[cfg(not(feature = "embedded"))]
fn serve(_: TcpListener, _: PathBuf, _: String, _: CancellationToken) -> Ready<anyhow::Result<()>> {
    ready(Err(anyhow::anyhow!("this build has no vector store")))
}
