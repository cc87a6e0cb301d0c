//! Holds: the elements that a job must leave, and that go after the release.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::agreement::{Said, said_by};
use super::filter::Filter;
use super::job::Job;
use super::judge::{Fate, Verdict, candidates, column, memory_said, value};
use super::mapping::{Field, Mapping};
use super::orphan::of_payload;
use super::state::{Element, Pid, Row, State};

/// A hold on one mapping.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    pub(crate) name: String,
    pub(crate) on: On,
}

/// The memories that a hold names.
#[derive(Debug, Clone)]
pub(crate) enum On {
    Persons(Vec<String>),
    Workspaces(Vec<String>),
    Ids(Vec<String>),
    Query(Filter),
}

/// Whether a hold keeps an element.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Keeps {
    #[default]
    No,
    /// The rules allow both.
    Perhaps,
    Surely,
}

impl Hold {
    fn of_row(&self, mapping: &Mapping, row: &Row, id: &str) -> Keeps {
        match &self.on {
            On::Persons(names) => named(names, value(row, Field::User)),
            On::Workspaces(names) => named(names, value(row, Field::Workspace)),
            On::Ids(ids) => of_id(mapping, ids, id),
            On::Query(filter) => {
                let values = |field: &str| column(row, id, mapping, field).into_iter().collect();
                surely(filter.matches(&values))
            }
        }
    }

    /// Returns whether a row does not say whether it is meant. Its points decide then.
    fn is_unsaid(&self, row: &Row) -> bool {
        match self.on {
            On::Persons(_) => value(row, Field::User).is_none(),
            On::Workspaces(_) => value(row, Field::Workspace).is_none(),
            On::Ids(_) | On::Query(_) => false,
        }
    }

    /// Returns whether it keeps a point without a row. A point stays unless it surely is not meant.
    fn of_point(&self, mapping: &Mapping, pid: Pid, payload: &Map<String, Value>) -> Keeps {
        match &self.on {
            On::Persons(names) => of_field(mapping, payload, Field::User, names),
            On::Workspaces(names) => of_field(mapping, payload, Field::Workspace, names),
            On::Ids(ids) => {
                let is_of = |id: &str| mapping.point_of(&mapping.spelled(id)) == Some(pid);
                let is_point = ids.iter().any(|id| is_of(id));
                // A point's id has more spellings than a text.
                let is_like = is_point || ids.iter().any(|id| is_of(&id.to_lowercase()));
                let has_ids = mapping.points.as_ref().is_some_and(|points| points.id.is_some());
                match memory_said(mapping, payload) {
                    Said::One(said) => of_id(mapping, ids, &said).max(perhaps(is_like)),
                    Said::Other => Keeps::Perhaps,
                    Said::Nothing if has_ids => Keeps::Perhaps,
                    Said::Nothing => surely(is_point).max(perhaps(is_like)),
                }
            }
            // Its columns are unknown.
            On::Query(_) if mapping.columns.is_some() => Keeps::Surely,
            On::Query(filter) => surely(filter.matches(&|field: &str| of_payload(mapping, payload, field))),
        }
    }
}

fn surely(keeps: bool) -> Keeps {
    if keeps { Keeps::Surely } else { Keeps::No }
}

fn perhaps(keeps: bool) -> Keeps {
    if keeps { Keeps::Perhaps } else { Keeps::No }
}

fn named(names: &[String], value: Option<&str>) -> Keeps {
    surely(value.is_some_and(|value| names.iter().any(|name| name == value)))
}

/// Compares ids as their column does. Where a column has texts, other spellings are other ids.
fn of_id(mapping: &Mapping, ids: &[String], id: &str) -> Keeps {
    if ids.iter().any(|held| mapping.spelled(held) == id) {
        return Keeps::Surely;
    }
    // A payload may have a number where a column has its text.
    let number = |id: &str| id.parse::<i64>().ok();
    let is_like = |held: &String| held.eq_ignore_ascii_case(id) || (number(id).is_some() && number(held) == number(id));
    perhaps(ids.iter().any(is_like))
}

fn of_field(mapping: &Mapping, payload: &Map<String, Value>, field: Field, names: &[String]) -> Keeps {
    let Some(path) = mapping.points.as_ref().and_then(|points| points.path(field)) else {
        return Keeps::Surely;
    };
    match said_by(payload, path, mapping.is_number(field)) {
        Said::Nothing => Keeps::Surely,
        Said::One(said) => named(names, Some(&said)),
        Said::Other => Keeps::Perhaps,
    }
}

