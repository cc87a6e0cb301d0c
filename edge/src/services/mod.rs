//! Qdrant's gRPC services: each call reads its request, refuses unsupported fields, and asks the
//! store. This module holds no state.

pub(crate) mod collections;
pub(crate) mod health;
pub(crate) mod points;
mod reads;
pub(crate) mod snapshots;
mod writes;

use std::{future::Future, time::Duration};

use tonic::Status;

/// Answers unsupported calls with UNIMPLEMENTED and their name in the protocol.
///
/// It writes out the expansion of an `async fn` by `async_trait`, because that attribute does not see
/// functions that come from a macro.
macro_rules! unsupported_calls {
    ($service:literal: $($name:ident $function:ident($request:ident) -> $response:ident;)*) => {
        $(
            fn $function<'life0, 'async_trait>(
                &'life0 self,
                _: ::tonic::Request<::qdrant_client::qdrant::$request>,
            ) -> ::std::pin::Pin<
                Box<
                    dyn Future<
                            Output = Result<
                                ::tonic::Response<::qdrant_client::qdrant::$response>,
                                ::tonic::Status,
                            >,
                        > + Send
                        + 'async_trait,
                >,
            >
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                let call = concat!($service, "/", stringify!($name));
                Box::pin(::std::future::ready(Err($crate::convert::unsupported(call))))
            }
        )*
    };
}
pub(crate) use unsupported_calls;

/// Stops waiting after the seconds that the request allows. Work that has begun goes on.
async fn within<T>(seconds: Option<u64>, work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let Some(seconds) = seconds else {
        return work.await;
    };
    let finished = tokio::time::timeout(Duration::from_secs(seconds), work).await;
    finished.unwrap_or_else(|_| Err(Status::deadline_exceeded("the request's `timeout` has passed")))
}
