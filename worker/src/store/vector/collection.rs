//! One mapped collection, checked against the live one.

use std::collections::HashMap;

use lethe_common::config::{Collection, PointId as Rule};
use lethe_common::job::{Field, StoreKind};
use qdrant_client::qdrant::CollectionInfo;
use strum::IntoEnumIterator as _;

use super::connect::VectorStore;
use super::filter::FieldForm;
use super::payload::fields;
use super::{MAX_POINTS_PER_REQUEST, PointId, point_of_orphan, point_of_row};
use crate::store::fault::nearest;
use crate::store::{MappingFault, Spellings, StoreError};

/// One mapped collection of a vector store.
///
/// A point belongs to a memory if it is in the mapping's scope and has the memory's id. Its own id follows from that
/// by the mapping's rule, or its payload has it in the mapped field.
#[derive(Debug)]
pub struct VectorCollection {
    pub(super) store: VectorStore,
    pub(super) mapping: Collection,
    pub(super) limits: Limits,
    pub(super) spellings: Spellings,
}

/// The limits of the live collection.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// The most points one page may hold.
    pub(super) page: u32,
    /// The most values one condition may name.
    pub(super) values: usize,
    /// The time limit of a request at the server, in seconds.
    pub(super) timeout: u64,
    /// The payload field with memory ids, if it has no index: each lookup then reads all points.
    unindexed: Option<String>,
    /// Whether the server limits requests (strict mode).
    pub(super) is_strict: bool,
    written: HashMap<String, FieldForm>,
}

impl Limits {
    pub(super) fn written(&self, path: &str) -> FieldForm {
        self.written.get(path).copied().unwrap_or_default()
    }
}

impl VectorCollection {
    /// Reads the live collection and checks `collection` against it.
    ///
    /// # Errors
    /// Fails with [`StoreError::Mapping`] if the mapping does not fit.
    pub async fn open(store: &VectorStore, collection: &Collection) -> Result<Self, StoreError> {
        let mut opened = Self {
            store: store.clone(),
            mapping: collection.clone(),
            limits: Limits::default(),
            spellings: Spellings::default(),
        };
        let (info, faults) = opened.inspect().await?;
        match info {
            Some(info) if faults.is_empty() => {
                opened.limits = opened.limits_of(&info);
                Ok(opened)
            }
            _ => Err(StoreError::Mapping {
                store: StoreKind::Vector,
                faults,
            }),
        }
    }

    /// Sets the spellings of memory ids and of required values (see
    /// [`SqlTable::spellings`](crate::store::sql::SqlTable::spellings)). Every spelling is the same memory, or person,
    /// here too.
    #[must_use]
    pub fn with_spellings(mut self, spellings: Spellings) -> Self {
        self.spellings = spellings;
        self
    }

    /// Returns the payload field with memory ids, if it has no index: each lookup then reads all points.
    pub(crate) fn unindexed(&self) -> Option<&str> {
        self.limits.unindexed.as_deref()
    }

    /// Returns the faults of the mapping now; empty if it fits.
    ///
    /// # Errors
    /// Fails if the store cannot be asked.
    pub async fn check(&self) -> Result<Vec<MappingFault>, StoreError> {
        self.inspect().await.map(|(_, faults)| faults)
    }

    /// Returns the mapping.
    pub fn mapping(&self) -> &Collection {
        &self.mapping
    }

    /// Returns an id in the spelling that lookups of points use.
    pub(crate) fn spelled(&self, id: &str) -> String {
        self.spellings.ids.canonical(id)
    }

    /// Returns the points that follow from a memory's id. Under the rule `uuid5` there is one for each spelling of
    /// the id.
    pub(super) fn points(&self, id: &str, row_found: bool) -> Vec<PointId> {
        let point_of = if row_found { point_of_row } else { point_of_orphan };
        let point = |id: &str| point_of(&self.mapping, id);
        if self.mapping.point == Rule::Uuid5 {
            self.spellings
                .ids
                .forms(id)
                .iter()
                .filter_map(|form| point(form))
                .collect()
        } else {
            point(id).into_iter().collect()
        }
    }

    async fn inspect(&self) -> Result<(Option<CollectionInfo>, Vec<MappingFault>), StoreError> {
        let name = &self.mapping.name;
        self.store
            .bounded(async {
                let answer = Box::pin(self.store.client.collection_info(name.as_str())).await;
                let info = VectorStore::existing(answer)?.and_then(|answer| answer.result);
                if let Some(info) = info {
                    let faults = self.faults(&info);
                    return Ok((Some(info), faults));
                }
                let all = Box::pin(self.store.client.list_collections()).await?.collections;
                let instead = nearest(name, all.iter().map(|other| other.name.as_str()));
                let missing = format!("there is no collection `{name}`");
                Ok((None, vec![MappingFault::new("collection.name", missing, instead)]))
            })
            .await
    }

    fn faults(&self, info: &CollectionInfo) -> Vec<MappingFault> {
        let mut faults = Vec::new();
        let payload = &self.mapping.payload;
        if self.mapping.point == Rule::Payload && payload.id.is_none() {
            faults.push(MappingFault::new(
                "collection.payload.id",
                "points are looked up by payload, but no payload field is mapped",
                Some("name the payload field that holds the memory's id".to_owned()),
            ));
        }
        if strict(info) {
            for path in fields(payload, &self.mapping.scope, Field::iter()) {
                if index_of(info, &path).is_none() {
                    faults.push(MappingFault::new(
                        "collection.payload",
                        format!("the collection is in strict mode, and `{path}` has no index of type keyword, uuid or integer"),
                        Some(format!("create a payload index of type keyword on `{path}`")),
                    ));
                }
            }
        }
        faults
    }

