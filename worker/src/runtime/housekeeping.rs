//! What a worker does beside erasing: it says how it and its stores are, and lets time take its
//! course in the ledger.
//!
//! Every worker does all of it; doing it twice changes nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use lethe_common::ledger::{Kept, LedgerError, WorkerReport};
use lethe_common::limits;
use lethe_common::metrics::{self, Dependency};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::lease::Environment;
use crate::store::StoreError;
use crate::targets::{Looked, Mapped, MappingLog, Stores};

/// How often a worker reports and sweeps.
// Often enough that `/v1/workers` and a vanished target show within seconds.
const INTERVAL: Duration = Duration::from_secs(5);

/// The shortest time between two reports: a store that fails now and then changes often.
const PACE: Duration = Duration::from_millis(500);

/// How often schemas are read anew. Nothing else would tell that a column has another type now, by which the
/// API refuses queries.
const REREAD: Duration = Duration::from_mins(5);

/// Looks, reports and sweeps until `stop`.
pub(crate) async fn run(env: Arc<Environment>, stop: CancellationToken) {
    // Apart, since a look waits for the slowest store, and a sweep for the ledger: neither must make the worker look dead.
    let news = Notify::new();
    tokio::join!(
        look(&env, &news, &stop),
        report(&env, &news, &stop),
        sweep_now_and_then(&env, &stop)
    );
    if env.ledger.forget_worker(&env.name).await.is_err() {
        tracing::debug!("the worker could not take its leave");
    }
}

/// Looks at the stores, at those of each target by themselves: one that hangs must not keep the worker from saying how
/// the others are.
async fn look(env: &Environment, news: &Notify, stop: &CancellationToken) {
    let targets = env.mappings.targets.iter();
    join_all(targets.map(|stores| look_after(env, stores, news, stop))).await;
}

/// Looks at the stores of a target.
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

/// Reports how the worker and its stores are: at intervals, and at once when something has changed. The API waits for the types of
/// columns, and a job that is given up names the outage of its store.
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

/// Lets time take its course in the ledger.
async fn sweep_now_and_then(env: &Environment, stop: &CancellationToken) {
    let mut ticks = ticks();
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = sweep(env).await {
            tracing::warn!(ledger.sqlstate = error.sqlstate(), error = %error, "the ledger could not be swept");
        }
    }
}

fn ticks() -> Interval {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn tell(env: &Environment) -> Result<(), LedgerError> {
    let start = Instant::now();
    env.mappings.siblings.publish(&env.ledger).await?;
    env.ledger
        .report_worker(&WorkerReport {
            name: env.name.clone(),
            version: env!("CARGO_PKG_VERSION"),
            slots: u32::try_from(env.config.worker.slots).unwrap_or(u32::MAX),
            routes: env.mappings.routes(),
            siblings: env.mappings.siblings.keys(),
            targets: targets(env),
            claimed: env.health.has_worked(),
        })
        .await?;
    metrics::dependency(Dependency::Ledger, true, Some(start.elapsed()));
    Ok(())
}

/// Returns how the targets are, as far as was seen, with what calls met since.
fn targets(env: &Environment) -> Value {
    let mut targets = env.health.targets();
    for (name, seen) in &mut targets {
        seen["met"] = json!(env.breakers.illness(name));
    }
    Value::Object(targets)
}

async fn sweep(env: &Environment) -> Result<(), LedgerError> {
    let retention = &env.config.retention;
    limits::give_up(&env.ledger, &env.doorbell).await?;
    env.ledger.drop_abandoned_uploads().await?;
    let kept = Kept {
        items: retention.items,
        jobs: retention.jobs,
        keys: retention.idempotency,
        audit: retention.audit,
    };
    // As long again for others as each step took.
    let start = Instant::now();
    while start.elapsed() < INTERVAL / 2 {
        let step = Instant::now();
        if !env.ledger.forget(kept).await? {
            break;
        }
        tokio::time::sleep(step.elapsed()).await;
    }
    Ok(())
}

/// Returns how a target is, its stores and what does not fit its mappings, and how each mapping is.
async fn target(env: &Environment, stores: &Stores) -> (Value, Vec<Looked>) {
    let looks = join_all(mapped(env, stores).map(|mapped| look_at(env, mapped)));
    let (health, looked) = tokio::join!(health(env, stores), looks);
    let faults: Vec<Value> = looked.iter().flat_map(told).collect();
    let types = join_all(mapped(env, stores).map(|mapped| types(mapped))).await;
    let types: Map<String, Value> = types.into_iter().flatten().collect();
    (json!({"stores": health, "faults": faults, "types": types}), looked)
}

/// Returns how a target's stores are.
async fn health(env: &Environment, stores: &Stores) -> Map<String, Value> {
    let mut health = Map::new();
    let start = Instant::now();
    for (store, answer) in stores.ping().await {
        let Some(answer) = answer else { continue };
        let up = answer.is_ok();
        let latency = start.elapsed();
        metrics::dependency(Dependency::Store(&stores.name, store), up, up.then_some(latency));
        metrics::breaker(&stores.name, store, env.breakers.is_open(&stores.name));
        let code = answer.err().map(|error| error.code());
        health.insert(store.as_str().to_owned(), json!({"up": up, "code": code}));
    }
    health
}

/// Returns what the columns of a table hold, as far as it can be opened.
async fn types(mapped: &Mapped) -> Option<(String, Value)> {
    let table = mapped.sql().await.ok().flatten()?;
    Some((mapped.route.table.clone(), json!(table.types())))
}

/// Returns what does not fit a mapping, as far as its stores can be asked.
async fn look_at(env: &Environment, mapped: &Mapped) -> Looked {
    let mut looked = Looked {
        route: mapped.route.clone(),
        faults: env.mappings.siblings.faults(&mapped.route).into_iter().collect(),
        whole: true,
    };
    for error in [mapped.sql().await.err(), mapped.vector().await.err()] {
        match error {
            Some(StoreError::Mapping { faults }) => {
                looked.faults.extend(faults.iter().map(ToString::to_string));
            }
            Some(_) => looked.whole = false,
            None => {}
        }
    }
    looked
}

/// Returns the faults of a mapping as the ledger is told.
fn told(looked: &Looked) -> impl Iterator<Item = Value> {
    let table = &looked.route.table;
    looked
        .faults
        .iter()
        .map(move |fault| json!({"table": table, "fault": fault}))
}
