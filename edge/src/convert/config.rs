//! A collection's configuration, and the report about a collection.

use std::collections::HashMap;

use qdrant_client::qdrant::{
    self, CollectionConfig, CollectionInfo, CollectionParams, CollectionStatus, CreateCollection, Datatype,
    HnswConfigDiff, OptimizerStatus, OptimizersConfigDiff, ShardingMethod, VectorParams, VectorParamsMap,
    VectorsConfig, WalConfigDiff, vectors_config::Config,
};
use qdrant_edge::{DEFAULT_VECTOR_NAME, Distance, EdgeConfig, EdgeVectorParams, ShardInfo};
use tonic::Status;

use super::{index, refuse};

/// The longest vector, as in Qdrant.
const DIMENSIONS: u64 = 65_536;
/// The size of one file of the engine's log, in MiB: the engine's default.
const LOG_MEGABYTES: u64 = 32;

/// Reads the configuration of a new collection.
#[expect(deprecated, reason = "the official clients send these fields")]
pub(crate) fn new(request: &CreateCollection) -> Result<EdgeConfig, Status> {
    let several = |number: Option<u32>| number.is_some_and(|number| number != 1);
    let custom = request
        .sharding_method
        .is_some_and(|method| method != ShardingMethod::Auto as i32);
    let sparse = request
        .sparse_vectors_config
        .as_ref()
        .is_some_and(|sparse| !sparse.map.is_empty());
    for (given, field) in [
        (request.hnsw_config.is_some(), "hnsw_config"),
        (request.wal_config.is_some(), "wal_config"),
        (request.optimizers_config.is_some(), "optimizers_config"),
        (several(request.shard_number), "shard_number"),
        (several(request.replication_factor), "replication_factor"),
        (several(request.write_consistency_factor), "write_consistency_factor"),
        (request.quantization_config.is_some(), "quantization_config"),
        (custom, "sharding_method"),
        (sparse, "sparse_vectors_config"),
        (request.strict_mode_config.is_some(), "strict_mode_config"),
        (!request.metadata.is_empty(), "metadata"),
        (request.payload.is_some(), "payload"),
        (request.id_tracker.is_some(), "id_tracker"),
    ] {
        refuse(given, field)?;
    }
    let given = request
        .vectors_config
        .as_ref()
        .and_then(|config| config.config.as_ref());
    let mut vectors = HashMap::new();
    match given {
        Some(Config::Params(params)) => {
            vectors.insert(DEFAULT_VECTOR_NAME.to_owned(), vector(params)?);
        }
        Some(Config::ParamsMap(named)) => {
            for (name, params) in &named.map {
                if name.is_empty() {
                    return Err(Status::invalid_argument("a vector's name is empty"));
                }
                vectors.insert(name.clone(), vector(params)?);
            }
        }
        None => return Err(Status::invalid_argument("`vectors_config` is missing")),
    }
    let mut config = EdgeConfig {
        on_disk_payload: request.on_disk_payload.unwrap_or(true),
        vectors,
        ..EdgeConfig::default()
    };
    // No graph is ever built: searches are exact.
    config.hnsw_config.m = 0;
    Ok(config)
}

#[expect(deprecated, reason = "the official clients send these fields")]
fn vector(params: &VectorParams) -> Result<EdgeVectorParams, Status> {
    let datatype = params.datatype.unwrap_or_default();
    let other = datatype != Datatype::Default as i32 && datatype != Datatype::Float32 as i32;
    refuse(params.hnsw_config.is_some(), "vectors_config.hnsw_config")?;
    refuse(
        params.quantization_config.is_some(),
        "vectors_config.quantization_config",
    )?;
    refuse(params.multivector_config.is_some(), "vectors_config.multivector_config")?;
    refuse(params.memory.is_some(), "vectors_config.memory")?;
    refuse(other, "vectors_config.datatype")?;
    let distance = match qdrant::Distance::try_from(params.distance) {
        Ok(qdrant::Distance::Cosine) => Distance::Cosine,
        Ok(qdrant::Distance::Euclid) => Distance::Euclid,
        Ok(qdrant::Distance::Dot) => Distance::Dot,
        Ok(qdrant::Distance::Manhattan) => Distance::Manhattan,
        Ok(qdrant::Distance::UnknownDistance) | Err(_) => {
            return Err(Status::invalid_argument("`distance` is unknown"));
        }
    };
    let size = Some(params.size).filter(|size| (1..=DIMENSIONS).contains(size));
    let size = size.and_then(|size| usize::try_from(size).ok());
    let size = size.ok_or_else(|| Status::invalid_argument(format!("`size` must be 1 to {DIMENSIONS}")))?;
    Ok(EdgeVectorParams {
        size,
        distance,
        // Memory-mapped files by default: memory then does not grow with the collection.
        on_disk: Some(params.on_disk.unwrap_or(true)),
        multivector_config: None,
        datatype: None,
        quantization_config: None,
        hnsw_config: None,
    })
}

