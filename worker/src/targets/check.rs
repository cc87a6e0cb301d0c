//! Checks the mappings of a configuration against the live stores.

use lethe_common::config::{Config, Table, Target};
use lethe_common::job::StoreKind;

use super::mapped::{Mapped, Mappings};
use crate::store::{MappingFault, StoreError};

/// The result of checking one mapping.
#[derive(Debug)]
pub struct Checked {
    /// The target.
    pub target: String,
    /// The table inside it.
    pub table: String,
    /// The verdict of each store that the mapping names.
    pub stores: Vec<(StoreKind, Verdict)>,
}

/// The result of checking a mapping in one store.
#[derive(Debug)]
pub enum Verdict {
    /// The mapping fits. The list holds advice.
    Fits(Vec<MappingFault>),
    /// The mapping does not fit.
    Faults(Vec<MappingFault>),
    /// The store could not be asked.
    Unknown(StoreError),
}

/// Checks every mapping, one after another. It only reads.
///
/// # Errors
/// Fails if the URL of a store cannot be read.
pub async fn check(config: &Config) -> Result<Vec<Checked>, StoreError> {
    let mappings = Mappings::new(config, config.worker.store_timeout)?;
    let mut checked = Vec::new();
    for mapped in mappings.all() {
        checked.push(Checked {
            target: mapped.route.target.clone(),
            table: mapped.route.table.clone(),
            stores: stores(mapped, tables(&config.targets, mapped)).await,
        });
    }
    Ok(checked)
}

/// Returns all tables of a mapping's target.
fn tables<'c>(targets: &'c [Target], mapped: &Mapped) -> &'c [Table] {
    let target = targets.iter().find(|target| target.name == mapped.route.target);
    target.map_or(&[], |target| target.tables.as_slice())
}

async fn stores(mapped: &Mapped, tables: &[Table]) -> Vec<(StoreKind, Verdict)> {
    let mut stores = Vec::new();
    match mapped.sql().await {
        Ok(None) => {}
        Ok(Some(table)) => {
            // A read-only server has the same schema: the ping shows whether it accepts writes.
            let advice = match table.ping().await {
                Ok(()) => table.advice_beside(&mapped.table, tables).await,
                Err(error) => Err(error),
            };
            stores.push((StoreKind::Sql, verdict(advice)));
        }
        Err(error) => stores.push((StoreKind::Sql, verdict(Err(error)))),
    }
    // The check needs no spellings of ids from rows, so it opens the collection without the SQL table.
    match mapped.collection().await {
        Ok(None) => {}
        Ok(Some(collection)) => stores.push((StoreKind::Vector, verdict(collection.advice().await))),
        Err(error) => stores.push((StoreKind::Vector, verdict(Err(error)))),
    }
    stores
}

fn verdict(advice: Result<Vec<MappingFault>, StoreError>) -> Verdict {
    match advice {
        Ok(advice) => Verdict::Fits(advice),
        Err(StoreError::Mapping { faults, .. }) => Verdict::Faults(faults),
        Err(error) => Verdict::Unknown(error),
    }
}
