//! Random changes that other applications make while a job is under way.

use serde_json::{Map, Value, json};

use super::payload::put;
use super::world::{People, World};
use crate::model::{Element, Field, Mapping, Pid, State};
use crate::site::Site;
use lethe_tests::random::Random;

/// Changes a state in a few places, as another application would. `before` is the state at the start of the job.
pub(crate) fn change(random: &mut Random, site: &Site, world: &World, before: &State, state: &mut State) {
    for _ in 0..=random.below(2) {
        let elements: Vec<Element> = before.elements().collect();
        if elements.is_empty() {
            return;
        }
        let element = random.one(&elements).clone();
        match element {
            Element::Row(table, id) => row(random, site, &world.people, &(table, id), before, state),
            Element::Point(pid) => point(random, site, &world.people, pid, before, state),
        }
    }
}

fn row(random: &mut Random, site: &Site, people: &People, key: &(usize, String), before: &State, state: &mut State) {
    let other = random.one(&people.users).clone();
    match random.below(6) {
        0 => drop(state.rows.remove(key)),
        // Another application writes the row back.
        1 => drop(
            before
                .rows
                .get(key)
                .map(|row| state.rows.insert(key.clone(), row.clone())),
        ),
        2 => drop(state.rows.get_mut(key).map(|row| row.n += 1)),
        // The memory gets another owner, with all its points or in its row alone.
        choice => {
            if let Some(row) = state.rows.get_mut(key) {
                row.user = Some(other.clone());
            }
            for mapping in site.mappings.iter().filter(|_| choice < 5) {
                let points = state.points.iter_mut();
                for (_, payload) in points.filter(|(pid, payload)| is_of(mapping, &key.1, **pid, payload)) {
                    owned(mapping, payload, &other);
                }
            }
        }
    }
}

fn point(random: &mut Random, site: &Site, people: &People, pid: Pid, before: &State, state: &mut State) {
    let other = random.one(&people.users).clone();
    let mapping = &site.mappings[0];
    match random.below(6) {
        0 => drop(state.points.remove(&pid)),
        1 => drop(
            before
                .points
                .get(&pid)
                .map(|payload| state.points.insert(pid, payload.clone())),
        ),
        // The point is written back with another owner.
        2 => {
            if let Some(mut payload) = before.points.get(&pid).cloned() {
                owned(mapping, &mut payload, &other);
                state.points.insert(pid, payload);
            }
        }
        3 => drop(
            state
                .points
                .get_mut(&pid)
                .map(|payload| payload.insert("text".to_owned(), json!("changed"))),
        ),
        choice => {
            let path = mapping.points.as_ref().and_then(|points| points.path(Field::User));
            if let (Some(payload), Some(path)) = (state.points.get_mut(&pid), path) {
                match choice {
                    4 => owned(mapping, payload, &other),
                    _ => put(payload, path, Value::Null),
                }
            }
        }
    }
}

/// Returns whether a point belongs to a memory, as far as applications know.
fn is_of(mapping: &Mapping, id: &str, pid: Pid, payload: &Map<String, Value>) -> bool {
    let said = mapping.points.as_ref().and_then(|points| payload.get(points.id?));
    let said = said.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned));
    mapping.point_of(id) == Some(pid) || said.as_deref() == Some(id)
}

fn owned(mapping: &Mapping, payload: &mut Map<String, Value>, user: &str) {
    if let Some(path) = mapping.points.as_ref().and_then(|points| points.path(Field::User)) {
        let number = user.parse::<i64>().ok().filter(|_| mapping.is_number(Field::User));
        put(payload, path, number.map_or_else(|| json!(user), |user| json!(user)));
    }
}
