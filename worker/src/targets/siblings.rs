//! Decides for which mappings this worker may claim. It skips a mapping if the ledger has another one, of any worker,
//! of the same collection or table without a scope to tell them apart. It also skips a mapping if the table of another
//! one is its dependent: deletes would take that one's memories whatever their owner, and leave their points. And it
//! skips a mapping that would delete the owners of another one's memories: no job would find these memories.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use lethe_common::config::{Config, PlaceKind, Sibling};
use lethe_common::ledger::{Ledger, LedgerError, Route, Siblings};

/// This worker's mappings, and the siblings that it has read from the ledger.
pub(crate) struct Known {
    own: Vec<Own>,
    read: Mutex<Option<Read>>,
}

/// A mapping of this worker.
struct Own {
    route: Route,
    /// The mapping, once for each place that holds its memories.
    siblings: Vec<Sibling>,
    /// The places of its dependents.
    dependents: Vec<String>,
    /// The places of the tables whose rows it deletes, as places of owners.
    deleted: Vec<String>,
}

/// The siblings as last read from the ledger.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    revision: i64,
    /// For each of this worker's mappings, the names of the mappings that it is mixed with.
    mixed: BTreeMap<Route, BTreeSet<String>>,
    /// For each of this worker's mappings, the names of the mappings whose tables are its dependents.
    taken: BTreeMap<Route, BTreeSet<String>>,
    /// For each of this worker's mappings, the names of the mappings whose owners it would delete.
    orphaned: BTreeMap<Route, BTreeSet<String>>,
    /// The names of the mappings whose owners are in a table, by its place.
    owners: BTreeMap<String, BTreeSet<String>>,
    /// Whether an older version of one of this worker's mappings is still published.
    outdated: bool,
}

impl Known {
    /// Returns the mappings of a configuration. Nothing is read from the ledger yet.
    pub(crate) fn new(config: &Config) -> Self {
        let mappings = config.targets.iter().flat_map(|target| {
            let tables = target.tables.iter();
            tables.map(move |table| Own {
                route: Route::to(target, table),
                siblings: target.siblings(table),
                dependents: target.dependent_places(table),
                deleted: target.deleted_places(table),
            })
        });
        Self {
            own: mappings.collect(),
            read: Mutex::default(),
        }
    }

    /// Publishes this worker's mappings, and reads the others, unless nothing has changed.
    pub(crate) async fn publish(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        let own: Vec<Sibling> = self.own.iter().flat_map(|own| own.siblings.clone()).collect();
        // An older version goes after its last worker has ended, which alone changes no revision: so read again.
        let known = self
            .lock()
            .as_ref()
            .filter(|read| !read.outdated)
            .map(|read| read.revision);
        if let Some(siblings) = ledger.publish_siblings(&own, known).await? {
            *self.lock() = Some(Read::of(&self.own, &siblings));
        }
        Ok(())
    }

    /// Does the same as [`Known::publish`], unless the siblings were read at this revision, the present one.
    pub(crate) async fn keep_up(&self, ledger: &Ledger, revision: i64) -> Result<(), LedgerError> {
        let is_read = |read: &Read| read.revision == revision && !read.outdated;
        if self.lock().as_ref().is_some_and(is_read) {
            return Ok(());
        }
        self.publish(ledger).await
    }

    /// Returns the revision that was read, or `None` before the first read.
    pub(crate) fn revision(&self) -> Option<i64> {
        self.lock().as_ref().map(|read| read.revision)
    }

    /// Returns the keys of this worker's mappings.
    pub(crate) fn keys(&self) -> Vec<String> {
        let own = self.own.iter();
        own.flat_map(|own| own.siblings.iter().map(Sibling::key)).collect()
    }

    /// Returns whether this worker may claim for a mapping.
    pub(crate) fn allow(&self, route: &Route) -> bool {
        let read = self.lock();
        let Some(read) = &*read else { return false };
        let with = [&read.mixed, &read.taken, &read.orphaned].map(|with| with.get(route));
        with.into_iter().flatten().all(BTreeSet::is_empty)
    }

    /// Returns the reasons not to claim for a mapping, one line for each conflicting mapping.
    pub(crate) fn faults(&self, route: &Route) -> Vec<String> {
        let read = self.lock();
        let Some(read) = &*read else { return Vec::new() };
        let mixed = read.mixed.get(route).into_iter().flatten().map(|name| {
            format!(
                "`{name}` has the same collection or table, in this or another worker's file, and no scope \
                 separates their memories: write a scope in both, or, once no worker has it, run \
                 `lethe targets retire {name}`"
            )
        });
        let taken = read.taken.get(route).into_iter().flatten().map(|name| {
            format!(
                "the table of `{name}`, in this or another worker's file, is a dependent here, so its memories \
                 would be deleted for any owner, without their points: remove the dependent, or, once no worker has it, run \
                 `lethe targets retire {name}`"
            )
        });
        let orphaned = read.orphaned.get(route).into_iter().flatten().map(|name| {
            format!(
                "`{name}`, in this or another worker's file, has its owners in a table whose rows are deleted here, and \
                 without its owner no job finds a memory: remove that table here, or, once no worker has the other \
                 mapping, run `lethe targets retire {name}`"
            )
        });
        mixed.chain(taken).chain(orphaned).collect()
    }

