//! How the mappings of a configuration stand against the stores as they are.

use lethe_common::config::{Config, Table};
use lethe_common::job::StoreKind;

use crate::mapped::{Mapped, Mappings};
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
            stores: stores(mapped, &beside(config, mapped)).await,
        });
    }
    Ok(checked)
}

/// Returns advice about other mappings of the same rows: with several collections that is what it takes, and
/// each of them erases the vectors of its own alone.
fn beside(config: &Config, mapped: &Mapped) -> Vec<MappingFault> {
    let tables = config
        .target(&mapped.route.target)
        .map(|target| target.tables.as_slice());
    let others = tables.into_iter().flatten().filter(|other| {
        other.name != mapped.table.name
            && other.has_same_rows(&mapped.table)
            && other.collection.is_some()
            && other.collection != mapped.table.collection
    });
    let about = |other: &Table| {
        MappingFault::new(
            "sql_table",
            format!(
                "table `{}` has the same rows, and their vectors in another collection",
                other.name
            ),
            Some("erase in both: a row that goes here leaves its vectors there".to_owned()),
        )
    };
    others.map(about).collect()
}

async fn stores(mapped: &Mapped, beside: &[MappingFault]) -> Vec<(StoreKind, Verdict)> {
    let mut stores = Vec::new();
    match mapped.sql().await {
        Ok(None) => {}
        Ok(Some(table)) => {
            let advice = table.advice(&mapped.table).await;
            let advice = advice.map(|advice| [beside, &advice].concat());
            stores.push((StoreKind::Sql, verdict(advice)));
        }
        Err(error) => stores.push((StoreKind::Sql, verdict(Err(error)))),
    }
    // Of how ids are written in rows nothing is asked here, so it can be told without them.
    match mapped.collection().await {
        Ok(None) => {}
        Ok(Some(_)) => stores.push((StoreKind::Vector, Verdict::Fits(Vec::new()))),
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