/// Writes the report about a collection.
pub(crate) fn info(config: &EdgeConfig, shard: ShardInfo) -> CollectionInfo {
    let schema = shard.payload_schema.into_iter();
    CollectionInfo {
        status: CollectionStatus::Green.into(),
        optimizer_status: Some(OptimizerStatus {
            ok: true,
            error: String::new(),
        }),
        segments_count: shard.segments_count as u64,
        config: Some(config_out(config)),
        payload_schema: schema
            .map(|(path, info)| (path.to_string(), index::info(info)))
            .collect(),
        points_count: Some(shard.points_count as u64),
        indexed_vectors_count: Some(shard.indexed_vectors_count as u64),
        warnings: Vec::new(),
        update_queue: None,
        created_at: None,
    }
}

#[expect(deprecated, reason = "the official clients read these fields")]
fn config_out(config: &EdgeConfig) -> CollectionConfig {
    CollectionConfig {
        params: Some(CollectionParams {
            shard_number: 1,
            on_disk_payload: config.on_disk_payload,
            vectors_config: Some(vectors_out(config)),
            replication_factor: Some(1),
            write_consistency_factor: Some(1),
            ..CollectionParams::default()
        }),
        // The Python client demands numbers here. They mean: no graph, one segment, a flush for each
        // group of writes, no log files made ahead.
        hnsw_config: Some(HnswConfigDiff {
            m: Some(config.hnsw_config.m as u64),
            ef_construct: Some(config.hnsw_config.ef_construct as u64),
            full_scan_threshold: Some(config.hnsw_config.full_scan_threshold as u64),
            ..HnswConfigDiff::default()
        }),
        optimizer_config: Some(OptimizersConfigDiff {
            default_segment_number: Some(1),
            flush_interval_sec: Some(0),
            ..OptimizersConfigDiff::default()
        }),
        wal_config: Some(WalConfigDiff {
            wal_capacity_mb: Some(LOG_MEGABYTES),
            wal_segments_ahead: Some(0),
            wal_retain_closed: None,
        }),
        quantization_config: None,
        strict_mode_config: None,
        metadata: HashMap::new(),
    }
}

fn vectors_out(config: &EdgeConfig) -> VectorsConfig {
    let unnamed = config.vectors.get(DEFAULT_VECTOR_NAME).map(vector_out);
    let named = || {
        config
            .vectors
            .iter()
            .map(|(name, params)| (name.clone(), vector_out(params)))
    };
    VectorsConfig {
        config: Some(unnamed.map_or_else(
            || Config::ParamsMap(VectorParamsMap { map: named().collect() }),
            Config::Params,
        )),
    }
}

#[expect(deprecated, reason = "the official clients read these fields")]
fn vector_out(params: &EdgeVectorParams) -> VectorParams {
    let distance = match params.distance {
        Distance::Cosine => qdrant::Distance::Cosine,
        Distance::Euclid => qdrant::Distance::Euclid,
        Distance::Dot => qdrant::Distance::Dot,
        Distance::Manhattan => qdrant::Distance::Manhattan,
    };
    VectorParams {
        size: params.size as u64,
        distance: distance.into(),
        on_disk: params.on_disk,
        ..VectorParams::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> CreateCollection {
        CreateCollection {
            vectors_config: Some(VectorsConfig {
                config: Some(Config::Params(VectorParams {
                    size: 4,
                    distance: qdrant::Distance::Dot.into(),
                    ..VectorParams::default()
                })),
            }),
            shard_number: Some(1),
            ..CreateCollection::default()
        }
    }

    #[test]
    fn a_plain_collection_is_read() {
        let config = new(&request()).unwrap();
        assert_eq!(config.vectors[DEFAULT_VECTOR_NAME].size, 4);
    }

    #[test]
    fn what_would_be_ignored_is_refused_by_name() {
        let sharded = CreateCollection {
            shard_number: Some(2),
            ..request()
        };
        let tuned = CreateCollection {
            hnsw_config: Some(HnswConfigDiff::default()),
            ..request()
        };
        for (request, field) in [(sharded, "shard_number"), (tuned, "hnsw_config")] {
            let refused = new(&request).unwrap_err();
            assert_eq!(refused.code(), tonic::Code::Unimplemented);
            assert!(refused.message().contains(field));
        }
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for size in [0, DIMENSIONS + 1] {
            let params = VectorParams {
                size,
                distance: qdrant::Distance::Dot.into(),
                ..VectorParams::default()
            };
            assert_eq!(vector(&params).unwrap_err().code(), tonic::Code::InvalidArgument);
        }
    }
}
