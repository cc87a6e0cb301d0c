//! How the mappings of a configuration stand against the stores as they are.

use lethe_common::config::{Config, Table, Target};
use lethe_common::job::StoreKind;

use super::mapped::{Mapped, Mappings};
use crate::store::{MappingFault, StoreError};

/// How one mapping stands.
#[derive(Debug)]
pub struct Checked {
    /// The target.
    pub target: String,
    /// The table inside it.
    pub table: String,
    /// Each store that it names.
    pub stores: Vec<(StoreKind, Verdict)>,
}

/// How a mapping stands in one store.
#[derive(Debug)]
pub enum Verdict {
    /// It fits; what could be better.
    Fits(Vec<MappingFault>),
    /// It does not fit.
    Faults(Vec<MappingFault>),
    /// The store could not be asked.
    Unknown(StoreError),
}

/// Looks at every mapping, one after another, and touches nothing.
///
/// # Errors
/// Fails if an endpoint cannot be read.
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
            // What is said of its schema would hold for a server that only reads too.
            let advice = match table.ping().await {
                Ok(()) => table.advice_beside(&mapped.table, tables).await,
                Err(error) => Err(error),
            };
            stores.push((StoreKind::Sql, verdict(advice)));
        }
        Err(error) => stores.push((StoreKind::Sql, verdict(Err(error)))),
    }
    // Of how ids are written in rows nothing is asked here, so it can be told without them.
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
        Err(StoreError::Mapping { faults }) => Verdict::Faults(faults),
        Err(error) => Verdict::Unknown(error),
    }
}
