//! A world: a few memories of a few people, separate from all other worlds of its site.

use super::payload::payload;
use crate::model::{Field, Ids, Mapping, Pid, Row, Rule, State, Users};
use crate::site::Site;
use lethe_tests::random::Random;

/// Names that may occur in a world.
#[derive(Debug, Clone)]
pub(crate) struct People {
    pub(crate) users: Vec<String>,
    pub(crate) workspaces: Vec<String>,
    pub(crate) kinds: Vec<String>,
}

impl People {
    fn of(world: u64, users: Users) -> Self {
        let texts = |names: &[&str]| names.iter().map(|name| format!("{name}{world}")).collect::<Vec<_>>();
        let users = match users {
            Users::Number => (0..3).map(|n| (world * 10 + n).to_string()).collect(),
            Users::Reference => texts(&["ana-", "bob-", "o'neill "]),
            Users::Text => {
                // Names that a careless comparison takes for equal.
                let mut users = texts(&["ana-", "Ana-", "bob-"]);
                users.push(format!("{} ", users[0]));
                users
            }
        };
        Self {
            users,
            workspaces: texts(&["w-", "W-"]),
            kinds: ["note", "long-term", "working"].map(str::to_owned).to_vec(),
        }
    }

    pub(crate) fn names(&self, field: Field) -> &[String] {
        match field {
            Field::User => &self.users,
            Field::Workspace => &self.workspaces,
            Field::Kind => &self.kinds,
        }
    }
}

/// A world at its start.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) number: u64,
    pub(crate) people: People,
    /// The ids of all memories, including memories without a row.
    pub(crate) ids: Vec<String>,
    pub(crate) state: State,
}

/// Makes a world.
pub(crate) fn world(random: &mut Random, site: &Site, number: u64) -> World {
    let people = People::of(number, site.shape.users);
    // Most worlds are consistent, or nearly.
    let odd = *random.one(&[0, 0, 5, 15, 40]);
    let mut state = State::default();
    let n = 2 + random.below(7);
    let ids: Vec<String> = (0..n).map(|at| id(random, site, number, at)).collect();
    for (at, mapping) in site.mappings.iter().enumerate() {
        for id in &ids {
            // The mappings of a table have different memories. The mappings of a collection share id numbers.
            let shares = site.mappings[..at].iter().any(|other| table(other) == table(mapping));
            let taken = shares && table(mapping).is_some_and(|table| state.rows.contains_key(&(table, id.clone())));
            if !random.percent(if site.mappings.len() == 1 { 100 } else { 60 }) {
                continue;
            }
            let ids = [id, random.one::<String>(&ids)].map(String::as_str);
            memory(random, (site, mapping), &people, ids, (odd, taken, number), &mut state);
        }
    }
    World {
        number,
        people,
        ids,
        state,
    }
}

fn table(mapping: &Mapping) -> Option<usize> {
    mapping.columns.as_ref().map(|columns| columns.table)
}

fn id(random: &mut Random, site: &Site, world: u64, at: usize) -> String {
    match site.shape.ids {
        Ids::Number => (world * 100 + at as u64).to_string(),
        _ if site.has_uuids() => random.uuid().to_string(),
        _ => format!("{}{world}/{at}", random.one(&["m-", "mé ", "m%'", "M?#"])),
    }
}

/// Makes a row and points, each by chance.
fn memory(
    random: &mut Random,
    (site, mapping): (&Site, &Mapping),
    people: &People,
    [id, another]: [&str; 2],
    (odd, taken, world): (usize, bool, u64),
    state: &mut State,
) {
    let mut name = |field: Field| random.one(people.names(field)).clone();
    let row = Row {
        user: Some(name(Field::User)),
        workspace: Some(name(Field::Workspace)),
        kind: Some(name(Field::Kind)),
        ..Row::default()
    };
    let tenant = mapping.columns.as_ref().and_then(|columns| columns.scope);
    let row = Row {
        user: row.user.filter(|_| !random.percent(odd / 2)),
        workspace: row.workspace.filter(|_| !random.percent(odd / 2)),
        n: random.number(10),
        tenant: tenant.map(str::to_owned),
        // Without mapped dependents, parts would stay behind.
        parts: if site.shape.parts { random.below(3) } else { 0 },
        ..row
    };
    let wanted = |field: Field| {
        let value = match field {
            Field::User => &row.user,
            Field::Workspace => &row.workspace,
            Field::Kind => &row.kind,
        };
        (value.clone(), people.names(field).to_vec())
    };
    let many = match mapping.points.as_ref().map(|points| points.rule) {
        None => 0,
        Some(Rule::Payload) => random.below(4),
        Some(_) => usize::from(random.percent(85)),
    };
    for _ in 0..many {
        let pid = mapping.point_of(id).unwrap_or_else(|| free(random, world));
        // The mappings of a collection may want the same point.
        let payload = payload(random, mapping, [id, another], wanted, odd);
        state.points.entry(pid).or_insert(payload);
    }
    let points = mapping.points.as_ref();
    let by_payload = points.is_some_and(|points| points.rule == Rule::Payload);
    let is_named = points.is_some_and(|points| points.id.is_some());
    if is_named && !by_payload && random.percent(15) {
        // A memory may have another point that names it, beside the one that follows from its id.
        let pid = free(random, world);
        state
            .points
            .insert(pid, payload(random, mapping, [id, another], wanted, odd));
    }
    if by_payload && random.percent(odd / 2) {
        // Another application has a memory with this id in the same collection.
        let other = random.one(&people.users).clone();
        let others = |field: Field| match field {
            Field::User => (Some(other.clone()), people.users.clone()),
            field => wanted(field),
        };
        let pid = free(random, world);
        state
            .points
            .insert(pid, payload(random, mapping, [id, another], others, odd));
    }
    if let Some(table) = table(mapping).filter(|_| !taken && !random.percent(15)) {
        state.rows.insert((table, id.to_owned()), row);
    }
}

/// Returns the id of a new point.
fn free(random: &mut Random, world: u64) -> Pid {
    if random.percent(30) {
        Pid::Number(world * 1_000_000 + random.below(1_000_000) as u64)
    } else {
        Pid::Uuid(random.uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_world_again() {
        for site in crate::site::all() {
            let make = || world(&mut Random::of(7, 11), &site, 11);
            assert_eq!(make().state, make().state, "{}", site.name);
        }
    }

    #[test]
    fn worlds_have_nothing_in_common() {
        for site in crate::site::all() {
            let make = |number| world(&mut Random::of(7, number), &site, number).state;
            let (one, other) = (make(1), make(2));
            assert!(one.elements().all(|element| !other.has(&element)), "{}", site.name);
        }
    }
}
