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
use crate::store::StoreError;
use crate::store::sql::{SqlStore, SqlTable};
use crate::store::vector::{VectorCollection, VectorStore};

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

/// One mapping, ready for use.
pub(crate) struct Mapped {
    pub(crate) route: Route,
    pub(crate) table: Table,
    target: Target,
    stores: Stores,
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
    pub(crate) siblings: Known,
}

impl Mappings {
    /// Prepares the stores of all configured targets, without connecting to any.
    pub(crate) fn new(config: &Config, store_timeout: Duration) -> Result<Self, StoreError> {
        let mut targets = Vec::new();
        let mut by_route = BTreeMap::new();
        for target in &config.targets {
            let stores = Stores::new(target, store_timeout)?;
            for table in &target.tables {
                let mapped = Mapped {
                    route: Route::to(target, table),
                    table: table.clone(),
                    stores: stores.clone(),
                    target: target.clone(),
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
            siblings: Known::new(config),
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
        let points = (&mapped.target, &mapped.table);
        self.by_route.values().filter(move |other| {
            other.table.columns.is_some() && Config::may_share_points(points, (&other.target, &other.table))
        })
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

    /// Pings both stores.
    pub(crate) async fn ping(&self) -> [(StoreKind, Option<Result<(), StoreError>>); 2] {
        let sql = async {
            match &self.sql {
                Some(store) => Some(store.ping().await),
                None => None,
            }
        };
        let vector = async {
            match &self.vector {
                Some(store) => Some(store.ping().await),
                None => None,
            }
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
        self.opened_sql.get(Box::pin(open)).await.map(Some)
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