    /// Returns the names of the mappings, of this or another worker, whose owners are in one of these places.
    pub(crate) fn owned_in(&self, places: &[String]) -> BTreeSet<String> {
        let own = self.own.iter().flat_map(|own| &own.siblings);
        let own = own.filter(|own| own.kind == PlaceKind::Owners && places.contains(&own.place));
        let mut names: BTreeSet<String> = own.map(Sibling::name).collect();
        if let Some(read) = &*self.lock() {
            let published = places.iter().filter_map(|place| read.owners.get(place));
            names.extend(published.flatten().cloned());
        }
        names
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Read>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read {
    /// Compares the `own` mappings with the published siblings.
    ///
    /// A mapping is in every place that any worker has published it in, since the URL of one store may differ between
    /// processes.
    fn of(own: &[Own], siblings: &Siblings) -> Self {
        let mut by_place: BTreeMap<&str, Vec<&Sibling>> = BTreeMap::new();
        let mut by_name: BTreeMap<(&str, &str), Vec<&Sibling>> = BTreeMap::new();
        for sibling in &siblings.published {
            by_place.entry(&sibling.place).or_default().push(sibling);
            let name = (sibling.target.as_str(), sibling.table.as_str());
            by_name.entry(name).or_default().push(sibling);
        }
        let mut owners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for sibling in siblings
            .published
            .iter()
            .filter(|sibling| sibling.kind == PlaceKind::Owners)
        {
            let names = owners.entry(sibling.place.clone()).or_default();
            names.insert(sibling.name());
        }
        let mut read = Self {
            owners,
            revision: siblings.revision,
            ..Self::default()
        };
        // The configuration check keeps one file's mappings apart. A worker with both protects each from the other.
        let is_own = |other: &Sibling| {
            let mut names = own.iter().map(|own| (&own.route.target, &own.route.table));
            names.any(|name| name == (&other.target, &other.table))
        };
        for Own {
            route,
            siblings: mine,
            dependents,
            deleted,
        } in own
        {
            let same = by_name.get(&(route.target.as_str(), route.table.as_str()));
            let elsewhere = same.into_iter().flatten().copied();
            let mut mixed = BTreeSet::new();
            for mine in mine {
                let known = elsewhere.clone().filter(|other| other.kind == mine.kind);
                read.outdated |= known
                    .clone()
                    .any(|other| other.place == mine.place && other.scope != mine.scope);
                for known in known {
                    // With the scope of this worker's own file, also where another worker's URL names the place.
                    let here = Sibling {
                        place: known.place.clone(),
                        ..mine.clone()
                    };
                    let others = by_place.get(known.place.as_str()).into_iter().flatten();
                    mixed.extend(
                        others
                            .filter(|other| here.is_mixed_with(other) && !is_own(other))
                            .map(|other| other.name()),
                    );
                }
            }
            read.mixed.insert(route.clone(), mixed);
            // Includes this worker's other mappings: under another URL, its own file does not show the conflict.
            let at = |places: &[String]| {
                let found = places.iter().filter_map(|place| by_place.get(place.as_str()));
                found.flatten().copied().collect::<Vec<&Sibling>>()
            };
            let is_other = |other: &&Sibling| (&other.target, &other.table) != (&route.target, &route.table);
            let taken = at(dependents).into_iter().filter(is_other);
            read.taken.insert(route.clone(), taken.map(Sibling::name).collect());
            let orphaned = at(deleted).into_iter().map(Sibling::name).collect();
            read.orphaned.insert(route.clone(), orphaned);
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sibling(place: &str, target: &str, tenant: Option<&str>) -> Sibling {
        let constant = tenant.map(|tenant| ("tenant".to_owned(), tenant.to_owned()));
        Sibling {
            place: place.to_owned(),
            kind: PlaceKind::Collection,
            target: target.to_owned(),
            table: "memories".to_owned(),
            scope: constant.into_iter().collect(),
        }
    }

    fn own(route: Route, mine: &Sibling) -> Own {
        Own {
            route,
            siblings: vec![mine.clone()],
            dependents: Vec::new(),
            deleted: Vec::new(),
        }
    }

    /// Returns the mappings that `mine` is mixed with, and whether an older version of it is published.
    fn mixed(mine: &Sibling, published: &[Sibling]) -> (Vec<String>, bool) {
        let route = Route {
            target: mine.target.clone(),
            table: mine.table.clone(),
            digest: "0".to_owned(),
        };
        let siblings = Siblings {
            revision: 1,
            published: [std::slice::from_ref(mine), published].concat(),
        };
        let read = Read::of(&[own(route.clone(), mine)], &siblings);
        (read.mixed[&route].iter().cloned().collect(), read.outdated)
    }

    #[test]
    fn what_no_scope_tells_apart_is_mixed() {
        let b = || vec!["b/memories".to_owned()];
        for (mine, other, expected) in [
            (None, None, b()),
            (Some("a"), None, b()),
            (Some("a"), Some("a"), b()),
            (Some("a"), Some("b"), Vec::new()),
        ] {
            let found = mixed(&sibling("p", "a", mine), &[sibling("p", "b", other)]);
            assert_eq!(found, (expected, false), "{mine:?} {other:?}");
        }
        let elsewhere = [sibling("q", "b", None)];
        assert_eq!(mixed(&sibling("p", "a", None), &elsewhere), (Vec::new(), false));
    }

    #[test]
    fn a_mapping_is_in_every_place_that_any_worker_has_published_it_in() {
        // Another process uses another URL for the store of both.
        let published = [sibling("q", "a", None), sibling("q", "b", None)];
        assert_eq!(mixed(&sibling("p", "a", None), &published).0, ["b/memories"]);
        assert_eq!(mixed(&sibling("p", "a", Some("x")), &published).0, ["b/memories"]);
    }

    #[test]
    fn mappings_of_one_file_are_not_mixed() {
        let (rows, points) = (sibling("p", "rows", None), sibling("p", "points", None));
        let route = |sibling: &Sibling| Route {
            target: sibling.target.clone(),
            table: sibling.table.clone(),
            digest: "0".to_owned(),
        };
        let siblings = Siblings {
            revision: 1,
            published: vec![rows.clone(), points.clone()],
        };
        let own = [&rows, &points].map(|sibling| own(route(sibling), sibling));
        assert!(Read::of(&own, &siblings).mixed.values().all(BTreeSet::is_empty));
        assert_eq!(Read::of(&own[..1], &siblings).mixed[&route(&rows)].len(), 1);
    }

    #[test]
    fn a_dependent_that_any_file_maps_keeps_what_it_depends_on_and_nothing_else() {
        let conversations = r#"[[target]]
            name = "a"
            sql = { url = "postgres://db/x" }
            [[target.table]]
            name = "conversations"
            columns = { id = "id" }
            dependents = [{ table = "turns", references = "of", id = "id",
                            dependents = [{ table = "public.memories", references = "of" }] }]"#;
        let memories = r#"[[target]]
            name = "b"
            sql = { url = "postgresql://other@DB:5432/x" }
            [[target.table]]
            name = "memories"
            columns = { id = "id" }
            scope = { tenant = "a" }"#;
        let [above, below] = [conversations, memories].map(|text| Known::new(&Config::from_toml(text).unwrap()));
        let published = |known: &[&Known]| Siblings {
            revision: 1,
            published: known.iter().flat_map(|known| known.own[0].siblings.clone()).collect(),
        };
        for (known, published, taken) in [
            (&above, published(&[&above]), false),
            (&above, published(&[&above, &below]), true),
            (&below, published(&[&above, &below]), false),
        ] {
            let route = &known.own[0].route;
            *known.lock() = Some(Read::of(&known.own, &published));
            assert_eq!(known.allow(route), !taken);
            let faults = known.faults(route);
            assert_eq!(faults.len(), usize::from(taken), "{faults:?}");
            assert!(
                faults
                    .iter()
                    .all(|fault| fault.starts_with("the table of `b/memories`")),
                "{faults:?}"
            );
        }
    }

    #[test]
    fn owners_keep_every_mapping_that_would_delete_them_and_no_other() {
        let file = |table: &str| {
            let text = format!(
                r#"[[target]]
                name = "a"
                sql = {{ url = "postgres://db/x" }}
                [[target.table]]
                {table}"#
            );
            Known::new(&Config::from_toml(&text).unwrap())
        };
        let owners = r#"columns = { id = "id", user = "of", owners = { table = "users", id = "id", name = "email" } }"#;
        let memories = file(&format!("name = \"memories\"\n{owners}"));
        let notes = file(&format!("name = \"notes\"\n{owners}"));
        let users = file(
            r#"name = "people"
            sql_table = "public.users"
            columns = { id = "id" }"#,
        );
        let teams = file(
            r#"name = "teams"
            columns = { id = "id" }
            dependents = [{ table = "users", references = "team" }]"#,
        );
        let all = [&memories, &notes, &users, &teams];
        let published = Siblings {
            revision: 1,
            published: all.iter().flat_map(|known| known.own[0].siblings.clone()).collect(),
        };
        for (known, allowed) in all.into_iter().zip([true, true, false, false]) {
            let route = &known.own[0].route;
            *known.lock() = Some(Read::of(&known.own, &published));
            assert_eq!(known.allow(route), allowed, "{route:?}");
            let faults = known.faults(route);
            let about_owners = faults.iter().filter(|fault| fault.contains("has its owners"));
            assert_eq!(about_owners.count(), if allowed { 0 } else { 2 }, "{faults:?}");
        }
    }

    #[test]
    fn an_older_version_of_a_mapping_is_not_mixed_with_it() {
        let found = mixed(&sibling("p", "a", Some("x")), &[sibling("p", "a", None)]);
        assert_eq!(found, (Vec::new(), true));
    }
}
