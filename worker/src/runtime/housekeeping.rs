//! A worker's housekeeping: it reports its health and that of its stores, and applies time limits and retention in the
//! ledger.
//!
//! Every worker does all of it, and repeating a step changes nothing. Each look says for how long nothing can be due. So
//! an idle ledger is asked once a minute, by each worker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use lethe_common::ledger::{Kept, LedgerError, Route, WorkerReport};
use lethe_common::limits;
use lethe_common::metrics::{self, Dependency};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::lease::Environment;
use crate::store::StoreError;
use crate::targets::{Looked, Mapped, MappingLog, Pinged, Stores};

/// How often a worker reports and sweeps.
// Short enough that `/v1/workers` shows news, such as a vanished target, within seconds.
const INTERVAL: Duration = Duration::from_secs(5);

/// The shortest time between two reports, since a flapping store changes often.
const PACE: Duration = Duration::from_millis(500);

/// The interval between schema reads. Jobs notice a changed column type only where it makes a memory absent, and the API
/// refuses queries by type.
const REREAD: Duration = Duration::from_mins(5);

/// Checks the stores, reports and sweeps until `stop`.
pub(crate) async fn run(env: Arc<Environment>, stop: CancellationToken) {
    // Three loops: a check waits for the slowest store, a sweep for the ledger. Neither may delay the reports.
    let news = Notify::new();
    tokio::join!(
        look(&env, &news, &stop),
        report(&env, &news, &stop),
        sweep_now_and_then(&env, &stop)
    );
    if env.ledger.forget_worker(&env.name).await.is_err() {
        tracing::debug!("the worker could not remove itself from the ledger");
    }
}

/// Checks the stores of each target separately, so that a store that hangs does not delay the reports on the others.
async fn look(env: &Environment, news: &Notify, stop: &CancellationToken) {
    let targets = env.mappings.targets.iter();
    join_all(targets.map(|stores| look_after(env, stores, news, stop))).await;
}

/// Checks the stores of a target until `stop`.
async fn look_after(env: &Environment, stores: &Stores, news: &Notify, stop: &CancellationToken) {
    let (mut ticks, mut mapping_log) = (ticks(), MappingLog::default());
    let mut read = Instant::now();
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if read.elapsed() >= REREAD {
            read = Instant::now();
            for mapped in mapped(env, stores) {
                mapped.reread().await;
            }
        }
        let Some((seen, looked)) = stop.run_until_cancelled(target(env, stores)).await else {
            return;
        };
        for looked in &looked {
            mapping_log.note(looked);
        }
        if env.health.saw(&stores.name, seen) {
            news.notify_one();
        }
    }
}

/// Returns the mappings of a target.
fn mapped<'e>(env: &'e Environment, stores: &'e Stores) -> impl Iterator<Item = &'e Arc<Mapped>> {
    let all = env.mappings.all();
    all.filter(|mapped| mapped.route.target == stores.name)
}

/// Reports the health of the worker and its stores, at intervals and at once after a change. The API waits for the
/// column types, and a job that is given up names the outage of its store.
async fn report(env: &Environment, news: &Notify, stop: &CancellationToken) {
    let mut ticks = ticks();
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next = async || {
        tokio::select! {
            _ = ticks.tick() => {}
            () = news.notified() => {}
            () = env.breakers.fell_ill() => {}
        }
        pace.tick().await;
    };
    while stop.run_until_cancelled(next()).await.is_some() {
        if let Err(error) = tell(env).await {
            env.health.could_not_write();
            tracing::debug!(error = %error, "the worker could not report");
            metrics::dependency(Dependency::Ledger, false, None);
        }
    }
}

/// Sweeps the ledger, again and again.
async fn sweep_now_and_then(env: &Environment, stop: &CancellationToken) {
    let mut wait = Duration::ZERO;
    while stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_some() {
        wait = sweep(env).await.unwrap_or_else(|error| {
            tracing::warn!(ledger.sqlstate = error.sqlstate(), error = %error, "the housekeeping of the ledger failed");
            INTERVAL
        });
    }
}

