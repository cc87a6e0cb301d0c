//! Deleting rows, and the rows of dependent tables with them.
//!
//! The conditions are in the deleting statement, always. If the process dies between two
//! transactions of one call, the rows of the first are gone and the others are not; asking again
//! finishes it.

use std::collections::{BTreeMap, HashSet};

use sqlx::{Any, Row, Transaction};

use super::super::dialect::Dialect;
use super::{CallError, Item, MAX_ITEMS, SqlTable, Statement, StoreError, Tuple, numbered, text};

// SQLite locks the whole file against other writers: 500 rows take about 25 ms at the 19,000 rows
// a second that were measured, half of what a customer's file may be held up for, which leaves
// room for dependents.
const SQLITE_ROWS: usize = 500;

const BEGIN_POSTGRES: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
// A deferred transaction that turns into a writer fails at once when another wrote since it
// began, whatever the busy timeout says.
const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";
// Read committed is set for the session: MySQL's statement cannot say it.
const BEGIN_MYSQL: &str = "START TRANSACTION";

/// What a deletion did, memory by memory.
#[derive(Debug)]
pub struct Deletion {
    /// Whether this call deleted the row. `false` is a row that is not there, or not under the
    /// conditions. If two items mean the same row, one of them gets the `true`.
    pub deleted: Vec<bool>,
    /// Those that the database refuses to delete, and why.
    pub refused: BTreeMap<usize, StoreError>,
    /// How many rows of dependents this call deleted, by share and table, as the statements said.
    pub dependents: Taken,
}

/// Rows of dependent tables, by share and table.
pub type Taken = BTreeMap<(usize, String), u64>;

impl SqlTable {
    /// Deletes memories, with their dependents first; the answer has the order of `items`.
    ///
    /// A row that the database refuses to delete (a reference that is not mapped as a dependent, a
    /// trigger) is left out, and said; the others go. With dependents the rows are locked under all
    /// conditions before anything goes, and rows, dependents and answer are of one transaction.
    ///
    /// # Errors
    /// Fails as a whole. Part of the rows may be gone: at most 500 (SQLite) or 1,000 rows are in
    /// one transaction.
    ///
    /// # Cancel safety
    /// A call that is dropped is rolled back, or has been committed; like one that timed out.
    pub async fn delete(&self, items: &[Item]) -> Result<Deletion, StoreError> {
        self.delete_shares(items, &vec![0; items.len()]).await
    }

    /// Deletes memories of several shares like [`delete`](Self::delete), and counts dependents for each:
    /// `shares` says to which share each of `items` belongs.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn delete_shares(&self, items: &[Item], shares: &[usize]) -> Result<Deletion, StoreError> {
        let mut tuples = self.tuples(items)?;
        tuples.retain(Tuple::can_match);
        // Workers that meet on the same rows lock them in the same order.
        tuples.sort_by(|left, right| left.i.cmp(&right.i));
        let delete_at = match (self.delete_alike(items)?, &self.texts.delete_at) {
            (Some(statement), _) => Some(statement),
            (None, Some(text)) => Some(self.statement(items, text, text::delete_at)?),
            (None, None) => None,
        };
        let statements = Statements {
            lock: self.statement(items, &self.texts.lock, text::lock)?,
            delete: self.statement(items, &self.texts.delete, text::delete)?,
            delete_at,
        };
        let mut deletion = Deletion {
            deleted: vec![false; items.len()],
            refused: BTreeMap::new(),
            dependents: Taken::new(),
        };
        let rows = match self.store.dialect {
            Dialect::Postgres | Dialect::Mysql => MAX_ITEMS,
            Dialect::Sqlite => SQLITE_ROWS,
        };
        self.store
            .bounded(async {
                let mut open: Vec<&[Tuple<'_>]> = tuples.chunks(rows).collect();
                while let Some(chunk) = open.pop() {
                    match self.delete_chunk(&statements, chunk, shares, &mut deletion).await {
                        Ok(()) => {}
                        Err(error) => match (StoreError::from(error), chunk) {
                            (error, _) if !error.may_be_one_rows() => return Err(error.into()),
                            (error, [only]) => {
                                deletion.refused.insert(only.n, error);
                            }
                            // Whose fault it is shows when it is alone.
                            (_, chunk) => {
                                let (left, right) = chunk.split_at(chunk.len() / 2);
                                open.extend([left, right]);
                            }
                        },
                    }
                }
                Ok(())
            })
            .await?;
        Ok(deletion)
    }

