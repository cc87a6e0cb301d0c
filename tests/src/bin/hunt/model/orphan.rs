//! Points without a row.

use serde_json::{Map, Value};

use super::agreement::{Said, said_by};
use super::filter::Filter;
use super::job::Job;
use super::judge::{Fate, Scoped, Verdict, candidates, is_taken, memory_said, row, scoped};
use super::mapping::{Field, Mapping};
use super::state::{Element, State};

/// Whether a point carries the values that a job demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Carries {
    All,
    /// A demanded value is not mapped, or missing.
    Unknown,
    /// Several values, or a value that names no one person: the point stays, and may be called unverifiable.
    Unclear,
    /// Another value.
    Else,
}

/// Compares a payload with the demands.
pub(super) fn carries(mapping: &Mapping, payload: &Map<String, Value>, demands: &[(Field, String)]) -> Carries {
    let one = |(field, wanted): &(Field, String)| {
        let Some(path) = mapping.points.as_ref().and_then(|points| points.path(*field)) else {
            return Carries::Unknown;
        };
        match said_by(payload, path, mapping.is_number(*field)) {
            Said::Nothing => Carries::Unknown,
            Said::One(value) if value == *wanted => Carries::All,
            Said::One(_) => Carries::Else,
            Said::Other => Carries::Unclear,
        }
    };
    demands.iter().map(one).max().unwrap_or(Carries::All)
}

/// Returns whether a table that shares the collection has the row of a memory.
pub(super) fn has_row(mappings: &[Mapping], at: usize, state: &State, id: &str) -> bool {
    let points = mappings[at].points.as_ref();
    mappings.iter().any(|other| {
        // Two scopes have no point in common, so the row of the other scope is another memory's.
        let shares = other.points.as_ref().zip(points).is_some_and(|(other, points)| {
            other.scope.is_none() || points.scope.is_none() || other.scope == points.scope
        });
        let columns = other.columns.as_ref().filter(|_| shares);
        columns.is_some_and(|columns| row(columns, state, id).is_some())
    })
}

/// Adds the right result for a memory without a row in its own table.
pub(super) fn memory(
    mappings: &[Mapping],
    at: usize,
    state: &State,
    id: &str,
    demands: &[(Field, String)],
    verdict: &mut Verdict,
) {
    if has_row(mappings, at, state, id) {
        return;
    }
    let mapping = &mappings[at];
    let found: Vec<_> = candidates(mapping, state, id)
        // A point that names a memory with a row belongs to that memory, whatever its own id is.
        .filter(|candidate| match memory_said(mapping, candidate.payload) {
            Said::One(said) => said == id || !has_row(mappings, at, state, &said),
            Said::Nothing | Said::Other => true,
        })
        .map(|candidate| {
            (
                candidate.pid,
                carries(mapping, candidate.payload, demands),
                candidate.is_doubtful,
            )
        })
        .collect();
    if is_taken(mapping, state, id) {
        // The points stay. Points that carry all demands, or are in a scope of their own, may be the job's.
        let is_scoped = mapping.points.as_ref().is_some_and(|points| points.scope.is_some());
        let is_claimed = !demands.is_empty() || is_scoped;
        for (_, carries, is_doubtful) in found {
            match carries {
                Carries::Else => {}
                Carries::All if is_claimed && !is_doubtful => verdict.must_fail(&["unverifiable"]),
                Carries::All | Carries::Unknown | Carries::Unclear => verdict.may_fail(&["unverifiable"]),
            }
        }
        return;
    }
    let goes = found.iter().any(|(_, carries, _)| *carries == Carries::All);
    for (pid, carries, is_doubtful) in found {
        match (carries, is_doubtful) {
            (Carries::All, false) => verdict.set(Element::Point(pid), Fate::Goes),
            (Carries::All, true) => {
                verdict.set(Element::Point(pid), Fate::Either);
                verdict.may_fail(&["unverifiable"]);
            }
            // If one point of a memory is the job's, another may be counted with it.
            (Carries::Unknown, false) if !goes => verdict.must_fail(&["unverifiable"]),
            (Carries::Unknown | Carries::Unclear, _) => verdict.may_fail(&["unverifiable"]),
            (Carries::Else, _) => {}
        }
    }
}

/// Adds the right result for a query about a table that has only points.
pub(super) fn query(mapping: &Mapping, state: &State, job: &Job, filter: &Filter, verdict: &mut Verdict) {
    for (pid, payload) in &state.points {
        let values = |field: &str| of_payload(mapping, payload, field);
        let carries = carries(mapping, payload, &job.demands());
        if carries == Carries::All && filter.matches(&values) {
            match scoped(mapping, payload) {
                Scoped::Inside => verdict.set(Element::Point(*pid), Fate::Goes),
                Scoped::Perhaps => verdict.set(Element::Point(*pid), Fate::Either),
                Scoped::Outside => {}
            }
        }
    }
}

/// Returns a payload's values of a query field. An object equals nothing, and exists if it contains a value.
pub(super) fn of_payload(mapping: &Mapping, payload: &Map<String, Value>, field: &str) -> Vec<Value> {
    let path = match field {
        "user_id" => mapping.points.as_ref().and_then(|points| points.user),
        "workspace" => mapping.points.as_ref().and_then(|points| points.workspace),
        "kind" => mapping.points.as_ref().and_then(|points| points.kind),
        _ => Some("n"),
    };
    let mut found = path
        .and_then(|path| payload.get(path))
        .cloned()
        .into_iter()
        .collect::<Vec<_>>();
    if let [Value::Array(list)] = found.as_slice() {
        found = list.clone();
    }
    found.retain(has_value);
    found
}

fn has_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(list) => list.iter().any(has_value),
        Value::Object(fields) => fields.values().any(has_value),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::has_value;

    #[test]
    fn an_object_exists_if_there_is_a_value_in_it() {
        for (value, expected) in [
            (json!({}), false),
            (json!({"a": null}), false),
            (json!([[]]), false),
            (json!({"a": {"b": 0}}), true),
            (json!(false), true),
        ] {
            assert_eq!(has_value(&value), expected, "{value}");
        }
    }
}
