//! The health check.

use qdrant_client::qdrant::{HealthCheckReply, HealthCheckRequest, qdrant_server::Qdrant};
use tonic::{Request, Response, Status, async_trait};

/// The Qdrant release whose engine `qdrant-edge` 0.7.2 contains (`QDRANT_VERSION_STRING` in its
/// source says 1.18.2-dev). Clients compare it with their own.
const VERSION: &str = "1.18.2";

/// The service `qdrant.Qdrant`.
pub(crate) struct HealthCall;

#[async_trait]
impl Qdrant for HealthCall {
    async fn health_check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckReply>, Status> {
        Ok(Response::new(HealthCheckReply {
            title: "lethe-edge - vector search engine of qdrant-edge".to_owned(),
            version: VERSION.to_owned(),
            commit: None,
        }))
    }
}
