//! Field indexes: their types, and the parameters that change their answers.

use qdrant_client::qdrant::{
    FieldType, IntegerIndexParams, KeywordIndexParams, PayloadIndexParams, PayloadSchemaInfo, PayloadSchemaType,
    payload_index_params::IndexParams,
};
use qdrant_edge::{self as edge, PayloadFieldSchema, PayloadIndexInfo, PayloadSchemaParams};
use serde_json::json;
use tonic::Status;

use super::{refuse, unsupported};

/// Reads the type and the parameters of a new index.
pub(crate) fn schema(kind: Option<i32>, params: Option<PayloadIndexParams>) -> Result<PayloadFieldSchema, Status> {
    let kind = kind.map(FieldType::try_from).transpose();
    let kind = kind.map_err(|_| Status::invalid_argument("`field_type` is unknown"))?;
    if let Some(params) = params.and_then(|params| params.index_params) {
        return with_params(kind, params);
    }
    let kind = kind.ok_or_else(|| Status::invalid_argument("`field_type` is missing"))?;
    Ok(PayloadFieldSchema::FieldType(field_type(kind)?))
}

fn field_type(kind: FieldType) -> Result<edge::PayloadSchemaType, Status> {
    Ok(match kind {
        FieldType::Keyword => edge::PayloadSchemaType::Keyword,
        FieldType::Integer => edge::PayloadSchemaType::Integer,
        FieldType::Float => edge::PayloadSchemaType::Float,
        FieldType::Text => edge::PayloadSchemaType::Text,
        FieldType::Bool => edge::PayloadSchemaType::Bool,
        FieldType::Datetime => edge::PayloadSchemaType::Datetime,
        FieldType::Uuid => edge::PayloadSchemaType::Uuid,
        FieldType::Geo => return Err(unsupported("field_type.geo")),
    })
}

fn with_params(kind: Option<FieldType>, params: IndexParams) -> Result<PayloadFieldSchema, Status> {
    let (wanted, params) = match params {
        IndexParams::KeywordIndexParams(given) => (FieldType::Keyword, keyword(&given)?),
        IndexParams::IntegerIndexParams(given) => (FieldType::Integer, integer(&given)?),
        _ => return Err(unsupported("field_index_params")),
    };
    if kind.is_some_and(|kind| kind != wanted) {
        return Err(Status::invalid_argument("`field_type` and `field_index_params` differ"));
    }
    // The engine's parameters are read from Qdrant's JSON: their tags cannot be named from outside.
    let params = serde_json::from_value::<PayloadSchemaParams>(params);
    let params = params.map_err(|_| Status::invalid_argument("`field_index_params` cannot be read"))?;
    Ok(PayloadFieldSchema::FieldParams(params))
}

#[expect(deprecated, reason = "named in order to be refused")]
fn keyword(given: &KeywordIndexParams) -> Result<serde_json::Value, Status> {
    refuse(given.on_disk.is_some(), "keyword_index_params.on_disk")?;
    refuse(given.enable_hnsw.is_some(), "keyword_index_params.enable_hnsw")?;
    refuse(given.prefix.is_some(), "keyword_index_params.prefix")?;
    refuse(given.memory.is_some(), "keyword_index_params.memory")?;
    refuse(given.nested.is_some(), "keyword_index_params.nested")?;
    Ok(json!({"type": "keyword", "is_tenant": given.is_tenant}))
}

#[expect(deprecated, reason = "named in order to be refused")]
fn integer(given: &IntegerIndexParams) -> Result<serde_json::Value, Status> {
    refuse(given.on_disk.is_some(), "integer_index_params.on_disk")?;
    refuse(given.enable_hnsw.is_some(), "integer_index_params.enable_hnsw")?;
    refuse(given.memory.is_some(), "integer_index_params.memory")?;
    refuse(given.nested.is_some(), "integer_index_params.nested")?;
    refuse(given.is_principal.is_some(), "integer_index_params.is_principal")?;
    Ok(json!({"type": "integer", "lookup": given.lookup, "range": given.range}))
}

/// Writes the report about an index.
pub(crate) fn info(info: PayloadIndexInfo) -> PayloadSchemaInfo {
    let data_type = match info.data_type {
        edge::PayloadSchemaType::Keyword => PayloadSchemaType::Keyword,
        edge::PayloadSchemaType::Integer => PayloadSchemaType::Integer,
        edge::PayloadSchemaType::Float => PayloadSchemaType::Float,
        edge::PayloadSchemaType::Geo => PayloadSchemaType::Geo,
        edge::PayloadSchemaType::Text => PayloadSchemaType::Text,
        edge::PayloadSchemaType::Bool => PayloadSchemaType::Bool,
        edge::PayloadSchemaType::Datetime => PayloadSchemaType::Datetime,
        edge::PayloadSchemaType::Uuid => PayloadSchemaType::Uuid,
    };
    PayloadSchemaInfo {
        data_type: data_type.into(),
        params: info.params.and_then(params_out),
        points: Some(info.points as u64),
    }
}

fn params_out(params: PayloadSchemaParams) -> Option<PayloadIndexParams> {
    let index_params = match params {
        PayloadSchemaParams::Keyword(params) => IndexParams::KeywordIndexParams(KeywordIndexParams {
            is_tenant: params.is_tenant,
            ..KeywordIndexParams::default()
        }),
        PayloadSchemaParams::Integer(params) => IndexParams::IntegerIndexParams(IntegerIndexParams {
            lookup: params.lookup,
            range: params.range,
            ..IntegerIndexParams::default()
        }),
        // Other indexes are made without parameters.
        _ => return None,
    };
    Some(PayloadIndexParams {
        index_params: Some(index_params),
    })
}
