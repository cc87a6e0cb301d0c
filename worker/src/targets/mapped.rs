//! This worker's mappings, each with its stores, opened at the first use.
//!
//! A store may be down when the worker starts, and its schema may change while it runs. When a call reports something
//! missing, the cached schema is dropped and read again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lethe_common::config::{Config, SqlEndpoint, StoreServer, Table, Target, VectorEndpoint};
use lethe_common::job::StoreKind;
use lethe_common::ledger::Route;
use tokio::sync::Mutex;

use super::fits::Fits;
use super::once::Once;
use super::siblings::Known;
use crate::store::sql::{SqlStore, SqlTable};
use crate::store::vector::{VectorCollection, VectorStore};
use crate::store::{MappingFault, StoreError};

/// The stores of a target.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) name: String,
    pub(crate) sql: Option<SqlStore>,
    pub(crate) vector: Option<VectorStore>,
    /// The server of the database, and that of the vector store, as traces name them.
    servers: (Option<StoreServer>, Option<StoreServer>),
    /// The time limit of a ping.
    patience: Duration,
    /// When the last ping ended, and whether both stores answered it.
    pinged: Arc<Mutex<Option<(Instant, bool)>>>,
}

/// The answer of a store to a ping.
pub(crate) struct Pinged {
    pub(crate) answer: Result<(), StoreError>,
    /// The time that it took.
    pub(crate) took: Duration,
}

/// One mapping, ready for use.
pub(crate) struct Mapped {
    pub(crate) route: Route,
    pub(crate) table: Table,
    target: Target,
    stores: Stores,
    siblings: Arc<Known>,
    /// The limit of a batch by the points of its memories.
    pub(crate) fits: Fits,
    opened_sql: Once<SqlTable>,
    opened_vector: Once<VectorCollection>,
}

/// All mappings of this worker.
pub(crate) struct Mappings {
    pub(crate) targets: Vec<Stores>,
    by_route: BTreeMap<Route, Arc<Mapped>>,
    /// The published mappings that share a table or a collection with these.
    pub(crate) siblings: Arc<Known>,
}

impl Mappings {
    /// Prepares the stores of all configured targets, without connecting to any.
    pub(crate) fn new(config: &Config, store_timeout: Duration) -> Result<Self, StoreError> {
        let mut targets = Vec::new();
        let mut by_route = BTreeMap::new();
        let siblings = Arc::new(Known::new(config));
        for target in &config.targets {
            let stores = Stores::new(target, store_timeout)?;
            for table in &target.tables {
                let mapped = Mapped {
                    route: Route::to(target, table),
                    table: table.clone(),
                    stores: stores.clone(),
                    target: target.clone(),
                    siblings: Arc::clone(&siblings),
                    fits: Fits::default(),
                    opened_sql: Once::default(),
                    opened_vector: Once::default(),
                };
                by_route.insert(mapped.route.clone(), Arc::new(mapped));
            }
            targets.push(stores);
        }
        Ok(Self {
            targets,
            by_route,
            siblings,
        })
    }

    /// Returns the mappings that this worker claims for. A mapping that is mixed with another one is excluded.
    pub(crate) fn routes(&self) -> Vec<Route> {
        let routes = self.by_route.keys().filter(|route| self.siblings.allow(route));
        routes.cloned().collect()
    }

    /// Returns the number of targets that this worker claims for.
    pub(crate) fn served(&self) -> usize {
        let routes = self.routes();
        routes.chunk_by(|one, other| one.target == other.target).count()
    }

    pub(crate) fn get(&self, route: &Route) -> Option<&Arc<Mapped>> {
        self.by_route.get(route)
    }

