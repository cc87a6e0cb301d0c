//! Reading bodies: bounded in size, in time, and in how many large ones there are at once.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use lethe_common::config::Api;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout, timeout_at};

use super::json;
use super::limits::places::OfCaller;
use super::media_type::json_only;
use super::object::Object;
use super::problem::{Kind, Problem};
use super::shape;

/// What a body may hold before it counts as an upload; a job of some hundred ids.
const UPLOAD_FROM: usize = 64 << 10;

/// The least pace of a body, in bytes a second: a caller who sends a byte now and then holds a place for ever.
const LEAST: u64 = 1_024;

/// How long any body is waited for at most, all its parts together.
const LONGEST: Duration = Duration::from_hours(1);

/// How much of a refused body is still read, and for how long: a caller that is still sending
/// when the connection closes would not see why.
const LINGER: (usize, Duration) = (16 << 20, Duration::from_secs(2));

/// Reads a body that is a JSON object, if its caller `may` do anything with it.
pub(crate) async fn object<T: DeserializeOwned>(
    may: Result<(), impl Into<Problem>>,
    headers: &HeaderMap,
    body: Body,
    limits: &Api,
    places: &OfCaller<'_>,
) -> Result<T, Problem> {
    let mut incoming = Incoming::new(body, limits.max_body);
    let read = async {
        may.map_err(Into::into)?;
        json_only(headers, incoming.is_nothing())?;
        let bytes = incoming.whole(headers, places, limits).await?;
        let Object(asked) = json::read(&bytes)?;
        Ok(asked)
    };
    let read = read.await;
    incoming.settle(headers, read).await
}

/// A body being read.
pub(crate) struct Incoming {
    stream: BodyDataStream,
    read: u64,
    most: u64,
    /// How long its sender was waited for.
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

    /// Returns the next part, which must arrive within `within`, and all of them together at the least pace from then on.
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
                Err(Problem::new(Kind::Malformed, "the body broke off: send it again"))
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

    /// Reads all of it, which is JSON, in time and of no more values than any request needs; a large one takes a place.
    pub(crate) async fn whole(
        &mut self,
        headers: &HeaderMap,
        places: &OfCaller<'_>,
        limits: &Api,
    ) -> Result<Vec<u8>, Problem> {
        let within = limits.request_timeout;
        let announced: Option<u64> = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length| length > self.most) {
            return Err(self.too_large());
        }
        let until = Instant::now() + within;
        let announced = announced.map_or(0, |length| usize::try_from(length).unwrap_or(0));
        let mut bytes = Vec::with_capacity(announced.min(UPLOAD_FROM));
        let mut permit = None;
        while let Some(part) = timeout_at(until, self.next(within))
            .await
            .map_err(|_| Problem::usual(Kind::Timeout))??
        {
            if bytes.len() + part.len() > UPLOAD_FROM && permit.is_none() {
                permit = Some(places.upload()?);
                bytes.reserve(announced.saturating_sub(bytes.len()));
            }
            bytes.extend_from_slice(&part);
        }
        shape::check(&bytes, limits.max_ids_per_request)?;
        Ok(bytes)
    }

    /// Passes on what was made of the body; of a refused one, reads and drops the rest first.
    pub(crate) async fn settle<T>(&mut self, headers: &HeaderMap, made: Result<T, Problem>) -> Result<T, Problem> {
        if let Err(problem) = &made {
            self.refused(headers, problem).await;
        }
        made
    }

    /// Reads and drops what is left of a refused body, within reason.
    async fn refused(&mut self, headers: &HeaderMap, problem: &Problem) {
        if problem.kind == Kind::Timeout {
            // Who was too slow already is not waited for once more.
            return;
        }
        if self.read == 0 && headers.contains_key(header::EXPECT) {
            // The caller waits to be asked for the body, and reading asks.
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
