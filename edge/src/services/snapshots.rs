//! Snapshots: none are made. A snapshot would bring deleted points back.

use std::future::Future;

use qdrant_client::qdrant::snapshots_server::Snapshots;

use super::unsupported_calls;

/// The service `qdrant.Snapshots`.
pub(crate) struct SnapshotCalls;

impl Snapshots for SnapshotCalls {
    unsupported_calls! { "qdrant.Snapshots":
        Create create(CreateSnapshotRequest) -> CreateSnapshotResponse;
        List list(ListSnapshotsRequest) -> ListSnapshotsResponse;
        Delete delete(DeleteSnapshotRequest) -> DeleteSnapshotResponse;
        CreateFull create_full(CreateFullSnapshotRequest) -> CreateSnapshotResponse;
        ListFull list_full(ListFullSnapshotsRequest) -> ListSnapshotsResponse;
        DeleteFull delete_full(DeleteFullSnapshotRequest) -> DeleteSnapshotResponse;
    }
}