    /// Returns whether the stores of a target answer a ping.
    pub(crate) async fn answer(&self, target: &str) -> bool {
        match self.targets.iter().find(|stores| stores.name == target) {
            Some(stores) => stores.answer().await,
            None => false,
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Mapped>> {
        self.by_route.values()
    }

    /// Returns the mappings with rows whose memories a point of this mapping may belong to, itself included. Their
    /// vectors are in the same collection, and no scope tells them apart.
    pub(crate) fn sharing(&self, mapped: &Mapped) -> impl Iterator<Item = &Arc<Mapped>> {
        self.claiming(mapped).filter(|other| other.table.columns.is_some())
    }

    /// Returns the same mappings, and those of points alone.
    pub(crate) fn claiming(&self, mapped: &Mapped) -> impl Iterator<Item = &Arc<Mapped>> {
        let points = (&mapped.target, &mapped.table);
        let all = self.by_route.values();
        all.filter(move |other| Config::may_share_points(points, (&other.target, &other.table)))
    }
}

impl Stores {
    fn new(target: &Target, store_timeout: Duration) -> Result<Self, StoreError> {
        let sql = target
            .sql
            .as_ref()
            .map(|endpoint| SqlStore::connect_lazy(endpoint, store_timeout))
            .transpose()?;
        let vector = target
            .vector
            .as_ref()
            .map(|endpoint| VectorStore::connect_lazy(endpoint, endpoint.key(), store_timeout))
            .transpose()?;
        Ok(Self {
            name: target.name.clone(),
            sql,
            vector,
            servers: (
                target.sql.as_ref().map(SqlEndpoint::server),
                target.vector.as_ref().map(VectorEndpoint::server),
            ),
            // A quarter is short beside the call that got no answer, and long for a ping.
            patience: (store_timeout / 4).max(Duration::from_millis(500)).min(store_timeout),
            pinged: Arc::default(),
        })
    }

    /// Returns whether both stores answer a ping. One ping runs at a time, and its answer serves all waiting callers.
    async fn answer(&self) -> bool {
        let asked = Instant::now();
        let mut pinged = self.pinged.lock().await;
        if let Some((at, answered)) = *pinged
            && at >= asked
        {
            return answered;
        }
        let sql = async {
            match &self.sql {
                Some(store) => store.answers(self.patience).await,
                None => true,
            }
        };
        let vector = async {
            match &self.vector {
                Some(store) => store.answers(self.patience).await,
                None => true,
            }
        };
        let (sql, vector) = tokio::join!(sql, vector);
        *pinged = Some((Instant::now(), sql && vector));
        sql && vector
    }

    /// Pings both stores at once.
    // Each has its own time: one that hangs must not make the other one look slow.
    pub(crate) async fn ping(&self) -> [(StoreKind, Option<Pinged>); 2] {
        let start = Instant::now();
        let sql = async {
            let answer = self.sql.as_ref()?.ping().await;
            let took = start.elapsed();
            Some(Pinged { answer, took })
        };
        let vector = async {
            let answer = self.vector.as_ref()?.ping().await;
            let took = start.elapsed();
            Some(Pinged { answer, took })
        };
        let (sql, vector) = tokio::join!(sql, vector);
        [(StoreKind::Sql, sql), (StoreKind::Vector, vector)]
    }
}

impl Mapped {
    /// Returns the server of a store, as traces name it.
    pub(crate) fn server(&self, store: StoreKind) -> Option<&StoreServer> {
        let (sql, vector) = &self.stores.servers;
        match store {
            StoreKind::Sql => sql.as_ref(),
            StoreKind::Vector => vector.as_ref(),
        }
    }

    /// Returns whether the table has only vectors.
    pub(crate) fn has_only_points(&self) -> bool {
        self.table.columns.is_none()
    }

    /// Returns whether a scope tells its points from those of other mappings.
    pub(crate) fn has_scoped_points(&self) -> bool {
        let collection = self.table.collection.as_ref();
        collection.is_some_and(|collection| !collection.scope.is_empty())
    }

    /// Returns the SQL table, if the mapping has one.
    pub(crate) async fn sql(&self) -> Result<Option<Arc<SqlTable>>, StoreError> {
        let (Some(store), Some(_)) = (&self.stores.sql, &self.table.columns) else {
            return Ok(None);
        };
        let open = SqlTable::open(store, &self.table);
        let table = self.opened_sql.get(Box::pin(open)).await?;
        self.spare_owners(table.cascades())?;
        Ok(Some(table))
    }

    /// Refuses the mapping if the database deletes owners of another one with its rows. Other workers may publish theirs
    /// at any time.
    fn spare_owners(&self, cascades: &[String]) -> Result<(), StoreError> {
        if cascades.is_empty() {
            return Ok(());
        }
        let owned = self.siblings.owned_in(&self.target.owner_places(cascades));
        if owned.is_empty() {
            return Ok(());
        }
        let fault = |name: &String| {
            let missing = format!(
                "the database deletes owners of `{name}`, in this or another worker's file, with rows of this mapping (ON \
                 DELETE CASCADE), and without its owner no job finds a memory"
            );
            let instead = format!(
                "declare the key ON DELETE SET NULL, or, once no worker has the other mapping, run \
                 `lethe targets retire {name}`"
            );
            MappingFault::new("sql_table", missing, Some(instead))
        };
        Err(StoreError::Mapping {
            store: StoreKind::Sql,
            faults: owned.iter().map(fault).collect(),
        })
    }

    /// Returns the vector collection, if the mapping has one.
    pub(crate) async fn vector(&self) -> Result<Option<Arc<VectorCollection>>, StoreError> {
        if self.stores.vector.is_none() || self.table.collection.is_none() {
            return Ok(None);
        }
        let open = async {
            let opened = self.collection().await?;
            let mut opened = opened.ok_or(StoreError::Misuse(StoreKind::Vector, "the mapping has no collection"))?;
            if let Some(field) = opened.unindexed() {
                let collection = &opened.mapping().name;
                tracing::warn!(
                    target.name = self.route.target,
                    collection,
                    field,
                    "a payload field has no index, so each look for points scans the collection: create a keyword index"
                );
            }
            if let Some(table) = self.sql().await? {
                opened = opened.with_spellings(table.spellings());
            }
            Ok(opened)
        };
        // Boxed: it is seldom awaited, and would enlarge every future that asks for the collection.
        self.opened_vector.get(Box::pin(open)).await.map(Some)
    }

    /// Opens the vector collection, if the mapping has one, without its SQL table.
    pub(crate) async fn collection(&self) -> Result<Option<VectorCollection>, StoreError> {
        match (&self.stores.vector, &self.table.collection) {
            (Some(store), Some(collection)) => VectorCollection::open(store, collection).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Drops the cached SQL schema, if reading it again is cheap. If ids are bytes, SQLite may have to scan every row.
    pub(crate) async fn reread(&self) {
        self.opened_sql.forget_if(|table| !table.has_byte_ids()).await;
    }

    /// Drops the cached schemas of both stores.
    pub(crate) async fn reopen(&self) {
        self.opened_sql.forget_if(|_| true).await;
        self.opened_vector.forget_if(|_| true).await;
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Executor as _;

    use super::*;
    use crate::fixture;

    const TEAMS: &str = "name = \"teams\"\ncolumns = { id = \"id\" }";

    const MEMORIES: &str = "name = \"memories\"
        columns = { id = \"id\", user = \"user_id\", owners = { table = \"users\", id = \"id\", name = \"name\" } }";

    /// Returns the configuration of a target with these tables.
    fn file(target: &str, url: &str, tables: &[&str]) -> Config {
        let tables: Vec<String> = tables
            .iter()
            .map(|table| format!("[[target.table]]\n{table}\n"))
            .collect();
        let tables = tables.concat();
        Config::from_toml(&format!(
            "[[target]]\nname = \"{target}\"\nsql = {{ url = \"{url}\" }}\n{tables}"
        ))
        .unwrap()
    }

    fn faults(result: Result<Option<Arc<SqlTable>>, StoreError>) -> Vec<String> {
        match result {
            Ok(_) => Vec::new(),
            Err(StoreError::Mapping { faults, .. }) => faults.iter().map(ToString::to_string).collect(),
            Err(error) => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn a_vector_store_that_hangs_does_not_make_the_database_look_slow() {
        let (directory, _env) = fixture::worker().await;
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let text = format!(
            "[[target]]\nname = \"main\"\nsql = {{ url = \"{}\" }}\nvector = {{ url = \"http://{}\" }}",
            fixture::ledger_url(&directory),
            silent.local_addr().unwrap()
        );
        let config = Config::from_toml(&text).unwrap();
        let stores = Stores::new(&config.targets[0], Duration::from_secs(1)).unwrap();
        let [(_, sql), (_, vector)] = stores.ping().await;
        let (sql, vector) = (sql.unwrap(), vector.unwrap());
        assert!(sql.answer.is_ok() && vector.answer.is_err());
        assert!(sql.took < vector.took, "{:?}, {:?}", sql.took, vector.took);
    }

    #[tokio::test]
    async fn a_mapping_does_not_fit_if_the_database_deletes_owners_of_any_mapping_with_its_rows() {
        let stores = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", stores.path().join("memories.sqlite").display());
        let (_directory, env) = fixture::worker_of(file("teams", &url, &[TEAMS])).await;
        let database = sqlx::AnyPool::connect(&format!("{url}?mode=rwc")).await.unwrap();
        // No file lists the table in between.
        database
            .execute(
                "CREATE TABLE teams (id TEXT PRIMARY KEY NOT NULL);
                 CREATE TABLE units (id TEXT PRIMARY KEY NOT NULL, team TEXT REFERENCES teams (id) ON DELETE CASCADE);
                 CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE NOT NULL,
                                     unit TEXT REFERENCES units (id) ON DELETE CASCADE);
                 CREATE TABLE memories (id TEXT PRIMARY KEY NOT NULL, user_id TEXT NOT NULL)",
            )
            .await
            .unwrap();
        let publish = async || env.mappings.siblings.publish(&env.ledger).await.unwrap();
        publish().await;
        let teams = env.mappings.all().next().unwrap();
        assert_eq!(faults(teams.sql().await), [""; 0]);

        let other = file("people", &url, &[MEMORIES]);
        let siblings = other.targets[0].siblings(&other.targets[0].tables[0]);
        env.ledger.publish_siblings(&siblings, None).await.unwrap();
        publish().await;
        let said = faults(teams.sql().await);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("deletes owners of `people/memories`"), "{said:?}");

        // One file with both says it without a ledger.
        let both = file("both", &url, &[TEAMS, MEMORIES]);
        let both = Mappings::new(&both, Duration::from_secs(8)).unwrap();
        for mapped in both.all() {
            let said = faults(mapped.sql().await);
            assert_eq!(said.len(), usize::from(mapped.route.table == "teams"), "{said:?}");
        }
    }
}
