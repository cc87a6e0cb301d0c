//! The workspaces of rows.

use sqlx::Row;

use super::super::tuples::encode;
use super::{Bind, MAX_ITEMS, SqlTable, StoreError, Tuple, text};

impl SqlTable {
    /// Counts the rows of these ids by their workspace (`None`: in none). The list is empty if no such
    /// column is mapped. A workspace may come more than once.
    ///
    /// # Errors
    /// Fails as a whole.
    pub async fn workspaces(&self, ids: &[&str]) -> Result<Vec<(Option<String>, u64)>, StoreError> {
        let Some(statement) = text::workspaces(self.store.dialect, &self.mapping) else {
            return Ok(Vec::new());
        };
        let tuples: Vec<Tuple<'_>> = ids
            .iter()
            .enumerate()
            .filter_map(|(n, id)| Tuple::of_id(&self.mapping, n, id))
            .collect();
        self.store
            .bounded(async {
                let mut counts = Vec::new();
                for chunk in tuples.chunks(MAX_ITEMS) {
                    let about = statement.about(vec![Bind::Text(encode(chunk))]);
                    let rows = about.fetch_all(&self.store.readers).await?;
                    for row in &rows {
                        counts.push((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs()));
                    }
                }
                Ok(counts)
            })
            .await
    }
}
