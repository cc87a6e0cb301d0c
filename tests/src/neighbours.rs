//! Two targets of one worker, each with its own stores. The stores of one target fall ill.

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use crate::cut::Cut;
use crate::layout::Layout;
use crate::memories::{Memories, Memory};
use crate::postgres;
use crate::service::{self, Service, Site, TARGET};
use crate::tap::Tap;
use crate::vectors::Vectors;

/// The target whose stores fall ill.
pub const SICK: &str = "sick";

/// The target that has only points.
pub const LOOSE: &str = "loose";

/// One of a target's stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// The database.
    Sql,
    /// The vector store.
    Vector,
}

/// The fault of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Illness {
    /// It answers nothing, and closes nothing.
    Hangs,
    /// It answers late, within the time limit of a call.
    IsSlow,
    /// It closes all connections, and refuses new ones.
    Refuses,
    /// It closes all connections, and each new one.
    IsCut,
}

/// A site whose processes have a second target, which falls ill.
pub struct Neighbours {
    /// The target that stays well, and the configuration of both.
    pub site: Site,
    /// The rows of the second target.
    pub memories: Memories,
    /// The vectors of the second target.
    pub vectors: Vectors,
    /// The proxy before the vectors of the second target, behind the one that makes them ill.
    pub tap: Tap,
    sql: Cut,
    vector: Cut,
}

impl Neighbours {
    /// Makes empty stores for both targets.
    pub async fn new() -> Self {
        let mut site = Site::new(Layout::POSTGRES_REDIS).await;
        let memories = Memories::postgres(&postgres::shared()).await;
        let vectors = Vectors::start().await;
        let tap = Tap::before(&vectors.url).await;
        let address = |url: &str| {
            let url = reqwest::Url::parse(url).unwrap();
            format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
        };
        let sql = Cut::before(&address(memories.url()));
        let vector = Cut::before(&address(&tap.url()));
        let target = service::target(
            SICK,
            &sql.instead_of(memories.url()),
            &vector.instead_of(&tap.url()),
            &vectors,
        );
        site.configure(|config| config.targets(&target));
        Self {
            site,
            memories,
            vectors,
            tap,
            sql,
            vector,
        }
    }

    /// Writes memories into the stores of a target.
    pub async fn add(&self, target: &str, memories: &[Memory]) {
        if target == TARGET {
            return self.site.add(memories).await;
        }
        self.memories.add(memories).await;
        self.vectors.add(memories).await;
    }

    /// Adds a third target that has only points, in the vector store of the second. Its table `loose` shares the second
    /// target's collection, its table `own` does not.
    pub async fn add_loose(&mut self) -> Vectors {
        let own = self.vectors.beside("own").await;
        let (url, key) = (self.vector.instead_of(&self.tap.url()), &self.vectors.key);
        let table = |name: &str, collection: &str| {
            format!(
                r#"
  [[target.table]]
  name = "{name}"
  collection = {{ name = "{collection}", point = "uuid", payload = {{ user = "user_id" }} }}
"#
            )
        };
        let target = format!(
            "[[target]]\nname = \"{LOOSE}\"\nvector = {{ url = \"{url}\", api_key = \"{key}\" }}\n{}{}",
            table("loose", &self.vectors.collection),
            table("own", &own.collection),
        );
        self.site.configure(|config| config.targets(&target));
        own
    }

    /// Makes a store ill until [`heal`](Self::heal).
    pub fn falls_ill(&self, store: Store, illness: Illness) {
        let cut = self.cut(store);
        match illness {
            Illness::Hangs => cut.stall(),
            Illness::IsSlow => cut.delay(Duration::from_millis(25)),
            Illness::Refuses => cut.refuse(),
            Illness::IsCut => cut.cut(),
        }
    }

    /// Makes a store healthy again.
    pub fn heal(&self, store: Store) {
        self.cut(store).delay(Duration::ZERO);
        self.cut(store).restore();
    }

    fn cut(&self, store: Store) -> &Cut {
        match store {
            Store::Sql => &self.sql,
            Store::Vector => &self.vector,
        }
    }
}

/// Submits a job for each of these memories. Returns the jobs' ids.
pub async fn submit_each(service: &Service, target: &str, memories: &[Memory]) -> Vec<String> {
    let submitting = memories.iter().map(|memory| {
        let client = service.client.clone();
        let body = json!({"target": target, "select": {"ids": [memory.id]}});
        async move { client.submit(&body).await }
    });
    futures::stream::iter(submitting).buffer_unordered(16).collect().await
}

/// Returns the job that erases a person.
pub fn subject(target: &str, user: &str) -> Value {
    json!({"target": target, "select": {"subject": {"user_id": user}}})
}

/// Returns the job that purges a person's memories by query.
pub fn purge(target: &str, user: &str) -> Value {
    json!({"target": target, "select": {"query": {"eq": {"user_id": user}}}})
}
