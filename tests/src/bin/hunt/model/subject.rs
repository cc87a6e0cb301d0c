//! The judgement of a subject job, under one name.

use super::agreement::{Said, at, said_by};
use super::job::Job;
use super::judge::{Fate, Scoped, Verdict, is_taken, meets, memory, memory_said, row, scoped};
use super::mapping::{Field, Mapping};
use super::orphan::{Carries, carries, has_row};
use super::state::{Element, State};

/// Ends of a job that met a point of several people, for which the rules say little.
const SHARED: &[&str] = &["unverifiable", "point_conflict", "conflict", "residue", "kept"];

pub(super) fn judge(
    mappings: &[Mapping],
    job: &Job,
    state: &State,
    demands: &[(Field, String)],
    verdict: &mut Verdict,
) {
    let mapping = &mappings[job.mapping];
    if let Some(columns) = &mapping.columns {
        for (table, id) in state.rows.keys() {
            let row = row(columns, state, id).filter(|row| *table == columns.table && meets(row, demands));
            if row.is_some() {
                memory(mappings, job, state, id, demands, verdict);
            }
        }
    }
    if mapping.points.is_none() {
        return;
    }
    for (pid, payload) in &state.points {
        let scoped = scoped(mapping, payload);
        if scoped == Scoped::Outside {
            continue;
        }
        match carries(mapping, payload, demands) {
            Carries::Unknown => continue,
            Carries::Unclear | Carries::Else => {
                let mentions = demands
                    .iter()
                    .any(|(field, wanted)| mentions(mapping, payload, *field, wanted));
                if mentions {
                    verdict.may_fail(SHARED);
                }
                continue;
            }
            Carries::All => {}
        }
        let by_id = mapping.memory_of(*pid);
        let has_any_row = |id: &str| state.rows.keys().any(|(_, row)| row == id);
        let id = match memory_said(mapping, payload) {
            Said::Nothing => by_id,
            Said::One(id) if mapping.point_of(&id) == Some(*pid) || !by_id.as_deref().is_some_and(has_any_row) => {
                Some(id)
            }
            // It names several memories, or its own id is that of another memory with a row: the worker may decide.
            Said::One(_) | Said::Other => {
                verdict.may_fail(SHARED);
                verdict.set(Element::Point(*pid), Fate::Either);
                continue;
            }
        };
        let Some(id) = id else {
            if verdict.fate(&Element::Point(*pid)) != Fate::Stays {
                // It goes with its row, which leads to it by a hash.
                continue;
            }
            if mappings.iter().any(|mapping| mapping.columns.is_some()) {
                // Its row may exist, but nothing tells which row it is.
                verdict.must_fail(&["unverifiable"]);
            } else {
                verdict.set(Element::Point(*pid), inside(scoped));
            }
            continue;
        };
        let own = mapping.columns.as_ref().and_then(|columns| row(columns, state, &id));
        match own {
            // Erased with its row, or in conflict with it.
            Some(row) if meets(row, demands) => {}
            // It carries the person's name beside another person's row.
            Some(_) if scoped == Scoped::Inside => verdict.must_fail(&["unverifiable", "point_conflict"]),
            Some(_) => verdict.may_fail(&["unverifiable", "point_conflict"]),
            None if has_row(mappings, job.mapping, state, &id) => {}
            None if is_taken(mapping, state, &id) && scoped == Scoped::Inside => verdict.must_fail(SHARED),
            None if is_taken(mapping, state, &id) => verdict.may_fail(SHARED),
            None => verdict.set(Element::Point(*pid), inside(scoped)),
        }
    }
}

fn inside(scoped: Scoped) -> Fate {
    if scoped == Scoped::Inside {
        Fate::Goes
    } else {
        Fate::Either
    }
}

/// Returns whether the payload field has no single value and contains the wanted text.
fn mentions(
    mapping: &Mapping,
    payload: &serde_json::Map<String, serde_json::Value>,
    field: Field,
    wanted: &str,
) -> bool {
    let Some(path) = mapping.points.as_ref().and_then(|points| points.path(field)) else {
        return false;
    };
    said_by(payload, path, mapping.is_number(field)) == Said::Other
        && at(payload, path).is_some_and(|value| value.to_string().contains(wanted))
}