fn ticks() -> Interval {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Reports, and keeps up with the mappings of other workers. If the worker claims for other mappings after that, it
/// reports once more: their jobs would seem to wait for a worker until the next report.
async fn tell(env: &Environment) -> Result<(), LedgerError> {
    let start = Instant::now();
    let routes = env.mappings.routes();
    let revision = write(env, routes.clone()).await?;
    env.health.reported();
    metrics::dependency(Dependency::Ledger, true, Some(start.elapsed()));
    // A worker whose slots are all busy does not look for work, and would not hear of a change otherwise.
    env.mappings.siblings.keep_up(&env.ledger, revision).await?;
    let present = env.mappings.routes();
    if present != routes {
        write(env, present).await?;
    }
    Ok(())
}

/// Writes the report of a worker that claims for `routes`. Returns the revision of the siblings.
async fn write(env: &Environment, routes: Vec<Route>) -> Result<i64, LedgerError> {
    let report = WorkerReport {
        name: env.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        slots: u32::try_from(env.config.worker.slots).unwrap_or(u32::MAX),
        routes,
        siblings: env.mappings.siblings.keys(),
        targets: targets(env),
        claimed: env.health.has_worked(),
    };
    env.ledger.report_worker(&report).await
}

/// Returns the health of the targets as last seen, with the errors that calls met since.
fn targets(env: &Environment) -> Value {
    let mut targets = env.health.targets();
    for (name, seen) in &mut targets {
        seen["met"] = json!(env.breakers.illness(name));
        // As durations: the clock of this machine may differ from the ledger's.
        let (since, next) = env.breakers.course(name, Instant::now()).unzip();
        seen["met_for_ms"] = json!(since.map(millis));
        seen["next_in_ms"] = json!(next.flatten().map(millis));
    }
    Value::Object(targets)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Applies time limits and retention. Returns the time until the next sweep.
async fn sweep(env: &Environment) -> Result<Duration, LedgerError> {
    let retention = &env.config.retention;
    let wait = limits::give_up(&env.ledger, &env.doorbell).await?;
    let dropped = env.ledger.drop_abandoned_uploads().await?;
    let kept = Kept {
        items: retention.items,
        jobs: retention.jobs,
        keys: retention.idempotency,
        audit: retention.audit,
        receipts: retention.receipts,
    };
    // A pause as long as each step leaves half of the time to other writers.
    let (start, mut quiet) = (Instant::now(), Duration::ZERO);
    while start.elapsed() < INTERVAL / 2 {
        let step = Instant::now();
        let forgot = env.ledger.forget(kept).await?;
        if !forgot.more {
            quiet = forgot.quiet;
            break;
        }
        tokio::time::sleep(step.elapsed()).await;
    }
    if dropped > 0 {
        // There may be more uploads than one step drops.
        quiet = Duration::ZERO;
    }
    Ok(wait.min(quiet.max(INTERVAL)))
}

/// Returns a target's health (its stores and the faults of its mappings), and the result for each mapping.
async fn target(env: &Environment, stores: &Stores) -> (Value, Vec<Looked>) {
    let looks = join_all(mapped(env, stores).map(|mapped| look_at(env, mapped)));
    let (health, looked) = tokio::join!(health(env, stores), looks);
    let faults: Vec<Value> = looked.iter().flat_map(told).collect();
    let types = join_all(mapped(env, stores).map(|mapped| types(mapped))).await;
    let types: Map<String, Value> = types.into_iter().flatten().collect();
    (json!({"stores": health, "faults": faults, "types": types}), looked)
}

/// Returns the health of a target's stores.
async fn health(env: &Environment, stores: &Stores) -> Map<String, Value> {
    let mut health = Map::new();
    for (store, pinged) in stores.ping().await {
        let Some(Pinged { answer, took }) = pinged else {
            continue;
        };
        let up = answer.is_ok();
        metrics::dependency(Dependency::Store(&stores.name, store), up, up.then_some(took));
        metrics::breaker(&stores.name, store, env.breakers.is_open(&stores.name, store));
        let code = answer.err().map(|error| error.code());
        health.insert(store.as_str().to_owned(), json!({"up": up, "code": code}));
    }
    health
}

/// Returns the column types of a table, if it can be opened.
async fn types(mapped: &Mapped) -> Option<(String, Value)> {
    let table = mapped.sql().await.ok().flatten()?;
    Some((mapped.route.table.clone(), json!(table.types())))
}

/// Returns the faults of a mapping, as far as its stores answer.
async fn look_at(env: &Environment, mapped: &Mapped) -> Looked {
    let mut looked = Looked {
        route: mapped.route.clone(),
        faults: env.mappings.siblings.faults(&mapped.route).into_iter().collect(),
        whole: true,
    };
    for error in [mapped.sql().await.err(), mapped.vector().await.err()] {
        match error {
            Some(StoreError::Mapping { faults, .. }) => {
                looked.faults.extend(faults.iter().map(ToString::to_string));
            }
            Some(_) => looked.whole = false,
            None => {}
        }
    }
    looked
}

/// Returns the faults of a mapping in the form that the ledger stores.
fn told(looked: &Looked) -> impl Iterator<Item = Value> {
    let table = &looked.route.table;
    looked
        .faults
        .iter()
        .map(move |fault| json!({"table": table, "fault": fault}))
}

#[cfg(test)]
mod tests {
    use sqlx::Executor as _;

    use super::*;
    use crate::fixture;

    #[tokio::test]
    async fn a_report_shows_that_the_ledger_answers() {
        let (_directory, env) = fixture::worker().await;
        env.health.claimed();
        // As if all slots had been busy, or the next poll were far away.
        env.health.ledger_was_silent();
        assert!(!env.health.is_ready());
        tell(&env).await.unwrap();
        assert!(env.health.is_ready());
    }

    #[tokio::test]
    async fn a_worker_that_does_not_look_hears_of_changed_mappings_when_it_reports() {
        let (directory, env) = fixture::worker().await;
        tell(&env).await.unwrap();
        let read = env.mappings.siblings.revision().unwrap();
        let ledger = sqlx::AnyPool::connect(&fixture::ledger_url(&directory)).await.unwrap();
        ledger.execute("UPDATE revisions SET n = n + 1").await.unwrap();
        tell(&env).await.unwrap();
        assert_eq!(env.mappings.siblings.revision(), Some(read + 1));
    }

    #[tokio::test]
    async fn the_first_report_ends_with_the_mappings_that_the_worker_claims_for() {
        let (_directory, env) = fixture::worker_of(fixture::one_table()).await;
        assert!(env.mappings.routes().is_empty(), "it has not read those of others yet");
        tell(&env).await.unwrap();
        let routes = env.mappings.routes();
        assert_eq!(routes.len(), 1);
        let seen = env.ledger.seen_workers(INTERVAL).await.unwrap().routes;
        assert!(seen.contains(&routes[0].to_string()), "{seen:?}");
    }

    #[tokio::test]
    async fn abandoned_uploads_are_dropped_step_by_step_and_not_minute_by_minute() {
        let (directory, env) = fixture::worker().await;
        env.ledger.accept(fixture::job(vec!["a".to_owned()])).await.unwrap();
        let ledger = sqlx::AnyPool::connect(&fixture::ledger_url(&directory)).await.unwrap();
        ledger
            .execute("UPDATE jobs SET state = 'receiving', idle_since = NULL, touched_at = 0")
            .await
            .unwrap();
        assert_eq!(sweep(&env).await.unwrap(), INTERVAL, "there may be more of them");
        assert_eq!(sweep(&env).await.unwrap(), limits::LONGEST, "nothing can be due");
    }
}