    fn limits_of(&self, info: &CollectionInfo) -> Limits {
        let config = info
            .config
            .as_ref()
            .and_then(|config| config.strict_mode_config.as_ref());
        let enabled = config.filter(|config| config.enabled == Some(true));
        let written = if strict(info) {
            fields(&self.mapping.payload, &self.mapping.scope, Field::iter())
                .into_iter()
                .filter_map(|path| index_of(info, &path).map(|written| (path, written)))
                .collect()
        } else {
            HashMap::new()
        };
        let most = u32::try_from(MAX_POINTS_PER_REQUEST).expect("the constant is a thousand");
        let allowed = |limit: Option<u32>| limit.unwrap_or(u32::MAX).clamp(1, most);
        let seconds = self.store.timeout.as_secs().max(1);
        Limits {
            page: allowed(enabled.and_then(|config| config.max_query_limit)),
            values: enabled
                .and_then(|config| config.condition_max_size)
                .and_then(|size| usize::try_from(size).ok())
                .unwrap_or(usize::MAX)
                .clamp(1, MAX_POINTS_PER_REQUEST),
            timeout: enabled
                .and_then(|config| config.max_timeout)
                .map_or(seconds, |most| seconds.min(u64::from(most.max(1)))),
            unindexed: self
                .mapping
                .payload
                .id
                .clone()
                .filter(|path| !info.payload_schema.contains_key(path)),
            is_strict: enabled.is_some(),
            written,
        }
    }
}

pub(super) fn strict(info: &CollectionInfo) -> bool {
    let config = info
        .config
        .as_ref()
        .and_then(|config| config.strict_mode_config.as_ref());
    config.is_some_and(|config| {
        config.enabled == Some(true)
            && (config.unindexed_filtering_retrieve == Some(false) || config.unindexed_filtering_update == Some(false))
    })
}

fn index_of(info: &CollectionInfo, path: &str) -> Option<FieldForm> {
    FieldForm::by(info.payload_schema.get(path)?.data_type())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lethe_common::config::{MappingScope, Payload, VectorEndpoint};
    use qdrant_client::qdrant::{CollectionConfig, PayloadSchemaInfo, PayloadSchemaType, StrictModeConfig};

    use super::*;

    fn mapped(point: Rule) -> VectorCollection {
        let endpoint = VectorEndpoint {
            url: "http://localhost".to_owned(),
            api_key: None,
            api_key_env: None,
            tls: None,
        };
        let payload = Payload {
            id: Some("id".to_owned()),
            user: Some("user".to_owned()),
            workspace: Some("workspace".to_owned()),
            ..Payload::default()
        };
        VectorCollection {
            store: VectorStore::connect_lazy(&endpoint, None, Duration::from_secs(8)).unwrap(),
            mapping: Collection {
                name: "c".to_owned(),
                point,
                namespace: None,
                payload,
                scope: MappingScope::default(),
            },
            limits: Limits::default(),
            spellings: Spellings::default(),
        }
    }

    fn live(strict: StrictModeConfig, indexes: &[(&str, PayloadSchemaType)]) -> CollectionInfo {
        let index = |kind: PayloadSchemaType| PayloadSchemaInfo {
            data_type: kind.into(),
            ..Default::default()
        };
        CollectionInfo {
            config: Some(CollectionConfig {
                strict_mode_config: Some(strict),
                ..Default::default()
            }),
            payload_schema: indexes
                .iter()
                .map(|(path, kind)| ((*path).to_owned(), index(*kind)))
                .collect(),
            ..CollectionInfo::default()
        }
    }

    fn strict() -> StrictModeConfig {
        StrictModeConfig {
            enabled: Some(true),
            unindexed_filtering_retrieve: Some(false),
            max_query_limit: Some(100),
            max_timeout: Some(3),
            condition_max_size: Some(50),
            ..StrictModeConfig::default()
        }
    }

    #[test]
    fn strict_mode_asks_for_an_index_on_every_field_that_is_filtered_by() {
        let info = live(
            strict(),
            &[
                ("user", PayloadSchemaType::Keyword),
                ("workspace", PayloadSchemaType::Text),
            ],
        );
        let said = |point| -> Vec<String> {
            mapped(point)
                .faults(&info)
                .into_iter()
                .map(|fault| fault.missing)
                .collect()
        };

        for rule in [Rule::Uuid, Rule::Payload] {
            let faults = said(rule);
            assert_eq!(faults.len(), 2);
            assert!(faults[0].contains("`id`"), "{}", faults[0]);
            assert!(faults[1].contains("`workspace`"), "{}", faults[1]);
        }
    }

    #[tokio::test]
    async fn strict_mode_bounds_requests_and_looks_only_for_what_is_indexed() {
        let indexes = [
            ("user", PayloadSchemaType::Integer),
            ("workspace", PayloadSchemaType::Keyword),
        ];
        let limits = mapped(Rule::Uuid).limits_of(&live(strict(), &indexes));

        assert_eq!((limits.page, limits.values, limits.timeout), (100, 50, 3));
        assert_eq!(limits.written("user"), FieldForm::Numbers);
        assert_eq!(limits.written("workspace"), FieldForm::Texts);
    }

    #[tokio::test]
    async fn without_strict_mode_an_index_bounds_nothing() {
        let relaxed = StrictModeConfig {
            enabled: Some(false),
            ..strict()
        };
        let info = live(relaxed, &[("user", PayloadSchemaType::Keyword)]);
        let collection = mapped(Rule::Payload);

        assert!(collection.faults(&info).is_empty());
        let limits = collection.limits_of(&info);
        assert_eq!(
            (limits.page, limits.values, limits.timeout),
            (1_000, MAX_POINTS_PER_REQUEST, 8)
        );
        assert_eq!(limits.written("user"), FieldForm::Either);
    }
}
