//! Ids, payloads and whole points.

use std::collections::HashMap;

use qdrant_client::qdrant::{self, PointId, PointStruct, RetrievedPoint, Value, point_id::PointIdOptions, value::Kind};
use qdrant_edge::{EdgeConfig, Payload, PointStructPersisted, Record, ScoredPoint};
use serde_json::{Map, Number, Value as Json};
use tonic::Status;
use uuid::Uuid;

use super::vectors;

/// Reads an id.
pub(crate) fn id(id: Option<PointId>) -> Result<qdrant_edge::PointId, Status> {
    match id.and_then(|id| id.point_id_options) {
        Some(PointIdOptions::Num(number)) => Ok(qdrant_edge::PointId::NumId(number)),
        Some(PointIdOptions::Uuid(text)) => {
            let uuid = Uuid::parse_str(&text);
            let uuid = uuid.map_err(|_| Status::invalid_argument("a point id is not a UUID"))?;
            Ok(qdrant_edge::PointId::Uuid(uuid))
        }
        None => Err(Status::invalid_argument("a point id is empty")),
    }
}

/// Reads many ids.
pub(crate) fn ids(ids: Vec<PointId>) -> Result<Vec<qdrant_edge::PointId>, Status> {
    ids.into_iter().map(|one| id(Some(one))).collect()
}

/// Writes an id.
pub(crate) fn id_out(id: qdrant_edge::PointId) -> PointId {
    match id {
        qdrant_edge::PointId::NumId(number) => PointId::from(number),
        qdrant_edge::PointId::Uuid(uuid) => PointId::from(uuid.to_string()),
    }
}

/// Reads a point, whose vectors must fit the collection.
pub(crate) fn point(point: PointStruct, config: &EdgeConfig) -> Result<PointStructPersisted, Status> {
    Ok(PointStructPersisted {
        id: id(point.id)?,
        vector: vectors::point(point.vectors, config)?,
        payload: Some(payload(point.payload)?),
    })
}

/// Reads a payload.
pub(crate) fn payload(fields: HashMap<String, Value>) -> Result<Payload, Status> {
    object(fields).map(Payload)
}

fn object(fields: HashMap<String, Value>) -> Result<Map<String, Json>, Status> {
    let entry = |(key, value)| Ok((key, json(value)?));
    fields.into_iter().map(entry).collect()
}

fn json(value: Value) -> Result<Json, Status> {
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(bool)) => Json::Bool(bool),
        Some(Kind::IntegerValue(integer)) => Json::Number(integer.into()),
        Some(Kind::DoubleValue(double)) => {
            let number = Number::from_f64(double);
            Json::Number(number.ok_or_else(|| Status::invalid_argument("a payload number is not finite"))?)
        }
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::ListValue(list)) => Json::Array(list.values.into_iter().map(json).collect::<Result<_, Status>>()?),
        Some(Kind::StructValue(fields)) => Json::Object(object(fields.fields)?),
    })
}

fn payload_out(payload: Option<Payload>) -> HashMap<String, Value> {
    let fields = payload.map(|payload| payload.0).unwrap_or_default();
    fields.into_iter().map(|(key, value)| (key, value.into())).collect()
}

/// Writes a point that was read.
pub(crate) fn record(record: Record) -> RetrievedPoint {
    RetrievedPoint {
        id: Some(id_out(record.id)),
        payload: payload_out(record.payload),
        vectors: record.vector.and_then(vectors::out),
        shard_key: None,
        order_value: None,
    }
}

/// Writes a point that was found.
pub(crate) fn scored(point: ScoredPoint) -> qdrant::ScoredPoint {
    qdrant::ScoredPoint {
        id: Some(id_out(point.id)),
        payload: payload_out(point.payload),
        score: point.score,
        version: point.version,
        vectors: point.vector.and_then(vectors::out),
        shard_key: None,
        order_value: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_survive_the_way_in_and_out() {
        let fields: HashMap<String, Value> = [
            ("text", serde_json::json!("é")),
            ("int", serde_json::json!(i64::MIN)),
            ("float", serde_json::json!(0.5)),
            ("deep", serde_json::json!({"a": [1, null, {"b": true}]})),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
        let there = payload(fields.clone()).unwrap();
        assert_eq!(payload_out(Some(there)), fields);
    }

    #[test]
    fn what_is_not_an_id_or_a_number_is_refused() {
        assert!(id(None).is_err());
        assert!(id(Some(PointId::from("x"))).is_err());
        let fields = HashMap::from([("x".to_owned(), f64::NAN.into())]);
        assert!(payload(fields).is_err());
    }
}
