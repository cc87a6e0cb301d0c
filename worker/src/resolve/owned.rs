//! Whether a memory has a row in any of the tables whose vectors are in the same collection.

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;
use uuid::Uuid;

use crate::environment::Environment;
use crate::mapped::Mapped;
use crate::store::StoreError;

/// Returns for each id whether any mapped table that shares the collection has its row, whoever
/// owns it.
pub(crate) async fn have_rows(env: &Environment, mapped: &Mapped, ids: &[&str]) -> Result<Vec<bool>, StoreError> {
    let mut owned = vec![false; ids.len()];
    if ids.is_empty() {
        return Ok(owned);
    }
    let by_value = match mapped.sql().await? {
        Some(table) => table.has_uuid_ids(),
        None => false,
    };
    for other in env.mappings.sharing(mapped) {
        if let Some(table) = other.sql().await? {
            let mut spellings = vec![ids.to_vec()];
            let others: Vec<String>;
            if by_value && !table.has_uuid_ids() {
                // A point may be found by either, and there they are two ids.
                others = ids.iter().map(|id| other_spelling(id)).collect();
                spellings.push(others.iter().map(String::as_str).collect());
            }
            for ids in spellings {
                let found = env
                    .call(other, StoreKind::Sql, StoreCall::Find, table.exists(&ids))
                    .await?;
                owned.iter_mut().zip(found).for_each(|(owned, found)| *owned |= found);
            }
        }
    }
    Ok(owned)
}

/// Returns a UUID with hyphens as one without, and the other way round; what is none as it is.
fn other_spelling(id: &str) -> String {
    match Uuid::try_parse(id) {
        Ok(uuid) if id.contains('-') => uuid.simple().to_string(),
        Ok(uuid) => uuid.to_string(),
        Err(_) => id.to_owned(),
    }
}
