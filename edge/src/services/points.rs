//! The service `qdrant.Points`: the list of its calls. `reads` and `writes` implement them.

use std::{future::Future, sync::Arc, time::Instant};

use qdrant_client::qdrant::{
    CountPoints, CountResponse, CreateFieldIndexCollection, DeletePoints, GetPoints, GetResponse,
    PointsOperationResponse, QueryPoints, QueryResponse, ScrollPoints, ScrollResponse, SearchPoints, SearchResponse,
    SetPayloadPoints, UpsertPoints, points_server::Points,
};
use tonic::{Request, Response, Status, async_trait};

use super::{reads, unsupported_calls, within, writes};
use crate::store::Store;

/// The calls on points.
pub(crate) struct PointCalls {
    store: Arc<Store>,
}

impl PointCalls {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }
}

/// Runs a call within its own time limit, and puts the time it took into the response.
macro_rules! timed {
    ($self:ident, $request:ident, $call:path) => {{
        let started = Instant::now();
        let request = $request.into_inner();
        let mut response = within(request.timeout, $call(&$self.store, request)).await?;
        response.time = started.elapsed().as_secs_f64();
        Ok(Response::new(response))
    }};
}

#[async_trait]
impl Points for PointCalls {
    async fn upsert(&self, request: Request<UpsertPoints>) -> Result<Response<PointsOperationResponse>, Status> {
        timed!(self, request, writes::upsert)
    }

    async fn delete(&self, request: Request<DeletePoints>) -> Result<Response<PointsOperationResponse>, Status> {
        timed!(self, request, writes::delete)
    }

    async fn set_payload(
        &self,
        request: Request<SetPayloadPoints>,
    ) -> Result<Response<PointsOperationResponse>, Status> {
        timed!(self, request, writes::set_payload)
    }

    async fn create_field_index(
        &self,
        request: Request<CreateFieldIndexCollection>,
    ) -> Result<Response<PointsOperationResponse>, Status> {
        timed!(self, request, writes::create_field_index)
    }

    async fn get(&self, request: Request<GetPoints>) -> Result<Response<GetResponse>, Status> {
        timed!(self, request, reads::get)
    }

    async fn scroll(&self, request: Request<ScrollPoints>) -> Result<Response<ScrollResponse>, Status> {
        timed!(self, request, reads::scroll)
    }

    async fn count(&self, request: Request<CountPoints>) -> Result<Response<CountResponse>, Status> {
        timed!(self, request, reads::count)
    }

    async fn search(&self, request: Request<SearchPoints>) -> Result<Response<SearchResponse>, Status> {
        timed!(self, request, reads::search)
    }

    async fn query(&self, request: Request<QueryPoints>) -> Result<Response<QueryResponse>, Status> {
        timed!(self, request, reads::query)
    }

    unsupported_calls! { "qdrant.Points":
        UpdateVectors update_vectors(UpdatePointVectors) -> PointsOperationResponse;
        DeleteVectors delete_vectors(DeletePointVectors) -> PointsOperationResponse;
        OverwritePayload overwrite_payload(SetPayloadPoints) -> PointsOperationResponse;
        DeletePayload delete_payload(DeletePayloadPoints) -> PointsOperationResponse;
        ClearPayload clear_payload(ClearPayloadPoints) -> PointsOperationResponse;
        DeleteFieldIndex delete_field_index(DeleteFieldIndexCollection) -> PointsOperationResponse;
        CreateVectorName create_vector_name(CreateVectorNameRequest) -> PointsOperationResponse;
        DeleteVectorName delete_vector_name(DeleteVectorNameRequest) -> PointsOperationResponse;
        SearchBatch search_batch(SearchBatchPoints) -> SearchBatchResponse;
        SearchGroups search_groups(SearchPointGroups) -> SearchGroupsResponse;
        Recommend recommend(RecommendPoints) -> RecommendResponse;
        RecommendBatch recommend_batch(RecommendBatchPoints) -> RecommendBatchResponse;
        RecommendGroups recommend_groups(RecommendPointGroups) -> RecommendGroupsResponse;
        Discover discover(DiscoverPoints) -> DiscoverResponse;
        DiscoverBatch discover_batch(DiscoverBatchPoints) -> DiscoverBatchResponse;
        UpdateBatch update_batch(UpdateBatchPoints) -> UpdateBatchResponse;
        QueryBatch query_batch(QueryBatchPoints) -> QueryBatchResponse;
        QueryGroups query_groups(QueryPointGroups) -> QueryGroupsResponse;
        Facet facet(FacetCounts) -> FacetResponse;
        SearchMatrixPairs search_matrix_pairs(SearchMatrixPoints) -> SearchMatrixPairsResponse;
        SearchMatrixOffsets search_matrix_offsets(SearchMatrixPoints) -> SearchMatrixOffsetsResponse;
    }
}
