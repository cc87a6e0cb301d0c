//! The judgement of a job: the fate of each row and point, and the ends that the job may have.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::agreement::{Agreement, Said, compare, said_by};
use super::hold::{self, Keeps};
use super::job::{Job, What};
use super::mapping::{Columns, Field, Mapping};
use super::orphan;
use super::state::{Element, Pid, Row, State};
use super::subject;

/// The fate of a row or a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Goes,
    Stays,
    /// The rules allow both.
    Either,
}

/// The ends that a job may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    /// The codes with which it may fail.
    pub(crate) codes: BTreeSet<&'static str>,
    /// Whether it has to fail with one of them.
    pub(crate) must_fail: bool,
}

/// The right result of a job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdict {
    /// The fates of the elements that need not stay.
    pub(crate) fates: BTreeMap<Element, Fate>,
    pub(crate) ends: Ends,
    /// Whether a hold keeps some of its elements. The job is then held, unless it fails.
    pub(crate) held: Keeps,
}

impl Verdict {
    pub(crate) fn fate(&self, element: &Element) -> Fate {
        self.fates.get(element).copied().unwrap_or(Fate::Stays)
    }

    pub(super) fn set(&mut self, element: Element, fate: Fate) {
        let known = self.fates.get(&element).copied();
        // An element that goes for one reason goes.
        if known != Some(Fate::Goes) {
            self.fates.insert(element, fate);
        }
    }

    pub(super) fn may_fail(&mut self, codes: &[&'static str]) {
        self.ends.codes.extend(codes);
    }

    pub(super) fn must_fail(&mut self, codes: &[&'static str]) {
        self.may_fail(codes);
        self.ends.must_fail = true;
    }
}

/// Whether a point belongs to a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scoped {
    Inside,
    /// A list of one value: the rules call it neither equal nor unequal.
    Perhaps,
    Outside,
}

pub(super) fn scoped(mapping: &Mapping, payload: &Map<String, Value>) -> Scoped {
    let Some(scope) = mapping.points.as_ref().and_then(|points| points.scope) else {
        return Scoped::Inside;
    };
    match payload.get("tenant") {
        Some(Value::String(tenant)) if tenant == scope => Scoped::Inside,
        Some(Value::Array(list)) if list.as_slice() == [json!(scope)] => Scoped::Perhaps,
        _ => Scoped::Outside,
    }
}

/// Returns the mapping's row of a memory.
pub(super) fn row<'a>(columns: &Columns, state: &'a State, id: &str) -> Option<&'a Row> {
    let row = state.rows.get(&(columns.table, id.to_owned()))?;
    let inside = columns.scope.is_none_or(|scope| row.tenant.as_deref() == Some(scope));
    inside.then_some(row)
}

/// Returns whether the table has a row with this id outside the mapping's scope: the owner of points with this id is
/// then unknown.
pub(super) fn is_taken(mapping: &Mapping, state: &State, id: &str) -> bool {
    let columns = mapping.columns.as_ref();
    columns.is_some_and(|columns| {
        state.rows.contains_key(&(columns.table, id.to_owned())) && row(columns, state, id).is_none()
    })
}

pub(super) fn value(row: &Row, field: Field) -> Option<&str> {
    match field {
        Field::User => row.user.as_deref(),
        Field::Workspace => row.workspace.as_deref(),
        Field::Kind => row.kind.as_deref(),
    }
}

pub(super) fn meets(row: &Row, demands: &[(Field, String)]) -> bool {
    demands.iter().all(|(field, wanted)| value(row, *field) == Some(wanted))
}

/// Returns the memory id that a payload names.
pub(super) fn memory_said(mapping: &Mapping, payload: &Map<String, Value>) -> Said {
    let Some(path) = mapping.points.as_ref().and_then(|points| points.id) else {
        return Said::Nothing;
    };
    match said_by(payload, path, mapping.has_numbers()) {
        Said::One(id) => Said::One(mapping.spelled(&id)),
        said => said,
    }
}

/// A point with a memory's id that is in no other scope.
pub(super) struct Candidate<'a> {
    pub(super) pid: Pid,
    pub(super) payload: &'a Map<String, Value>,
    /// Whether the rules leave open if it is the memory's: it names another memory too, or its scope is unclear.
    pub(super) is_doubtful: bool,
}

/// Returns the points in scope that have a memory's id, as their own or in their payload.
pub(super) fn candidates<'a>(
    mapping: &'a Mapping,
    state: &'a State,
    id: &'a str,
) -> impl Iterator<Item = Candidate<'a>> {
    let named = mapping.point_of(id);
    let points = state.points.iter().filter(|_| mapping.points.is_some());
    points.filter_map(move |(pid, payload)| {
        let scoped = scoped(mapping, payload);
        let (is_named, said) = (named == Some(*pid), memory_said(mapping, payload));
        let is_said = match &said {
            Said::One(said) => said == id,
            Said::Other => mentions(mapping, payload, id),
            Said::Nothing => false,
        };
        // The payload names another memory or several, or the point's own id is that of another memory with a row.
        let is_of_another = |memory: String| state.rows.keys().any(|(_, id)| *id == memory);
        let contradicts = match said {
            Said::Nothing => false,
            Said::Other => true,
            Said::One(_) if is_named => !is_said,
            Said::One(_) => mapping.memory_of(*pid).is_some_and(is_of_another),
        };
        let is_its = (is_named || is_said) && scoped != Scoped::Outside;
        is_its.then_some(Candidate {
            pid: *pid,
            payload,
            is_doubtful: contradicts || scoped == Scoped::Perhaps,
        })
    })
}

