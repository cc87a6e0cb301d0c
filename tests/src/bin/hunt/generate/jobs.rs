//! Random jobs about a world.

use serde_json::json;

use super::holds::hold;
use super::world::World;
use crate::model::{Filter, Ids, Job, Users, Via, What};
use crate::site::Site;
use lethe_tests::random::Random;

/// For each system whose requests name no target, the target that its API leads to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    pub(crate) mielto: String,
    pub(crate) memoryplugin: String,
    pub(crate) mem0: String,
}

/// Makes a job. `is_alone` says whether its world is the only one in the site.
pub(crate) fn job(random: &mut Random, site: &Site, places: &Places, world: &World, is_alone: bool) -> Job {
    let at = random.below(site.mappings.len());
    let mapping = &site.mappings[at];
    let shape = site.shape;
    let mut ways = vec![
        (6, Via::Native),
        (1, Via::Lines),
        (2, Via::AgnoOne),
        (2, Via::AgnoMany),
        (2, Via::OpenSearchOne),
        (2, Via::OpenSearchQuery),
        (1, Via::OpenSearchIndex),
    ];
    if places.mielto == mapping.target {
        ways.push((10, Via::Mielto));
    }
    if places.memoryplugin == mapping.target {
        ways.push((10, Via::MemoryPlugin));
    }
    if places.mem0 == mapping.target {
        ways.extend([
            (4, Via::Mem0One),
            (4, Via::Mem0Batch),
            (4, Via::Mem0All),
            (3, Via::Mem0Entity),
        ]);
    }
    let via = random.weighted(&ways);
    let one = matches!(
        via,
        Via::AgnoOne | Via::Mielto | Via::MemoryPlugin | Via::Mem0One | Via::OpenSearchOne
    );
    let user = random.one(&world.people.users).clone();
    let workspace = random.one(&world.people.workspaces).clone();
    let has_subject = shape.points.as_ref().is_none_or(|points| points.user.is_some());
    let what = match via {
        Via::OpenSearchQuery | Via::OpenSearchIndex => query(random, site, world, true),
        Via::Mem0All | Via::Mem0Entity => What::Subject {
            users: vec![user.clone()],
            workspace: None,
        },
        Via::Native if has_subject && random.percent(35) => {
            let within = shape.points.as_ref().is_none_or(|points| points.workspace.is_some());
            let mut users = vec![user.clone()];
            if random.percent(20) {
                users.push(random.one(&world.people.users).clone());
                users.dedup();
            }
            let workspace = (shape.workspace && within && random.percent(25)).then(|| workspace.clone());
            What::Subject { users, workspace }
        }
        Via::Native if random.percent(35) => query(random, site, world, false),
        _ => What::Ids(ids(random, site, world, one, via)),
    };
    let subject = matches!(what, What::Subject { .. });
    let named = match via {
        Via::Native | Via::Lines | Via::AgnoOne | Via::AgnoMany => !subject && random.percent(55),
        Via::Mielto => true,
        _ => false,
    };
    let columns = |mapped: bool| mapped && !subject;
    let within = match via {
        Via::Native | Via::Lines => columns(shape.workspace) && random.percent(20),
        Via::Mielto => shape.workspace && random.percent(40),
        _ => false,
    };
    let kind = match via {
        // The type in the route is the kind, where a table has kinds.
        Via::OpenSearchOne | Via::OpenSearchQuery if shape.kind => Some("long-term".to_owned()),
        Via::Native | Via::Lines if columns(shape.kind) && random.percent(15) => {
            Some(random.one(&world.people.kinds).clone())
        }
        _ => None,
    };
    let dry_run = via == Via::Native && random.percent(6);
    let hold = random.percent(25).then(|| hold(random, site, world, is_alone));
    Job {
        mapping: at,
        via,
        what,
        owner: named.then_some(user),
        workspace: within.then_some(workspace),
        kind,
        dry_run,
        hold,
    }
}

/// Chooses ids of the world, and a few ids that do not exist.
pub(super) fn ids(random: &mut Random, site: &Site, world: &World, one: bool, via: Via) -> Vec<String> {
    let n = if one { 1 } else { 1 + random.below(world.ids.len()) };
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..n {
        let id = random.one(&world.ids).clone();
        let id = match random.below(20) {
            0 if site.has_uuids() && !matches!(via, Via::Mem0One | Via::Mem0Batch) => id.to_uppercase(),
            1 if site.has_uuids() => random.uuid().to_string(),
            1 if site.shape.ids == Ids::Number => format!("{id}9999999"),
            2 if site.shape.ids == Ids::Number => format!("0{id}"),
            _ => id,
        };
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// Makes a query that matches only this world.
pub(super) fn query(random: &mut Random, site: &Site, world: &World, open_search: bool) -> What {
    let number = site.shape.users == Users::Number;
    let value = |user: &String| match user.parse::<i64>() {
        Ok(user) if number => json!(user),
        _ => json!(user),
    };
    let ours = Filter::In("user_id", world.people.users.iter().map(value).collect());
    let n = random.number(10);
    let user = value(random.one(&world.people.users));
    let kind = json!(random.one(&world.people.kinds));
    let id = json!(random.one(&world.ids));
    let one = |random: &mut Random| match random.below(7) {
        0 => Filter::Eq("user_id", user.clone()),
        1 | 2 => Filter::Range("n", Some(n), None),
        3 => Filter::Range("n", Some(n), Some(n + 4)),
        4 if site.shape.kind => Filter::Eq("kind", kind.clone()),
        // OpenSearch has containers in place of workspaces.
        5 if site.shape.workspace && !open_search => Filter::Exists("workspace"),
        6 if site.shape.rows && site.shape.ids != Ids::Number => Filter::In("id", vec![id.clone()]),
        _ => Filter::Range("n", None, Some(n)),
    };
    let (first, second) = (one(random), one(random));
    let chosen = match random.below(5) {
        0 => first,
        1 => Filter::Or(vec![first, second]),
        2 => Filter::Not(Box::new(first)),
        3 => Filter::And(vec![first, Filter::Not(Box::new(second))]),
        _ => return What::Query(ours),
    };
    What::Query(Filter::And(vec![ours, chosen]))
}
