//! A few points of collections without a mapping.

use std::collections::{BTreeMap, HashMap, HashSet};

use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::{GetPoints, ScrollPoints, Value};

use super::{PointId, VectorStore};
use crate::store::StoreError;

/// The depth to which fields inside fields are read.
const DEPTH: usize = 4;

/// Some points of a collection, for a proposed mapping. Values of payloads are personal data.
pub(crate) struct Sample {
    pub(crate) points: Vec<PointId>,
    /// The payload fields by their dotted paths, each with the values of some of the points, as text.
    pub(crate) fields: BTreeMap<String, Vec<String>>,
}

impl VectorStore {
    /// Returns the names of the collections.
    pub(crate) async fn collections(&self) -> Result<Vec<String>, StoreError> {
        let listed = self.bounded(async { Ok(Box::pin(self.client.list_collections()).await?) });
        let mut names: Vec<String> = listed.await?.collections.into_iter().map(|found| found.name).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Returns the first `n` points of a collection.
    pub(crate) async fn sample(&self, collection: &str, n: u32) -> Result<Sample, StoreError> {
        let request = ScrollPoints {
            collection_name: collection.to_owned(),
            limit: Some(n),
            with_payload: Some(true.into()),
            with_vectors: Some(false.into()),
            ..ScrollPoints::default()
        };
        let answer = self
            .bounded(async { Ok(Box::pin(self.client.scroll(request)).await?) })
            .await?;
        let mut sample = Sample {
            points: Vec::new(),
            fields: BTreeMap::new(),
        };
        for point in &answer.result {
            sample.points.extend(PointId::read(point.id.as_ref()));
            collect(&point.payload, "", DEPTH, &mut sample.fields);
        }
        Ok(sample)
    }

    /// Returns which of some points a collection has.
    pub(crate) async fn has(&self, collection: &str, points: &[PointId]) -> Result<HashSet<PointId>, StoreError> {
        let request = GetPoints {
            collection_name: collection.to_owned(),
            ids: points.iter().map(|id| (*id).into()).collect(),
            with_payload: Some(false.into()),
            with_vectors: Some(false.into()),
            ..GetPoints::default()
        };
        let answer = self
            .bounded(async { Ok(Box::pin(self.client.get_points(request)).await?) })
            .await?;
        let read = |point: &qdrant_client::qdrant::RetrievedPoint| PointId::read(point.id.as_ref());
        Ok(answer.result.iter().filter_map(read).collect())
    }
}

fn collect(payload: &HashMap<String, Value>, above: &str, depth: usize, fields: &mut BTreeMap<String, Vec<String>>) {
    for (name, value) in payload {
        // In a dotted path such a name is ambiguous.
        if name.is_empty() || name.contains('.') {
            continue;
        }
        let path = format!("{above}{name}");
        match &value.kind {
            Some(Kind::StringValue(text)) => fields.entry(path).or_default().push(text.clone()),
            Some(Kind::IntegerValue(number)) => fields.entry(path).or_default().push(number.to_string()),
            Some(Kind::StructValue(inner)) if depth > 1 => {
                collect(&inner.fields, &format!("{path}."), depth - 1, fields);
            }
            _ => {}
        }
    }
}