/// Returns whether the id field is a list that contains an id.
fn mentions(mapping: &Mapping, payload: &Map<String, Value>, id: &str) -> bool {
    let path = mapping.points.as_ref().and_then(|points| points.id);
    let list = path.and_then(|path| payload.get(path)).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .any(|said| said.as_str() == Some(id) || said.as_i64().is_some_and(|said| said.to_string() == id))
}

/// Returns the right result of a job on this state.
pub(crate) fn judge(mappings: &[Mapping], state: &State, job: &Job) -> Verdict {
    let mapping = &mappings[job.mapping];
    let mut verdict = Verdict::default();
    match &job.what {
        What::Ids(ids) => {
            for id in ids {
                memory(mappings, job, state, &mapping.spelled(id), &job.demands(), &mut verdict);
            }
        }
        What::Subject { users, workspace } => {
            for user in users {
                let mut demands = vec![(Field::User, user.clone())];
                demands.extend(workspace.clone().map(|workspace| (Field::Workspace, workspace)));
                subject::judge(mappings, job, state, &demands, &mut verdict);
            }
        }
        What::Query(filter) => match &mapping.columns {
            Some(columns) => {
                for (table, id) in state.rows.keys() {
                    let Some(row) = row(columns, state, id).filter(|_| *table == columns.table) else {
                        continue;
                    };
                    let values = |field: &str| column(row, id, mapping, field).into_iter().collect();
                    if filter.matches(&values) {
                        memory(mappings, job, state, id, &job.demands(), &mut verdict);
                    }
                }
            }
            None => orphan::query(mapping, state, job, filter, &mut verdict),
        },
    }
    if job.dry_run {
        verdict.fates.clear();
        verdict.ends.must_fail = false;
    } else if let Some(hold) = &job.hold {
        hold::apply(mapping, state, job, hold, &mut verdict);
    }
    verdict
}

/// Adds the right result for one memory.
pub(super) fn memory(
    mappings: &[Mapping],
    job: &Job,
    state: &State,
    id: &str,
    demands: &[(Field, String)],
    verdict: &mut Verdict,
) {
    let mapping = &mappings[job.mapping];
    let Some(columns) = &mapping.columns else {
        return orphan::memory(mappings, job.mapping, state, id, demands, verdict);
    };
    let Some(row) = row(columns, state, id) else {
        return orphan::memory(mappings, job.mapping, state, id, demands, verdict);
    };
    if !meets(row, demands) {
        return;
    }
    let mut worst = Agreement::Agrees;
    let mut points = Vec::new();
    for candidate in candidates(mapping, state, id) {
        let agreement = agreement(mapping, columns, row, candidate.payload);
        worst = worst.max(if candidate.is_doubtful {
            Agreement::Unclear
        } else {
            agreement
        });
        // A point that disagrees stays, whatever else is in doubt.
        let may_go = agreement != Agreement::Disagrees;
        let fate = if candidate.is_doubtful {
            Fate::Either
        } else {
            Fate::Goes
        };
        points.extend(may_go.then_some((candidate.pid, fate)));
    }
    let fate = match worst {
        Agreement::Agrees => Fate::Goes,
        Agreement::Unclear => Fate::Either,
        Agreement::Disagrees if job.is_query() => return,
        Agreement::Disagrees => return verdict.must_fail(&["point_conflict"]),
    };
    if fate == Fate::Either && !job.is_query() {
        verdict.may_fail(&["point_conflict"]);
    }
    verdict.set(Element::Row(columns.table, id.to_owned()), fate);
    for (pid, own) in points {
        verdict.set(Element::Point(pid), if fate == Fate::Goes { own } else { fate });
    }
}

/// Compares a point with its memory's row.
fn agreement(mapping: &Mapping, columns: &Columns, row: &Row, payload: &Map<String, Value>) -> Agreement {
    let compared = Field::ALL.into_iter().filter(|field| columns.has(*field));
    let compared = compared.filter_map(|field| Some((field, mapping.points.as_ref()?.path(field)?)));
    compared
        .map(|(field, path)| compare(value(row, field), &said_by(payload, path, mapping.is_number(field))))
        .max()
        .unwrap_or(Agreement::Agrees)
}

/// Returns a row's value of a query field.
pub(super) fn column(row: &Row, id: &str, mapping: &Mapping, field: &str) -> Option<Value> {
    let text = |value: Option<&str>| value.map(|value| json!(value));
    match field {
        "id" => Some(json!(id)),
        "user_id" if mapping.is_number(Field::User) => row.user.as_ref()?.parse::<i64>().ok().map(|user| json!(user)),
        "user_id" => text(row.user.as_deref()),
        "workspace" => text(row.workspace.as_deref()),
        "kind" => text(row.kind.as_deref()),
        "n" => Some(json!(row.n)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
