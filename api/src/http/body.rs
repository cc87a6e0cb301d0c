//! Reading bodies, with limits of size, of time, of large bodies at a time, and of bytes in memory.

use std::ops::Deref;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use lethe_common::config::Api;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout, timeout_at};

use super::json;
use super::limits::body_bytes::Held;
use super::limits::places::OfCaller;
use super::media_type::json_only;
use super::object::Object;
use super::problem::{Kind, Problem};
use super::shape;

/// The most bytes of a body that is no upload: a job of some hundred ids.
const UPLOAD_FROM: usize = 64 << 10;

/// The bytes that a parsed value takes beside its text.
const VALUE: usize = Api::VALUE_BYTES;

/// The least speed of a body, in bytes a second. Without it a byte now and then would hold a slot for ever.
const LEAST: u64 = 1_024;

/// The longest time to wait for a body, all its parts together.
const LONGEST: Duration = Duration::from_hours(1);

/// The most bytes of a refused body that are still read, and the time limit. A caller that is still sending when the
/// connection closes would not see the reason.
const LINGER: (usize, Duration) = (16 << 20, Duration::from_secs(2));

/// A whole body, and its bytes of the budget.
pub(crate) struct Buffered {
    bytes: Vec<u8>,
    held: Held,
}

impl Buffered {
    /// Returns a body that this process has written, with its bytes of the budget.
    pub(crate) async fn of(bytes: Vec<u8>, places: &OfCaller<'_>, limits: &Api) -> Result<Self, Problem> {
        let mut held = places.body();
        held.take(bytes.len()).await?;
        Self::checked(bytes, held, limits).await
    }

    /// Refuses a body with too many values, and takes the bytes that they need.
    async fn checked(bytes: Vec<u8>, mut held: Held, limits: &Api) -> Result<Self, Problem> {
        let values = shape::check(&bytes, limits.max_ids_per_request)?;
        held.take(values.saturating_mul(VALUE)).await?;
        Ok(Self { bytes, held })
    }

    /// Drops the text of a body that was parsed. Its values take as much memory, until the ledger has them.
    pub(crate) fn parsed(self) -> Held {
        self.held
    }
}

impl Deref for Buffered {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body that is a JSON object, unless `may` refuses the caller. Returns it with its bytes of the budget.
pub(crate) async fn object<T: DeserializeOwned>(
    may: Result<(), impl Into<Problem>>,
    headers: &HeaderMap,
    body: Body,
    limits: &Api,
    places: &OfCaller<'_>,
) -> Result<(T, Held), Problem> {
    let mut incoming = Incoming::new(body, limits.max_body);
    let read = async {
        may.map_err(Into::into)?;
        json_only(headers, incoming.is_nothing())?;
        let bytes = incoming.whole(headers, places, limits).await?;
        let Object(asked) = json::read(&bytes)?;
        Ok((asked, bytes.parsed()))
    };
    let read = read.await;
    incoming.settle(headers, read).await
}

/// A body being read.
pub(crate) struct Incoming {
    stream: BodyDataStream,
    read: u64,
    most: u64,
    /// The time that was spent waiting for the sender.
    waited: Duration,
    ended: bool,
}

impl Incoming {
    /// Begins to read a body of at most `most` bytes.
    pub(crate) fn new(body: Body, most: u64) -> Self {
        Self {
            stream: body.into_data_stream(),
            read: 0,
            most,
            waited: Duration::ZERO,
            ended: false,
        }
    }

    /// Returns whether there is no body.
    pub(crate) fn is_nothing(&self) -> bool {
        self.stream.is_end_stream()
    }

    /// Returns the next part. It must arrive within `within`, and from then on all parts must keep the least speed.
    pub(crate) async fn next(&mut self, within: Duration) -> Result<Option<Bytes>, Problem> {
        let earned = within + Duration::from_millis(self.read * 1_000 / LEAST);
        let left = earned.min(LONGEST).saturating_sub(self.waited);
        let start = Instant::now();
        let next = timeout(within.min(left), self.stream.next()).await;
        self.waited += start.elapsed();
        match next {
            Err(_) => Err(Problem::usual(Kind::Timeout)),
            Ok(None) => {
                self.ended = true;
                Ok(None)
            }
            Ok(Some(Err(_))) => {
                self.ended = true;
                Err(Problem::new(Kind::Malformed, "the body ended too early: send it again"))
            }
            Ok(Some(Ok(bytes))) => {
                self.read += bytes.len() as u64;
                if self.read > self.most {
                    return Err(self.too_large());
                }
                Ok(Some(bytes))
            }
        }
    }

    /// Reads a whole JSON body in time, and refuses one with too many values. A large body takes an upload slot.
    pub(crate) async fn whole(
        &mut self,
        headers: &HeaderMap,
        places: &OfCaller<'_>,
        limits: &Api,
    ) -> Result<Buffered, Problem> {
        let within = limits.request_timeout;
        let announced: Option<u64> = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length| length > self.most) {
            return Err(self.too_large());
        }
        let until = Instant::now() + within;
        // Grows with what arrives: a caller may announce more than it sends.
        let (mut bytes, mut held) = (Vec::new(), places.body());
        let mut permit = None;
        while let Some(part) = timeout_at(until, self.next(within))
            .await
            .map_err(|_| Problem::usual(Kind::Timeout))??
        {
            if bytes.len() + part.len() > UPLOAD_FROM && permit.is_none() {
                permit = Some(places.upload()?);
            }
            held.take(part.len()).await?;
            bytes.extend_from_slice(&part);
        }
        Buffered::checked(bytes, held, limits).await
    }

    /// Returns `made`. If it is a refusal, this first reads and drops the rest of the body.
    pub(crate) async fn settle<T>(&mut self, headers: &HeaderMap, made: Result<T, Problem>) -> Result<T, Problem> {
        if let Err(problem) = &made {
            self.refused(headers, problem).await;
        }
        made
    }

    /// Reads and drops the rest of a refused body, within [`LINGER`].
    async fn refused(&mut self, headers: &HeaderMap, problem: &Problem) {
        if problem.kind == Kind::Timeout {
            // The caller was too slow already, so this does not wait again.
            return;
        }
        if self.read == 0 && headers.contains_key(header::EXPECT) {
            // The caller waits for 100 Continue before it sends the body. Reading would send that.
            return;
        }
        let (most, within) = LINGER;
        let until = Instant::now() + within;
        let mut dropped = 0;
        while !self.ended && dropped < most {
            match timeout_at(until, self.stream.next()).await {
                Ok(Some(Ok(bytes))) => dropped += bytes.len(),
                Ok(Some(Err(_)) | None) | Err(_) => self.ended = true,
            }
        }
    }

    fn too_large(&self) -> Problem {
        let detail = format!("send at most {} bytes: split it into several requests", self.most);
        Problem::new(Kind::TooLarge, detail)
    }
}
