//! Advice on a collection: mapped fields that a sample of its points lacks, and mapped fields without an index.

use std::collections::BTreeMap;

use lethe_common::job::{Field, StoreKind};
use qdrant_client::qdrant::Filter;
use strum::IntoEnumIterator as _;

use super::VectorCollection;
use super::filter::scoped;
use super::payload::{Said, fields, said};
use crate::store::{MappingFault, StoreError, word};

/// The number of points in the sample.
const SAMPLE: u32 = 100;

impl VectorCollection {
    /// Returns advice on the live collection: fields that some of its points lack, and fields without an index.
    ///
    /// # Errors
    /// Fails if the store cannot be asked.
    pub async fn advice(&self) -> Result<Vec<MappingFault>, StoreError> {
        let scope = &self.mapping.scope;
        let named = fields(&self.mapping.payload, scope, Field::iter());
        if named.is_empty() {
            return Ok(Vec::new());
        }
        let payload = super::read::only(named.clone());
        let (points, info) = self
            .store
            .bounded(async {
                let info = Box::pin(self.store.client.collection_info(self.mapping.name.as_str())).await?;
                let answer = self
                    .scroll(Filter::must(scoped(scope)), None, SAMPLE.min(self.limits.page), payload)
                    .await?;
                Ok((
                    answer.result,
                    info.result.ok_or(StoreError::Unreadable(StoreKind::Vector))?,
                ))
            })
            .await?;
        let mut advice = Vec::new();
        let mut lacking: BTreeMap<&str, usize> = BTreeMap::new();
        for path in &named {
            let lacks = points
                .iter()
                .filter(|point| said(&point.payload, path) == Said::Nothing);
            lacking.insert(path, lacks.count());
        }
        for (path, lacks) in lacking.into_iter().filter(|(_, lacks)| *lacks > 0) {
            let missing = format!("{lacks} of {} sampled points have no `{path}`", points.len());
            advice.push(MappingFault::new(self.key_of(path), missing, Some(self.without(path))));
        }
        let unindexed = |path: &&String| !info.payload_schema.contains_key(*path);
        for path in named.iter().filter(unindexed) {
            advice.push(MappingFault::new(
                self.key_of(path),
                format!(
                    "`{path}` has no payload index: every lookup reads all points, and strict mode would refuse it"
                ),
                Some(format!("create a payload index of type keyword on `{path}`")),
            ));
        }
        Ok(advice)
    }

    fn key_of(&self, path: &str) -> String {
        let payload = &self.mapping.payload;
        let field = Field::iter().find(|field| payload.get(*field) == Some(path));
        match field {
            _ if payload.id.as_deref() == Some(path) => "collection.payload.id".to_owned(),
            Some(field) => format!("collection.payload.{}", word(field)),
            None => "collection.scope".to_owned(),
        }
    }

    /// Returns the advice about points that lack a field, with the effect on them.
    fn without(&self, path: &str) -> String {
        if self.mapping.payload.id.as_deref() == Some(path) {
            return "the point id decides about the memory; write the field to confirm it".to_owned();
        }
        "write the field: if a job names an owner, such a point without a row stays and is reported unverifiable"
            .to_owned()
    }
}
