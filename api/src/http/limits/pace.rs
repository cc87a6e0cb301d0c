//! The rate limit of each caller's requests, and its headers.
//!
//! The headers are those of draft-ietf-httpapi-ratelimit-headers. Each process counts by itself.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{Extensions, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use governor::clock::DefaultClock;
use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::http::problem::{Kind, Problem};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The number of requests between two sweeps. A sweep drops callers without a request in the last second.
// A sweep looks at every caller. It is rare enough to cost little, and frequent enough to bound their number.
const SWEEP: u32 = 4_096;

type Limiter = RateLimiter<String, DefaultKeyedStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// The rate limits of all callers.
pub(crate) struct Pace {
    limiter: Limiter,
    quota: u32,
    asked: AtomicU32,
}

/// The rest of a caller's quota. Authentication sets it, and the layer that writes headers reads it.
#[derive(Clone, Default)]
struct Left(Arc<OnceLock<(u32, u32)>>);

impl Pace {
    pub(crate) fn new(per_second: u32) -> Self {
        let quota = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        Self {
            limiter: RateLimiter::keyed(Quota::per_second(quota)).with_middleware(),
            quota: quota.get(),
            asked: AtomicU32::new(0),
        }
    }

    /// Counts a request of the caller called `name`.
    ///
    /// # Errors
    /// 429 above the rate limit.
    pub(crate) fn admit(&self, name: &str, extensions: &Extensions) -> Result<(), Problem> {
        if self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP) {
            self.limiter.retain_recent();
        }
        let checked = self.limiter.check_key(&name.to_owned());
        let left = checked.as_ref().map_or(0, StateSnapshot::remaining_burst_capacity);
        if let Some(Left(told)) = extensions.get::<Left>() {
            // A request is authenticated once. A second time would change nothing here.
            told.get_or_init(|| (self.quota, left));
        }
        match checked {
            Ok(_) => Ok(()),
            Err(_) => Err(
                // The next request is allowed after a part of a second.
                Problem::new(
                    Kind::TooManyRequests,
                    "send requests more slowly: see the header `ratelimit-policy`",
                )
                .with_retry_after(Duration::from_secs(1)),
            ),
        }
    }
}

/// Writes the rest of the caller's quota into the answer's headers.
pub(crate) async fn announce(mut request: Request, next: Next) -> Response {
    let left = Left::default();
    request.extensions_mut().insert(left.clone());
    let mut response = next.run(request).await;
    if let Some((quota, left)) = left.0.get() {
        let headers = response.headers_mut();
        for (name, value) in [
            (POLICY, format!("\"requests\";q={quota};w=1")),
            (LIMIT, format!("\"requests\";r={left};t=1")),
        ] {
            headers.insert(name, HeaderValue::try_from(value).expect("numbers are printable ASCII"));
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_its_own_quota_and_the_quiet_are_forgotten() {
        let pace = Pace::new(2);
        let none = Extensions::new();
        assert!(pace.admit("a", &none).is_ok() && pace.admit("a", &none).is_ok());
        assert_eq!(pace.admit("a", &none).unwrap_err().kind, Kind::TooManyRequests);
        assert!(pace.admit("b", &none).is_ok());
        let many = Pace::new(1_000_000);
        for n in 0..SWEEP * 4 {
            assert!(many.admit(&n.to_string(), &none).is_ok());
        }
        assert!(many.limiter.len() <= 2 * SWEEP as usize, "{}", many.limiter.len());
    }
}
