//! The stores of a site, read and written directly, without Lethe.

mod database;
mod points;
mod rows;

pub(crate) use database::Database;

use std::collections::BTreeMap;

use crate::model::{Element, State};
use crate::site::Site;
use points::Collection;

/// The stores of a site.
pub(crate) struct Stores {
    site: Site,
    database: Database,
    collection: Option<Collection>,
}

impl Stores {
    /// Makes empty tables and an empty collection.
    pub(crate) async fn make(site: &Site, database: Database, vectors: &lethe_tests::vectors::Vectors) -> Self {
        database.run(&site.schema()).await;
        let collection = match &site.shape.points {
            Some(_) => Some(Collection::make(vectors, &site.name).await),
            None => None,
        };
        Self {
            site: site.clone(),
            database,
            collection,
        }
    }

    /// Returns all rows and points.
    pub(crate) async fn read(&self) -> State {
        let points = async {
            match &self.collection {
                Some(collection) => collection.read().await,
                None => BTreeMap::new(),
            }
        };
        let (rows, points) = tokio::join!(rows::read(&self.site, &self.database), points);
        State { rows, points }
    }

    /// Changes both stores from one state to another.
    pub(crate) async fn write(&self, from: &State, to: &State) {
        let (gone, changed) = difference(from, to);
        let points = async {
            if let Some(collection) = &self.collection {
                collection.write(&gone, &changed, to).await;
            }
        };
        tokio::join!(rows::write(&self.site, &self.database, &gone, &changed, to), points);
    }
}

/// Returns the elements to delete, and the elements to write.
fn difference(from: &State, to: &State) -> (Vec<Element>, Vec<Element>) {
    let gone = from.elements().filter(|element| !to.has(element)).collect();
    let changed = to.elements().filter(|element| !to.has_same(from, element)).collect();
    (gone, changed)
}
