//! The deletion of rows, with the rows of dependent tables.
//!
//! Every statement that deletes memories contains their conditions. If the process dies between two
//! transactions of one call, the rows of the first are gone and the others are not. A retry deletes
//! the rest.

use std::collections::{BTreeMap, HashSet};

use lethe_common::job::StoreKind;
use sqlx::{Any, Row, Transaction};

use super::super::dialect::Dialect;
use super::{CallError, Item, MAX_ITEMS, SqlTable, Statement, StoreError, Tuple, numbered, text};

// SQLite blocks all other writers of the file meanwhile. 500 rows take about 25 ms at the measured
// 19,000 rows a second. A customer's file may be blocked for about 50 ms, which leaves room for
// dependents.
const SQLITE_ROWS: usize = 500;

const BEGIN_POSTGRES: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
// A deferred transaction that becomes a writer fails at once if another client wrote since it
// began, whatever the busy timeout.
const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";
// Read committed is set for the session: this statement cannot set it in MySQL.
const BEGIN_MYSQL: &str = "START TRANSACTION";

/// The result of a deletion, per memory.
#[derive(Debug)]
pub struct Deletion {
    /// Whether this call deleted the row. `false`: the row does not exist, or does not meet the
    /// conditions. If two items mean the same row, one of them gets `true`.
    pub deleted: Vec<bool>,
    /// The positions of rows that the database refuses to delete, with the errors.
    pub refused: BTreeMap<usize, StoreError>,
    /// The number of dependents' rows that this call deleted, by share and table, as the statements counted.
    pub dependents: Taken,
}

/// The number of rows of dependent tables, by share and table. A share is the items of one partition.
pub type Taken = BTreeMap<(usize, String), u64>;

impl SqlTable {
    /// Deletes memories, with their dependents first; the answer has the order of `items`.
    ///
    /// A row that the database refuses to delete (a reference that is not mapped as a dependent, a
    /// trigger) is skipped and reported; the others are deleted. With dependents, the rows that meet
    /// all conditions are locked first, and one transaction has the rows, dependents and answer.
    ///
    /// # Errors
    /// Fails as a whole. Part of the rows may be gone: at most 500 (SQLite) or 1,000 rows are in
    /// one transaction.
    ///
    /// # Cancel safety
    /// The open transaction of a dropped call is rolled back or committed, as after a timeout.
    pub async fn delete(&self, items: &[Item]) -> Result<Deletion, StoreError> {
        self.delete_shares(items, &vec![0; items.len()]).await
    }

    /// Deletes memories of several shares like [`delete`](Self::delete), and counts dependents for each:
    /// `shares` has the share of each of `items`.
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
                            // The row that causes the error shows when it is alone.
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

    // First by the locations of the rows, then the rest by the ids: a row that changed has another
    // location.
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
            *deleted.get_mut(n).ok_or(StoreError::Unreadable(StoreKind::Sql))? = true;
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
        // Only locked rows: another row may meet the conditions by now.
        let chosen: Vec<&Tuple<'_>> = chunk.iter().filter(|tuple| numbers.contains(&tuple.n)).collect();
        let taken = self.delete_dependents(&mut transaction, &locked, shares).await?;
        let gone = self.delete_locked(&mut transaction, statements, &chosen).await?;
        // Dependents of a row that stays must stay too.
        if gone != locked.len() {
            transaction.rollback().await?;
            return Err(StoreError::Kept(StoreKind::Sql).into());
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

    // Locks the rows that meet all conditions. Each is returned once, though several items may mean it.
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
        // A privileged user can write to a read-only replica, and would change that one alone.
        self.vouched(&rows, transaction).await?;
        let mut seen = HashSet::new();
        let mut locked = Vec::with_capacity(rows.len());
        for row in &rows {
            let n = usize::try_from(row.try_get::<i64, _>(0)?).map_err(|_| StoreError::Unreadable(StoreKind::Sql))?;
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
                Ok(usize::try_from(gone).map_err(|_| StoreError::Unreadable(StoreKind::Sql))?)
            }
        }
    }
}

/// The statements of one call. Each contains the condition of the query.
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
