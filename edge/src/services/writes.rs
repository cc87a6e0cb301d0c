//! Calls that change points.
//!
//! Every value of the field `ordering` is accepted: one writer applies all changes in order. If
//! the process dies before the answer, the change may be there or not, whole or in part.

use std::collections::HashSet;

use prost::Message as _;
use qdrant_client::qdrant::{
    CreateFieldIndexCollection, DeletePoints, PointsOperationResponse, SetPayloadPoints, UpdateMode, UpdateResult,
    UpdateStatus, UpsertPoints,
};
use qdrant_edge::{
    CreateIndex, FieldIndexOperations, PayloadOps, PointInsertOperations, PointOperations, SetPayloadOp,
    UpdateOperation,
};
use tonic::Status;

use crate::{
    collection::Collection,
    convert::{self, index, points, refuse, selectors, selectors::Selected},
    store::Store,
    writer::Change,
};

/// Inserts points, or replaces those with the same ids.
pub(super) async fn upsert(store: &Store, request: UpsertPoints) -> Result<PointsOperationResponse, Status> {
    let bytes = request.encoded_len();
    let conditional = request
        .update_mode
        .is_some_and(|mode| mode != UpdateMode::Upsert as i32);
    refuse(request.shard_key_selector.is_some(), "shard_key_selector")?;
    refuse(request.update_filter.is_some(), "update_filter")?;
    refuse(conditional, "update_mode")?;
    let collection = store.get(&request.collection_name)?;
    let config = collection.config();
    let points = request.points.into_iter().map(|point| points::point(point, config));
    let points = points.collect::<Result<Vec<_>, _>>()?;
    let upserted = points.iter().map(|point| point.id).collect::<HashSet<_>>().len() as u64;
    let points = PointOperations::UpsertPoints(PointInsertOperations::PointsList(points));
    let change = Change {
        operation: UpdateOperation::PointOperation(points),
        upserted,
        rewritten: 0,
        bytes,
    };
    write(&collection, change, request.wait).await
}

/// Deletes points. Absent points are no error.
pub(super) async fn delete(store: &Store, request: DeletePoints) -> Result<PointsOperationResponse, Status> {
    let bytes = request.encoded_len();
    refuse(request.shard_key_selector.is_some(), "shard_key_selector")?;
    let operation = match selectors::selected(request.points)? {
        Selected::Ids(ids) => PointOperations::DeletePoints { ids },
        Selected::Filter(filter) => PointOperations::DeletePointsByFilter(filter),
    };
    let collection = store.get(&request.collection_name)?;
    let change = Change {
        operation: UpdateOperation::PointOperation(operation),
        upserted: 0,
        rewritten: 0,
        bytes,
    };
    write(&collection, change, request.wait).await
}

/// Sets fields of payloads, and keeps the other fields.
pub(super) async fn set_payload(store: &Store, request: SetPayloadPoints) -> Result<PointsOperationResponse, Status> {
    let bytes = request.encoded_len();
    refuse(request.shard_key_selector.is_some(), "shard_key_selector")?;
    let (points, filter) = match selectors::selected(request.points_selector)? {
        Selected::Ids(ids) => (Some(ids), None),
        Selected::Filter(filter) => (None, Some(filter)),
    };
    let collection = store.get(&request.collection_name)?;
    let change = Change {
        upserted: 0,
        // The matches of a filter are not counted before. One is enough to set the mark.
        rewritten: points.as_ref().map_or(1, |ids| ids.len() as u64),
        operation: UpdateOperation::PayloadOperation(PayloadOps::SetPayload(SetPayloadOp {
            payload: points::payload(request.payload)?,
            points,
            filter,
            key: request.key.as_deref().map(convert::path).transpose()?,
        })),
        bytes,
    };
    write(&collection, change, request.wait).await
}

/// Creates an index of a payload field.
pub(super) async fn create_field_index(
    store: &Store,
    request: CreateFieldIndexCollection,
) -> Result<PointsOperationResponse, Status> {
    let bytes = request.encoded_len();
    let schema = index::schema(request.field_type, request.field_index_params)?;
    let collection = store.get(&request.collection_name)?;
    let index = CreateIndex {
        field_name: convert::path(&request.field_name)?,
        field_schema: Some(schema),
    };
    let change = Change {
        operation: UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(index)),
        upserted: 0,
        rewritten: 0,
        bytes,
    };
    write(&collection, change, request.wait).await
}

async fn write(collection: &Collection, change: Change, wait: Option<bool>) -> Result<PointsOperationResponse, Status> {
    let wait = wait.unwrap_or(false);
    collection.write(change, wait).await?;
    let status = if wait {
        UpdateStatus::Completed
    } else {
        UpdateStatus::Acknowledged
    };
    Ok(PointsOperationResponse {
        result: Some(UpdateResult {
            // The engine does not return it.
            operation_id: None,
            status: status.into(),
        }),
        ..PointsOperationResponse::default()
    })
}