/// Takes the elements that the job's hold keeps out of its result.
pub(super) fn apply(mapping: &Mapping, state: &State, job: &Job, hold: &Hold, verdict: &mut Verdict) {
    let mut kept: BTreeMap<Element, Keeps> = BTreeMap::new();
    // The points of rows are kept with them.
    let mut of_rows: BTreeMap<Pid, BTreeSet<Keeps>> = BTreeMap::new();
    for element in verdict.fates.keys() {
        let Element::Row(table, id) = element else { continue };
        let Some(row) = state.rows.get(&(*table, id.clone())) else {
            continue;
        };
        let mut keeps = hold.of_row(mapping, row, id);
        if keeps == Keeps::No && hold.is_unsaid(row) {
            let names = |pid: Pid, payload| hold.of_point(mapping, pid, payload) != Keeps::No;
            let points = candidates(mapping, state, id);
            let mut points = points.filter_map(|point| Some((point.pid, state.points.get(&point.pid)?)));
            keeps = perhaps(points.any(|(pid, payload)| names(pid, payload)));
        }
        kept.insert(element.clone(), keeps);
        for candidate in candidates(mapping, state, id) {
            of_rows.entry(candidate.pid).or_default().insert(keeps);
        }
    }
    // The points of one memory without a row may be kept together.
    let mut shared: BTreeSet<String> = BTreeSet::new();
    let points: Vec<Pid> = verdict.fates.keys().filter_map(pid_of).collect();
    for pid in &points {
        let Some(payload) = state.points.get(pid) else { continue };
        let keeps = match of_rows.get(pid) {
            Some(all) if all.len() == 1 => all.first().copied().unwrap_or_default(),
            Some(_) => Keeps::Perhaps,
            None => {
                let keeps = hold.of_point(mapping, *pid, payload);
                if keeps != Keeps::No {
                    shared.extend(memories(mapping, *pid, payload));
                }
                keeps
            }
        };
        kept.insert(Element::Point(*pid), keeps);
    }
    for pid in points.iter().filter(|pid| !of_rows.contains_key(*pid)) {
        let Some(payload) = state.points.get(pid) else { continue };
        let is_shared = memories(mapping, *pid, payload).iter().any(|id| shared.contains(id));
        let keeps = kept.entry(Element::Point(*pid)).or_default();
        *keeps = (*keeps).max(perhaps(is_shared));
    }
    for (element, keeps) in kept.into_iter().filter(|(_, keeps)| *keeps != Keeps::No) {
        let goes = verdict.fate(&element) == Fate::Goes;
        if keeps == Keeps::Perhaps {
            verdict.fates.insert(element, Fate::Either);
        } else {
            verdict.fates.remove(&element);
        }
        verdict.held = verdict.held.max(if goes { keeps } else { Keeps::Perhaps });
    }
    if verdict.held != Keeps::No && job.is_subject() {
        // Held points that do not name their memory are told from no others.
        verdict.may_fail(&["unverifiable"]);
    }
}

fn pid_of(element: &Element) -> Option<Pid> {
    match element {
        Element::Point(pid) => Some(*pid),
        Element::Row(..) => None,
    }
}

/// Returns the memories that a point may belong to.
fn memories(mapping: &Mapping, pid: Pid, payload: &Map<String, Value>) -> Vec<String> {
    let said = match memory_said(mapping, payload) {
        Said::One(said) => Some(said),
        Said::Nothing | Said::Other => None,
    };
    said.into_iter().chain(mapping.memory_of(pid)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Columns, Ids, Points, Rule, Users, Via, What, judge};

    fn mapping() -> Mapping {
        Mapping {
            target: "main".to_owned(),
            table: "memories",
            columns: Some(Columns {
                table: 0,
                ids: Ids::Number,
                users: Users::Text,
                workspace: false,
                kind: false,
                scope: None,
            }),
            points: Some(Points {
                rule: Rule::Payload,
                id: Some("memory_id"),
                user: Some("user_id"),
                workspace: None,
                kind: None,
                scope: None,
            }),
        }
    }

    fn state() -> State {
        let row = |user: &str| Row {
            user: Some(user.to_owned()),
            ..Row::default()
        };
        let points = [
            (1, json!({"memory_id": 7, "user_id": "ana"})),
            (2, json!({"memory_id": 8, "user_id": "bob"})),
            (3, json!({"memory_id": 9, "user_id": "ana"})),
            (4, json!({"memory_id": 9, "user_id": "bob"})),
            (5, json!({"memory_id": 10, "user_id": "bob"})),
            (6, json!({"memory_id": 11})),
        ];
        State {
            rows: [((0, "7".to_owned()), row("ana")), ((0, "8".to_owned()), row("bob"))].into(),
            points: points
                .into_iter()
                .map(|(id, payload)| (Pid::Number(id), payload.as_object().unwrap().clone()))
                .collect(),
        }
    }

    /// Returns the fates of the two rows and six points, and whether the job is held.
    fn judged(on: On, dry_run: bool) -> (Vec<Fate>, Keeps) {
        let job = Job {
            mapping: 0,
            via: Via::Native,
            what: What::Ids((7..12).map(|id: u64| id.to_string()).collect()),
            owner: None,
            workspace: None,
            kind: None,
            dry_run,
            hold: Some(Hold {
                name: "h".to_owned(),
                on,
            }),
        };
        let verdict = judge(&[mapping()], &state(), &job);
        let fates = state().elements().map(|element| verdict.fate(&element)).collect();
        (fates, verdict.held)
    }

    #[test]
    fn a_held_row_keeps_its_points_and_an_unknown_point_stays() {
        use Fate::{Either, Goes, Stays};
        let persons = On::Persons(vec!["ana".to_owned()]);
        assert_eq!(
            judged(persons.clone(), false),
            (
                vec![Stays, Goes, Stays, Goes, Stays, Either, Goes, Stays],
                Keeps::Surely
            )
        );
        assert_eq!(judged(persons, true), (vec![Stays; 8], Keeps::No));
        let ids = On::Ids(vec!["8".to_owned(), "08".to_owned()]);
        assert_eq!(
            judged(ids, false),
            (vec![Goes, Stays, Goes, Stays, Goes, Goes, Goes, Goes], Keeps::Surely)
        );
        let nobody = On::Persons(vec!["eve".to_owned()]);
        assert_eq!(
            judged(nobody, false).0,
            [Goes, Goes, Goes, Goes, Goes, Goes, Goes, Stays]
        );
    }

    #[test]
    fn a_query_keeps_all_points_without_a_row() {
        use Fate::{Goes, Stays};
        let query = On::Query(Filter::Eq("user_id", json!("bob")));
        assert_eq!(
            judged(query, false).0,
            [Goes, Stays, Goes, Stays, Stays, Stays, Stays, Stays]
        );
    }
}
