//! Publishes the rings (notifications) of this process, over a connection of its own.

use std::sync::Arc;
use std::time::Instant;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult};
use tokio::time::{MissedTickBehavior, interval};

use super::Ring;
use super::link::{Backoff, Channels, Links, Timing, answered};
use super::outbox::{Outbox, Pending};
use crate::metrics;

/// Connects, publishes until an error, and begins again; never returns.
pub(super) async fn run(client: Client, channels: Channels, outbox: Arc<Outbox>, links: Arc<Links>, timing: Timing) {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timing.answer))
        .set_response_timeout(Some(timing.answer));
    let mut backoff = Backoff::new(timing);
    loop {
        let connected = answered(timing, client.get_multiplexed_async_connection_with_config(&config)).await;
        let error = match connected {
            Ok(mut connection) => {
                let Err(error) = serve(&mut connection, &channels, &outbox, &links, timing, &mut backoff).await;
                // A message without an answer may be lost with the connection.
                outbox.add(Ring::Everything);
                outbox.add(Ring::Work);
                error
            }
            Err(error) => error,
        };
        links.set(|state| state.publishing = false);
        links.warn(&error);
        backoff.wait().await;
    }
}

async fn serve(
    connection: &mut MultiplexedConnection,
    channels: &Channels,
    outbox: &Outbox,
    links: &Links,
    timing: Timing,
    backoff: &mut Backoff,
) -> RedisResult<std::convert::Infallible> {
    let mut pings = interval(timing.ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // The first tick is at once: only an answer proves the connection.
            _ = pings.tick() => {
                let asked = Instant::now();
                answered(timing, redis::cmd("PING").query_async::<()>(connection)).await?;
                backoff.reset();
                links.set(|state| {
                    state.publishing = true;
                    state.latency = Some(asked.elapsed());
                });
            }
            pending = outbox.take() => {
                let rings = pending.len();
                match answered(timing, pipeline(channels, &pending).query_async::<()>(connection)).await {
                    Ok(()) => metrics::doorbell_sent(rings),
                    Err(error) => {
                        metrics::doorbell_failed(rings);
                        outbox.put_back(pending);
                        return Err(error);
                    }
                }
            }
        }
    }
}

fn pipeline(channels: &Channels, pending: &Pending) -> redis::Pipeline {
    let mut pipeline = redis::pipe();
    if pending.work {
        pipeline.cmd("PUBLISH").arg(&channels.work).arg("").ignore();
    }
    if pending.everything {
        // A message without an id means: look at everything.
        pipeline.cmd("PUBLISH").arg(&channels.changed).arg("").ignore();
    }
    for (job, may_end) in &pending.jobs {
        let ring = if *may_end {
            Ring::Changed(*job)
        } else {
            Ring::Progress(*job)
        };
        let payload = Channels::write(ring);
        pipeline.cmd("PUBLISH").arg(&channels.changed).arg(payload).ignore();
    }
    pipeline
}
