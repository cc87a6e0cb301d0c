//! The memories of the demonstration: rows of a fixture, and a vector of each.
//!
//! Only a new directory is filled. In another one, vectors of the demonstration might take the place of somebody's own,
//! and deleted memories would come back. If the process dies meanwhile, the directory stays half filled, and a later
//! start refuses to fill it.

use std::path::PathBuf;

use anyhow::{Context, bail};
use qdrant_client::qdrant::{PointStruct, UpsertPointsBuilder};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::data_dir::DataDir;
use crate::embedded::{self, COLLECTION, Vectors};
use crate::memories;

/// The number of vectors in one write.
const BATCH: usize = 1_000;

/// The file that says that a directory was filled.
const MARK: &str = "demo.filled";

/// The directories to fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// None.
    Never,
    /// A new one. One that an earlier start filled stays as it is.
    Once,
    /// A new one; every other is refused.
    New,
}

/// A memory of the demonstration.
pub(crate) struct Memory {
    pub(crate) id: String,
    pub(crate) user: String,
}

/// A directory that has the rows of the demonstration, and not yet its vectors.
pub(crate) struct Filling {
    rows: PathBuf,
    mark: PathBuf,
}

impl Filling {
    /// Writes the rows, unless the directory is to stay as it is.
    ///
    /// # Errors
    ///
    /// If the directory holds memories already.
    pub(crate) fn begin(data: &DataDir, fill: Fill) -> anyhow::Result<Option<Self>> {
        let (rows, mark) = (data.join("memories.sqlite"), data.join(MARK));
        if fill == Fill::Never || (fill == Fill::Once && mark.exists()) {
            return Ok(None);
        }
        let others = [data.join("vectors"), data.join("ledger.sqlite")];
        if [&rows, &mark].into_iter().chain(&others).any(|path| path.exists()) {
            bail!(
                "{} holds memories already, or a ledger: name a new directory with --data",
                data.path().display()
            );
        }
        memories::load_fixture(&rows)?;
        Ok(Some(Self { rows, mark }))
    }

    /// Gives each memory a vector.
    pub(crate) async fn finish(self, vectors: &Vectors) -> anyhow::Result<()> {
        let options = SqliteConnectOptions::new().filename(&self.rows);
        let sql = SqlitePool::connect_with(options).await.context("open the memories")?;
        let all = read(&sql).await?;
        sql.close().await;
        let client = embedded::client(&vectors.url, &vectors.key)?;
        for batch in all.chunks(BATCH) {
            let points: Vec<PointStruct> = batch.iter().map(point).collect();
            let request = UpsertPointsBuilder::new(COLLECTION, points).wait(true);
            client.upsert_points(request).await.context("write vectors")?;
        }
        std::fs::write(&self.mark, "").with_context(|| format!("write {}", self.mark.display()))
    }
}

/// Returns all memories, by id.
pub(crate) async fn read(sql: &SqlitePool) -> anyhow::Result<Vec<Memory>> {
    let rows = sqlx::query("SELECT memory_id, user_id FROM agno_memories ORDER BY memory_id")
        .fetch_all(sql)
        .await
        .context("read the memories")?;
    rows.iter()
        .map(|row| {
            Ok(Memory {
                id: row.try_get(0)?,
                user: row.try_get(1)?,
            })
        })
        .collect()
}

fn point(memory: &Memory) -> PointStruct {
    let payload = [
        ("memory_id", memory.id.clone().into()),
        ("user_id", memory.user.clone().into()),
    ];
    PointStruct::new(memory.id.clone(), embedding(), payload)
}

/// Returns a random vector: its meaning does not matter to a deletion.
fn embedding() -> Vec<f32> {
    (0..embedded::DIMENSIONS)
        .map(|_| rand::random_range(-1.0..1.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_new_directory_is_filled() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDir::open(&parent.path().join("new")).unwrap();
        assert!(Filling::begin(&data, Fill::Never).unwrap().is_none());
        assert!(!data.join("memories.sqlite").exists());
        let filling = Filling::begin(&data, Fill::Once).unwrap().expect("it is new");
        // As if the process had died before the vectors were there.
        for fill in [Fill::Once, Fill::New] {
            assert!(Filling::begin(&data, fill).is_err(), "{fill:?}");
        }
        std::fs::write(filling.mark, "").unwrap();
        assert!(Filling::begin(&data, Fill::Once).unwrap().is_none());
        assert!(Filling::begin(&data, Fill::New).is_err());

        let own = DataDir::open(&parent.path().join("own")).unwrap();
        std::fs::write(own.join("ledger.sqlite"), "").unwrap();
        for fill in [Fill::Once, Fill::New] {
            let refused = Filling::begin(&own, fill).map(|_| ()).unwrap_err().to_string();
            assert!(refused.contains("holds memories already"), "{refused}");
        }
    }
}
