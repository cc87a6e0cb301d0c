//! The time limit of an answer, on routes that no layer limits: those that wait, stream or receive.

use std::time::Duration;

use tokio::time::timeout;

use crate::http::problem::{Kind, Problem};

/// Returns the result of `work`, or the problem of an answer that takes longer than `limit`.
pub(crate) async fn within<T, E>(limit: Duration, work: impl Future<Output = Result<T, E>>) -> Result<T, Problem>
where
    Problem: From<E>,
{
    match timeout(limit, work).await {
        Ok(done) => done.map_err(Problem::from),
        Err(_) => Err(Problem::usual(Kind::Slow)),
    }
}
