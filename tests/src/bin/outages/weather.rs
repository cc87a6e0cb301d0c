//! The weather: outages of stores, pauses and worker deaths, all drawn from the seed.

use std::sync::Arc;
use std::time::Duration;

use lethe_tests::random::Random;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::fleet::{Fleet, WORKERS};
use crate::options::Options;
use crate::person::Person;
use crate::sites::{Sites, TARGETS};
use crate::timeline::{Timeline, now};

/// A place that can be ill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The database of a target.
    Sql(usize),
    /// The vector store of a target.
    Vector(usize),
    Ledger,
    Redis,
}

/// The illness of a place. A SQLite file has no server in between: each illness locks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Illness {
    /// It accepts connections and never answers.
    Hangs,
    /// Each message and each answer arrives so much later.
    Slow(Duration),
    /// No server listens.
    Refuses,
    /// It closes every connection.
    Cuts,
}

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Outage(Place, Illness),
    /// A target is paused, or everything.
    Pause(Option<usize>),
    /// A worker is dead.
    Death(usize),
    /// No window of a schedule is open. The number is that of its deletion.
    Closed(usize),
}

/// A planned event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned {
    pub(crate) what: What,
    at: Duration,
    lasts: Duration,
}

/// The stream of the seed that weather is drawn from.
const STREAM: u64 = 1 << 40;

/// Draws the weather of a run, in order of time.
pub(crate) fn draw(options: &Options) -> Vec<Planned> {
    let mut all = Vec::new();
    for (kind, draw) in [outage, pause, death].into_iter().enumerate() {
        let mut random = Random::of(options.seed, STREAM + kind as u64);
        let mut drawn: Vec<Planned> = Vec::new();
        let mut at = Duration::ZERO;
        loop {
            let (gap, what, lasts) = draw(&mut random, options);
            at += gap;
            if at >= options.time {
                break;
            }
            // A place has one illness at a time.
            if !drawn
                .iter()
                .any(|other| other.what.is_where(what) && other.at + other.lasts >= at)
            {
                drawn.push(Planned { what, at, lasts });
            }
        }
        all.extend(drawn);
    }
    all.sort_by_key(|planned| planned.at);
    all
}

impl What {
    fn is_where(self, other: Self) -> bool {
        match (self, other) {
            (Self::Outage(place, _), Self::Outage(other, _)) => place == other,
            (what, other) => what == other,
        }
    }
}

/// Draws an outage every 40 seconds on average, of a second to five minutes. Those of ledger and doorbell are short.
fn outage(random: &mut Random, options: &Options) -> (Duration, What, Duration) {
    let times = options.times;
    let place = match random.below(TARGETS * 2 + 2) {
        n if n < TARGETS => Place::Sql(n),
        n if n < TARGETS * 2 => Place::Vector(n - TARGETS),
        n if n == TARGETS * 2 => Place::Ledger,
        _ => Place::Redis,
    };
    let illness = match random.below(4) {
        0 => Illness::Hangs,
        // Up to the time limit of a call.
        1 => Illness::Slow(random.log_uniform([Duration::from_millis(20), times.store_timeout()])),
        2 => Illness::Refuses,
        _ => Illness::Cuts,
    };
    let longest = match place {
        Place::Sql(_) | Place::Vector(_) => 300.0,
        Place::Ledger | Place::Redis => 20.0,
    };
    (
        random.time(times.seconds(80.0)),
        What::Outage(place, illness),
        random.log_uniform(times.between(1.0, longest)),
    )
}

fn pause(random: &mut Random, options: &Options) -> (Duration, What, Duration) {
    let target = random.below(TARGETS);
    let scope = (!random.percent(30)).then_some(target);
    (
        random.time(options.times.seconds(600.0)),
        What::Pause(scope),
        random.log_uniform(options.times.between(5.0, 120.0)),
    )
}

fn death(random: &mut Random, options: &Options) -> (Duration, What, Duration) {
    (
        random.time(options.times.seconds(240.0)),
        What::Death(random.below(WORKERS)),
        random.log_uniform(options.times.between(0.5, 60.0)),
    )
}

/// Runs the weather and records its events. Returns when all of it is over.
pub(crate) async fn happen(
    weather: Vec<Planned>,
    sites: Arc<Sites>,
    fleet: Arc<Fleet>,
    person: Person,
    timeline: Arc<Timeline>,
) {
    let start = Instant::now();
    let mut happening = JoinSet::new();
    for planned in weather {
        let (sites, fleet, person) = (Arc::clone(&sites), Arc::clone(&fleet), person.clone());
        let timeline = Arc::clone(&timeline);
        happening.spawn(async move {
            sleep_until(start + planned.at).await;
            let asked = now();
            match planned.what {
                What::Outage(place, illness) => {
                    let ill = sites.fall_ill(place, illness).await;
                    let number = timeline.begin(planned.what, asked);
                    sleep(planned.lasts).await;
                    let asked = now();
                    sites.recover(place, ill).await;
                    timeline.end(number, asked);
                }
                What::Pause(scope) => {
                    person.pause(scope, true).await;
                    let number = timeline.begin(planned.what, asked);
                    sleep(planned.lasts).await;
                    let asked = now();
                    person.pause(scope, false).await;
                    timeline.end(number, asked);
                }
                What::Closed(_) => unreachable!("schedules are no weather"),
                What::Death(worker) => {
                    fleet.kill(worker);
                    let number = timeline.begin(planned.what, asked);
                    sleep(planned.lasts).await;
                    fleet.start(worker);
                    timeline.end(number, now());
                }
            }
        });
    }
    while let Some(ended) = happening.join_next().await {
        ended.unwrap();
    }
}
