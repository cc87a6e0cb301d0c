//! Copies the live points of an engine into a new one. Only this removes the text of deleted points from
//! the disk, and shrinks the log.
//!
//! The engine's own `optimize` leaves the log as it is, and a log must never be removed in place:
//! operation numbers would start again below the points' versions, and the engine would silently drop
//! later writes. If the process dies here, the next start removes the unfinished directory.

use std::path::Path;

use qdrant_edge::{
    CreateIndex, EdgeShard, FieldIndexOperations, OperationError, OperationResult, PayloadFieldSchema,
    PointInsertOperations, PointOperations, PointStructPersisted, ScrollRequest, UpdateOperation,
    VectorStructPersisted, WithPayloadInterface, WithVector,
};

/// The points copied at a time: few enough to bound memory with payloads of many kilobytes.
const PAGE: usize = 500;

/// Copies the live points and the indexes of `from` into a new engine in the empty directory `into`.
pub(crate) fn copy(from: &EdgeShard, into: &Path) -> OperationResult<()> {
    let copy = EdgeShard::new(into, from.config().clone())?;
    let mut offset = None;
    loop {
        let (records, next) = from.scroll(ScrollRequest {
            offset,
            limit: Some(PAGE),
            filter: None,
            with_payload: Some(WithPayloadInterface::Bool(true)),
            with_vector: WithVector::Bool(true),
            order_by: None,
        })?;
        let points: Vec<_> = records
            .into_iter()
            .map(|record| PointStructPersisted {
                id: record.id,
                vector: record
                    .vector
                    .map_or_else(|| VectorStructPersisted::Named([].into()), VectorStructPersisted::from),
                payload: record.payload,
            })
            .collect();
        if !points.is_empty() {
            let points = PointInsertOperations::PointsList(points);
            copy.update(UpdateOperation::PointOperation(PointOperations::UpsertPoints(points)))?;
        }
        if next.is_none() {
            break;
        }
        offset = next;
    }
    for (field_name, index) in from.info().payload_schema {
        let field_schema = PayloadFieldSchema::try_from(index).map_err(OperationError::service_error)?;
        let index = CreateIndex {
            field_name,
            field_schema: Some(field_schema),
        };
        let index = FieldIndexOperations::CreateIndex(index);
        copy.update(UpdateOperation::FieldIndexOperation(index))?;
    }
    if copy.info().points_count != from.info().points_count {
        return Err(OperationError::service_error("the copy has another number of points"));
    }
    copy.flush();
    Ok(())
}
