//! Committing the intents of a batch, before any effect outside the ledger.

use lethe_common::ledger::LeaseCheck;

use super::batch_part::BatchPart;
use super::begin::{give_back, wait_for_turn};
use crate::lease::{self, Environment, LEDGER_REFUSED, Stop};

/// Commits the intents. Returns the parts that may go on.
pub(super) async fn intend(env: &Environment, parts: Vec<BatchPart>) -> Result<Vec<BatchPart>, Stop> {
    let mut going = Vec::with_capacity(parts.len());
    let mut asking = Vec::new();
    for part in parts {
        if part.fresh && part.intent.has_effect() {
            match reserve(env, &part).await? {
                None => asking.push(part),
                Some(wait) => wait_for_turn(env, part.lease, wait).await?,
            }
        } else {
            going.push(part);
        }
    }
    if asking.is_empty() {
        return Ok(going);
    }
    let intents = asking.iter().map(|part| (&part.lease, part.intent.text(&part.lease)));
    let answers = lease::intend(env, intents.collect()).await?;
    for (part, answer) in asking.into_iter().zip(answers) {
        match answer {
            LeaseCheck::Proceed(_) => going.push(part),
            LeaseCheck::Cancel(_) => part.lease.cancel(env).await?,
            LeaseCheck::Pause(_) => give_back(env, part.lease, env.config.worker.poll).await?,
            LeaseCheck::Lost => part.lease.forget(env),
            LeaseCheck::Refused => part.lease.fail(env, LEDGER_REFUSED).await?,
        }
    }
    Ok(going)
}

/// Reserves a throttled job's time for a batch. Returns the milliseconds to wait if no time is free yet.
// The reservation comes before the intent, since a committed intent is finished without a further wait. If the ledger
// then answers that the job is paused, the time is spent without a batch: a pause that is shorter delays the job by at
// most one batch. Giving it back could exceed the rate limit, if the limit changes or another partition reserves.
async fn reserve(env: &Environment, part: &BatchPart) -> Result<Option<u64>, Stop> {
    if part.lease.job.per_second.is_none() {
        return Ok(None);
    }
    let n = u64::try_from(part.intent.entries.len()).expect("a length fits 64 bits");
    part.lease.ask(env, || env.ledger.reserve(&part.lease, n)).await
}
