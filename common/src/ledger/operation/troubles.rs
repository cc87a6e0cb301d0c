//! Troubles: the part of a worker's report that keeps jobs waiting.
//!
//! A report has the types of all columns, and may be large. Its troubles are a few words, for reads of waiting jobs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::job::StoreKind;

/// The troubles that a worker reports, by target. A target without any is absent.
pub(in crate::ledger) type Troubles = BTreeMap<String, Trouble>;

/// The troubles of a target, as a worker has met them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::ledger) struct Trouble {
    /// The stores that did not answer the last ping.
    pub(in crate::ledger) down: BTreeSet<StoreKind>,
    /// The last error of its stores, if no call has succeeded since.
    pub(in crate::ledger) code: Option<String>,
    /// For how long it has had such an error, in milliseconds at the time of the report.
    pub(in crate::ledger) for_ms: Option<i64>,
    /// The milliseconds from the report until the next attempt.
    pub(in crate::ledger) next_in_ms: Option<i64>,
    /// The tables whose mappings do not fit.
    pub(in crate::ledger) unfit: BTreeSet<String>,
}

impl Trouble {
    /// Returns whether a store fails, beside mappings that do not fit.
    pub(in crate::ledger) fn is_of_store(&self) -> bool {
        self.code.is_some() || !self.down.is_empty()
    }
}

/// The fields of a report that tell troubles. A report of another version may lack some.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    stores: BTreeMap<StoreKind, Pinged>,
    faults: Vec<Fault>,
    met: Option<String>,
    met_for_ms: Option<i64>,
    next_in_ms: Option<i64>,
}

#[derive(Deserialize)]
struct Pinged {
    up: bool,
    code: Option<String>,
}

#[derive(Deserialize)]
struct Fault {
    table: String,
}

/// Returns the troubles in a report about targets. A target whose report cannot be read has none.
pub(super) fn of(targets: &Value) -> Troubles {
    let none = Map::new();
    let targets = targets.as_object().unwrap_or(&none);
    let said = targets.iter().filter_map(|(target, said)| {
        let said: Said = serde_json::from_value(said.clone()).ok()?;
        Some((target.clone(), trouble(said)))
    });
    said.filter(|(_, trouble)| *trouble != Trouble::default()).collect()
}

fn trouble(said: Said) -> Trouble {
    let down = || said.stores.iter().filter(|(_, pinged)| !pinged.up);
    Trouble {
        down: down().map(|(store, _)| *store).collect(),
        code: said.met.or_else(|| down().find_map(|(_, pinged)| pinged.code.clone())),
        for_ms: said.met_for_ms,
        next_in_ms: said.next_in_ms,
        unfit: said.faults.into_iter().map(|fault| fault.table).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_without_troubles_is_empty_and_types_are_left_out() {
        let well = json!({"stores": {"sql": {"up": true, "code": null}}, "faults": [], "types": {"t": {"id": "text"}}, "met": null});
        let ill = json!({
            "stores": {"sql": {"up": true, "code": null}, "vector": {"up": false, "code": "timeout"}},
            "faults": [{"table": "notes", "fault": "the column `id` is missing"}], "met": null, "met_for_ms": null,
        });
        let odd = json!({"stores": "of tomorrow"});
        let troubles = of(&json!({"well": well, "ill": ill, "odd": odd}));
        assert_eq!(troubles.keys().collect::<Vec<_>>(), ["ill"]);
        let Trouble { down, code, unfit, .. } = &troubles["ill"];
        assert_eq!(down.iter().collect::<Vec<_>>(), [&StoreKind::Vector]);
        assert_eq!((code.as_deref(), unfit.contains("notes")), (Some("timeout"), true));
        let text = serde_json::to_string(&troubles).unwrap();
        assert_eq!(serde_json::from_str::<Troubles>(&text).unwrap(), troubles);
        assert!(!text.contains("column"), "{text}");
        assert!(of(&Value::Null).is_empty());
    }
}
