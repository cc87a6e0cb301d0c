//! The memories' own database in the embedded mode, in the schema that Agno writes.

use std::path::Path;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

/// 5,011 memories of 100 invented people, written by Agno 3.1.10's own code.
const FIXTURE: &[u8] = include_bytes!("../../tests/fixtures/agno-memories.sqlite");

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS agno_memories (
    memory_id VARCHAR NOT NULL PRIMARY KEY, memory JSON NOT NULL, input VARCHAR, agent_id VARCHAR, team_id VARCHAR,
    user_id VARCHAR, topics JSON, feedback VARCHAR, created_at BIGINT NOT NULL, updated_at BIGINT
);
CREATE INDEX IF NOT EXISTS idx_agno_memories_user_id ON agno_memories (user_id);
CREATE INDEX IF NOT EXISTS idx_agno_memories_created_at ON agno_memories (created_at);
CREATE INDEX IF NOT EXISTS idx_agno_memories_updated_at ON agno_memories (updated_at);";

/// Creates the table, unless it exists.
pub(crate) async fn create(url: &SecretString) -> anyhow::Result<()> {
    let options: SqliteConnectOptions = url.expose_secret().parse().context("read the URL of the memories")?;
    let pool = SqlitePool::connect_with(options).await.context("open the memories")?;
    sqlx::raw_sql(SCHEMA)
        .execute(&pool)
        .await
        .context("create the table of memories")?;
    pool.close().await;
    Ok(())
}

/// Writes the fixture to `path`, unless the file exists.
pub(crate) fn load_fixture(path: &Path) -> anyhow::Result<()> {
    if !path.exists() {
        std::fs::write(path, FIXTURE).context("write the fixture")?;
    }
    Ok(())
}