    async fn delete_chunk(
        &self,
        statements: &Statements,
        chunk: &[Tuple<'_>],
        shares: &[usize],
        deletion: &mut Deletion,
    ) -> Result<(), CallError> {
        match &statements.delete_at {
            Some(delete_at) => {
                let deleted = &mut deletion.deleted;
                self.delete_rows(delete_at, &statements.delete, chunk, deleted).await
            }
            None => self.delete_with_dependents(statements, chunk, shares, deletion).await,
        }
    }

    // First where the rows were seen, then by the ids what is left: a row that changed is kept
    // elsewhere.
    async fn delete_rows(
        &self,
        by_place: &Statement,
        by_id: &Statement,
        chunk: &[Tuple<'_>],
        deleted: &mut [bool],
    ) -> Result<(), CallError> {
        let seen: Vec<&Tuple<'_>> = chunk.iter().filter(|tuple| tuple.at.is_some()).collect();
        self.delete_by(by_place, &seen, deleted).await?;
        let rest: Vec<&Tuple<'_>> = chunk.iter().filter(|tuple| !deleted[tuple.n]).collect();
        self.delete_by(by_id, &rest, deleted).await
    }

    // One statement is one transaction.
    async fn delete_by(
        &self,
        statement: &Statement,
        tuples: &[&Tuple<'_>],
        deleted: &mut [bool],
    ) -> Result<(), CallError> {
        if tuples.is_empty() {
            return Ok(());
        }
        let row = statement.about(tuples).fetch_one(&self.store.writers).await?;
        for (n, _) in numbered(&row)? {
            let n = statement.position(tuples, n)?;
            *deleted.get_mut(n).ok_or(StoreError::Unreadable)? = true;
        }
        Ok(())
    }

    async fn delete_with_dependents(
        &self,
        statements: &Statements,
        chunk: &[Tuple<'_>],
        shares: &[usize],
        deletion: &mut Deletion,
    ) -> Result<(), CallError> {
        let begin = match self.store.dialect {
            Dialect::Postgres => BEGIN_POSTGRES,
            Dialect::Sqlite => BEGIN_SQLITE,
            Dialect::Mysql => BEGIN_MYSQL,
        };
        let mut transaction = self.store.writers.begin_with(begin).await?;
        let locked = self.lock(&mut transaction, statements, chunk).await?;
        if locked.is_empty() {
            return Ok(transaction.rollback().await?);
        }
        let numbers: HashSet<usize> = locked.iter().map(|row| row.n).collect();
        // Only what is locked: another row may have come under the conditions since.
        let chosen: Vec<&Tuple<'_>> = chunk.iter().filter(|tuple| numbers.contains(&tuple.n)).collect();
        let taken = self.delete_dependents(&mut transaction, &locked, shares).await?;
        let gone = self.delete_locked(&mut transaction, statements, &chosen).await?;
        // Dependents of a row that stays must stay too.
        if gone != locked.len() {
            transaction.rollback().await?;
            return Err(StoreError::Kept.into());
        }
        transaction.commit().await?;
        for row in &locked {
            deletion.deleted[row.n] = true;
        }
        for (key, n) in taken {
            *deletion.dependents.entry(key).or_insert(0) += n;
        }
        Ok(())
    }

    // The rows under all conditions, each once, though several items may mean it.
    async fn lock(
        &self,
        transaction: &mut Transaction<'_, Any>,
        statements: &Statements,
        chunk: &[Tuple<'_>],
    ) -> Result<Vec<Locked>, CallError> {
        let rows = statements
            .lock
            .about(&chunk.iter().collect::<Vec<_>>())
            .fetch_all(&mut **transaction)
            .await?;
        // Who may write all the same would write into a replica alone.
        self.vouched(&rows, transaction).await?;
        let mut seen = HashSet::new();
        let mut locked = Vec::with_capacity(rows.len());
        for row in &rows {
            let n = usize::try_from(row.try_get::<i64, _>(0)?).map_err(|_| StoreError::Unreadable)?;
            let id: String = row.try_get(1)?;
            if seen.insert(id.clone()) {
                locked.push(Locked { n, id });
            }
        }
        Ok(locked)
    }

    async fn delete_locked(
        &self,
        transaction: &mut Transaction<'_, Any>,
        statements: &Statements,
        tuples: &[&Tuple<'_>],
    ) -> Result<usize, CallError> {
        let query = statements.delete.about(tuples);
        match self.store.dialect {
            Dialect::Postgres => Ok(numbered(&query.fetch_one(&mut **transaction).await?)?.len()),
            Dialect::Sqlite | Dialect::Mysql => {
                let gone = query.execute(&mut **transaction).await?.rows_affected();
                Ok(usize::try_from(gone).map_err(|_| StoreError::Unreadable)?)
            }
        }
    }
}

/// The statements of one call: what a query asks for is in both.
struct Statements {
    lock: Statement,
    delete: Statement,
    delete_at: Option<Statement>,
}

/// A row that is locked.
pub(super) struct Locked {
    /// Its position in the caller's list.
    pub(super) n: usize,
    /// Its id, as the database writes it.
    pub(super) id: String,
}
