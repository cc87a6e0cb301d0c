//! Receives the rings (notifications) of other processes, over a connection of its own.
//!
//! A plain publish/subscribe connection and a loop of our own, instead of a manager that reconnects by
//! itself: only a loop that subscribes anew knows that rings were lost in between, and can say so.

use std::sync::Arc;

use futures::StreamExt;
use redis::{Client, RedisError, RedisResult};
use tokio::sync::broadcast;
use tokio::time::{MissedTickBehavior, interval};

use super::Ring;
use super::link::{Backoff, Channels, Links, Timing, answered};
use crate::metrics;

/// Connects, listens until an error, and begins again; never returns.
pub(super) async fn run(
    client: Client,
    channels: Channels,
    rings: broadcast::Sender<Ring>,
    links: Arc<Links>,
    timing: Timing,
) {
    let mut backoff = Backoff::new(timing);
    loop {
        let Err(error) = serve(&client, &channels, &rings, &links, timing, &mut backoff).await;
        links.set(|state| state.listening = false);
        links.warn(&error);
        backoff.wait().await;
    }
}

async fn serve(
    client: &Client,
    channels: &Channels,
    rings: &broadcast::Sender<Ring>,
    links: &Links,
    timing: Timing,
    backoff: &mut Backoff,
) -> RedisResult<std::convert::Infallible> {
    let (mut sink, mut messages) = answered(timing, client.get_async_pubsub()).await?.split();
    answered(timing, sink.subscribe(&[&channels.work, &channels.changed])).await?;
    backoff.reset();
    links.set(|state| state.listening = true);
    // This process missed all rings before now.
    drop(rings.send(Ring::Everything));
    let mut pings = interval(timing.ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = messages.next() => {
                let closed = || RedisError::from((redis::ErrorKind::Io, "the connection was closed"));
                let message = message.ok_or_else(closed)?;
                metrics::doorbell_received(1);
                drop(rings.send(channels.read(message.get_channel_name(), message.get_payload_bytes())));
            }
            _ = pings.tick() => {
                // Messages that arrive meanwhile wait in the stream.
                answered(timing, sink.ping::<redis::Value>()).await?;
            }
        }
    }
}
