//! The result of a check of mappings, for people and for scripts.

use lethe_worker::store::MappingFault;
use lethe_worker::{Checked, Verdict};
use serde_json::{Map, Value, json};

use crate::advice;

/// Returns the result: a line for each store, and for each fault or piece of advice.
pub(super) fn lines(checked: &[Checked]) -> Vec<String> {
    let mut lines = Vec::new();
    for Checked { target, table, stores } in checked {
        lines.push(format!("{target}/{table}"));
        for (store, verdict) in stores {
            let (word, about) = match verdict {
                Verdict::Fits(advice) => ("fits".to_owned(), listed(advice)),
                Verdict::Faults(faults) => ("does not fit".to_owned(), listed(faults)),
                Verdict::Unknown(error) => {
                    let advice = advice::of_store(error).map(str::to_owned);
                    (format!("cannot be asked: {error}"), advice.into_iter().collect())
                }
            };
            lines.push(format!("  {:<7} {word}", store.as_str()));
            lines.extend(about.iter().map(|fault| format!("    {fault}")));
        }
    }
    lines
}

/// Returns the result for one mapping as JSON.
pub(super) fn answer(checked: &Checked) -> Value {
    let stores = checked.stores.iter().map(|(store, verdict)| {
        let said = match verdict {
            Verdict::Fits(advice) => json!({"fits": true, "advice": listed(advice)}),
            Verdict::Faults(faults) => json!({"fits": false, "faults": listed(faults)}),
            Verdict::Unknown(error) => json!({"fits": null, "code": error.code()}),
        };
        (store.as_str().to_owned(), said)
    });
    json!({"target": checked.target, "table": checked.table, "stores": stores.collect::<Map<_, _>>()})
}

fn listed(faults: &[MappingFault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}
