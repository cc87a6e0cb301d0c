//! Random holds about a world.

use super::jobs::{ids, query};
use super::world::World;
use crate::model::{Hold, On, Via, What};
use crate::site::Site;
use lethe_tests::random::Random;

/// Makes a hold on the memories of a world. Beside other worlds it names ids: a hold on persons, workspaces or a query
/// also keeps points whose owner is unknown, and those may be in another world.
pub(super) fn hold(random: &mut Random, site: &Site, world: &World, is_alone: bool) -> Hold {
    let name = format!("hunt-{}", random.uuid().simple());
    let people = &world.people;
    let on = match random.below(4) {
        0 if is_alone => On::Persons(some(random, &people.users)),
        1 if is_alone && site.shape.workspace => On::Workspaces(some(random, &people.workspaces)),
        2 if is_alone => match query(random, site, world, false) {
            What::Query(filter) => On::Query(filter),
            What::Ids(_) | What::Subject { .. } => On::Persons(some(random, &people.users)),
        },
        _ => On::Ids(ids(random, site, world, false, Via::Native)),
    };
    Hold { name, on }
}

/// Chooses one or two names.
fn some(random: &mut Random, names: &[String]) -> Vec<String> {
    let mut chosen = vec![random.one(names).clone()];
    let other = random.one(names).clone();
    if random.percent(30) && !chosen.contains(&other) {
        chosen.push(other);
    }
    chosen
}
