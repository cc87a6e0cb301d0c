//! The service `qdrant.Collections`.
//!
//! Creations and deletions run on the blocking pool, and go on if the caller hangs up.

use std::{future::Future, sync::Arc, time::Instant};

use qdrant_client::qdrant::{
    CollectionDescription, CollectionExists, CollectionExistsRequest, CollectionExistsResponse,
    CollectionOperationResponse, CreateCollection, DeleteCollection, GetCollectionInfoRequest,
    GetCollectionInfoResponse, ListCollectionsRequest, ListCollectionsResponse, collections_server::Collections,
};
use tonic::{Request, Response, Status, async_trait};

use super::{unsupported_calls, within};
use crate::{convert::config, error::Failure, store::Store};

/// The calls on collections.
pub(crate) struct CollectionCalls {
    store: Arc<Store>,
}

impl CollectionCalls {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Status> {
        let store = Arc::clone(&self.store);
        let worked = tokio::task::spawn_blocking(move || work(&store)).await;
        Ok(worked.map_err(|_| Failure::Panicked)??)
    }
}

#[async_trait]
impl Collections for CollectionCalls {
    async fn create(
        &self,
        request: Request<CreateCollection>,
    ) -> Result<Response<CollectionOperationResponse>, Status> {
        let started = Instant::now();
        let request = request.into_inner();
        let config = config::new(&request)?;
        let name = request.collection_name;
        within(request.timeout, self.blocking(move |store| store.create(&name, config))).await?;
        Ok(Response::new(CollectionOperationResponse {
            result: true,
            time: started.elapsed().as_secs_f64(),
        }))
    }

    async fn delete(
        &self,
        request: Request<DeleteCollection>,
    ) -> Result<Response<CollectionOperationResponse>, Status> {
        let started = Instant::now();
        let request = request.into_inner();
        let name = request.collection_name;
        let result = within(request.timeout, self.blocking(move |store| store.delete(&name))).await?;
        Ok(Response::new(CollectionOperationResponse {
            result,
            time: started.elapsed().as_secs_f64(),
        }))
    }

    async fn get(
        &self,
        request: Request<GetCollectionInfoRequest>,
    ) -> Result<Response<GetCollectionInfoResponse>, Status> {
        let started = Instant::now();
        let collection = self.store.get(&request.into_inner().collection_name)?;
        let shard = collection.read(|shard| Ok(shard.info())).await?;
        Ok(Response::new(GetCollectionInfoResponse {
            result: Some(config::info(collection.config(), shard)),
            time: started.elapsed().as_secs_f64(),
        }))
    }

    async fn list(&self, _: Request<ListCollectionsRequest>) -> Result<Response<ListCollectionsResponse>, Status> {
        let started = Instant::now();
        let names = self.store.names().into_iter();
        Ok(Response::new(ListCollectionsResponse {
            collections: names.map(|name| CollectionDescription { name }).collect(),
            time: started.elapsed().as_secs_f64(),
        }))
    }

    async fn collection_exists(
        &self,
        request: Request<CollectionExistsRequest>,
    ) -> Result<Response<CollectionExistsResponse>, Status> {
        let started = Instant::now();
        let exists = self.store.get(&request.into_inner().collection_name).is_ok();
        Ok(Response::new(CollectionExistsResponse {
            result: Some(CollectionExists { exists }),
            time: started.elapsed().as_secs_f64(),
        }))
    }

    unsupported_calls! { "qdrant.Collections":
        Update update(UpdateCollection) -> CollectionOperationResponse;
        UpdateAliases update_aliases(ChangeAliases) -> CollectionOperationResponse;
        ListCollectionAliases list_collection_aliases(ListCollectionAliasesRequest) -> ListAliasesResponse;
        ListAliases list_aliases(ListAliasesRequest) -> ListAliasesResponse;
        CollectionClusterInfo collection_cluster_info(CollectionClusterInfoRequest) -> CollectionClusterInfoResponse;
        UpdateCollectionClusterSetup update_collection_cluster_setup(UpdateCollectionClusterSetupRequest) -> UpdateCollectionClusterSetupResponse;
        CreateShardKey create_shard_key(CreateShardKeyRequest) -> CreateShardKeyResponse;
        DeleteShardKey delete_shard_key(DeleteShardKeyRequest) -> DeleteShardKeyResponse;
        ListShardKeys list_shard_keys(ListShardKeysRequest) -> ListShardKeysResponse;
    }
}
