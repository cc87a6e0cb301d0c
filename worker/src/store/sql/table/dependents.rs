//! The deletion of dependent tables' rows, counted per share.
//!
//! The deleting statements return the numbers, within the transaction that deletes the memories. They
//! count only if it commits.

use std::collections::BTreeMap;

use lethe_common::job::StoreKind;
use sqlx::{Any, Row, Transaction};

use super::super::dependents::Reference;
use super::super::dialect::Dialect;
use super::super::statement::Sql;
use super::super::text::DependentTexts;
use super::super::tuples::{Tuple, encode};
use super::delete::{Locked, Taken};
use super::{Bind, CallError, SqlTable, StoreError};

impl SqlTable {
    /// Deletes the rows of all dependent tables that belong to locked rows.
    pub(super) async fn delete_dependents(
        &self,
        transaction: &mut Transaction<'_, Any>,
        locked: &[Locked],
        shares: &[usize],
    ) -> Result<Taken, CallError> {
        let mut by_share: BTreeMap<usize, Vec<&Locked>> = BTreeMap::new();
        for row in locked {
            let share = shares
                .get(row.n)
                .copied()
                .ok_or(StoreError::Unreadable(StoreKind::Sql))?;
            by_share.entry(share).or_default().push(row);
        }
        let mut taken = Taken::new();
        for (texts, reference) in self.texts.dependents.iter().zip(&self.mapping.dependents) {
            let counts = match &texts.counted {
                Some(counted) if by_share.len() > 1 => {
                    let tuples = tuples(reference, locked);
                    let counts = self.together(transaction, texts, counted, &tuples).await?;
                    let share = |n: usize| shares.get(n).copied().ok_or(StoreError::Unreadable(StoreKind::Sql));
                    counts
                        .into_iter()
                        .map(|(n, count)| Ok((share(n)?, count)))
                        .collect::<Result<Vec<_>, StoreError>>()?
                }
                _ => {
                    let mut counts = Vec::with_capacity(by_share.len());
                    for (share, rows) in &by_share {
                        let tuples = tuples(reference, rows.iter().copied());
                        counts.push((*share, delete(transaction, &texts.delete, &tuples).await?));
                    }
                    counts
                }
            };
            for (share, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
                *taken.entry((share, reference.name.clone())).or_insert(0) += count;
            }
        }
        Ok(taken)
    }

    /// Deletes the rows of several shares at once; returns the number of rows per memory.
    async fn together(
        &self,
        transaction: &mut Transaction<'_, Any>,
        texts: &DependentTexts,
        counted: &Sql,
        tuples: &[Tuple<'_>],
    ) -> Result<Vec<(usize, u64)>, CallError> {
        let rows = counted
            .about(vec![Bind::Text(encode(tuples))])
            .fetch_all(&mut **transaction)
            .await?;
        let number = |row: &sqlx::any::AnyRow, n: usize| -> Result<u64, CallError> {
            Ok(u64::try_from(row.try_get::<i64, _>(n)?).map_err(|_| StoreError::Unreadable(StoreKind::Sql))?)
        };
        let mut counts = Vec::with_capacity(rows.len());
        for row in &rows {
            let n = usize::try_from(number(row, 0)?).map_err(|_| StoreError::Unreadable(StoreKind::Sql))?;
            counts.push((n, number(row, 1)?));
        }
        match self.store.dialect {
            Dialect::Mysql => {
                let gone = delete(transaction, &texts.delete, tuples).await?;
                // Another client wrote rows in between, for an unknown memory. Each memory is retried alone.
                if gone != counts.iter().map(|(_, count)| count).sum::<u64>() {
                    return Err(StoreError::Kept(StoreKind::Sql).into());
                }
            }
            // The statement that counted has deleted too.
            Dialect::Postgres | Dialect::Sqlite => {}
        }
        Ok(counts)
    }
}

fn tuples<'a>(reference: &Reference, rows: impl IntoIterator<Item = &'a Locked>) -> Vec<Tuple<'a>> {
    let rows = rows.into_iter();
    rows.filter_map(|row| Tuple::of_reference(reference.holder(), row.n, &row.id))
        .collect()
}

async fn delete(transaction: &mut Transaction<'_, Any>, text: &Sql, tuples: &[Tuple<'_>]) -> Result<u64, CallError> {
    let query = text.about(vec![Bind::Text(encode(tuples))]);
    Ok(query.execute(&mut **transaction).await?.rows_affected())
}
