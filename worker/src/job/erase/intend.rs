//! Committing the intents of a batch: nothing outside the ledger is touched before.

use lethe_common::ledger::Go;

use super::begin::{give_back, wait_for_turn};
use super::share::Share;
use crate::lease::{self, Environment, LEDGER_REFUSED, Stop};

/// Commits the intents; returns the shares that may go on.
pub(super) async fn intend(env: &Environment, shares: Vec<Share>) -> Result<Vec<Share>, Stop> {
    let mut going = Vec::with_capacity(shares.len());
    let mut asking = Vec::new();
    for share in shares {
        if share.fresh && share.intent.has_effect() {
            match reserve(env, &share).await? {
                None => asking.push(share),
                Some(wait) => wait_for_turn(env, share.lease, wait).await?,
            }
        } else {
            going.push(share);
        }
    }
    if asking.is_empty() {
        return Ok(going);
    }
    let intents = asking
        .iter()
        .map(|share| (&share.lease, share.intent.text(&share.lease)));
    let answers = lease::intend(env, intents.collect()).await?;
    for (share, answer) in asking.into_iter().zip(answers) {
        match answer {
            Go::Proceed(_) => going.push(share),
            Go::Cancel(_) => share.lease.cancel(env).await?,
            Go::Pause(_) => give_back(env, share.lease, env.config.worker.poll).await?,
            Go::Lost => share.lease.forget(env),
            Go::Refused => share.lease.fail(env, LEDGER_REFUSED).await?,
        }
    }
    Ok(going)
}

/// Reserves a throttled job's time for a batch; returns how many milliseconds to wait instead.
async fn reserve(env: &Environment, share: &Share) -> Result<Option<u64>, Stop> {
    if share.lease.job.per_second.is_none() {
        return Ok(None);
    }
    let n = u64::try_from(share.intent.entries.len()).expect("a length fits 64 bits");
    share.lease.ask(env, || env.ledger.reserve(&share.lease, n)).await
}
