//! The hunt: random jobs against a model of rows and points that shares no code with the worker. A fault is an element
//! that a job deletes and the model keeps, or an element that remains after a success.
//!
//! `tests/run hunt --seed N --minutes M` starts the servers and runs it. A run consists of worlds: a few memories of a
//! few people in a site, which is a kind of mapping over a database. The seed and its number determine a world, so
//! `--seed N --world K` repeats it. The hunt shrinks a fault by leaving elements out.
//!
//! Some jobs run under a hold, which is released once they rest. The model says what must stay until then.
#![expect(clippy::unwrap_used, reason = "a hunt that cannot go on ends")]

mod ask;
mod fleet;
mod generate;
mod hold;
mod model;
mod options;
mod report;
mod round;
mod shape;
mod shrink;
mod site;
mod stores;
mod verdict;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use fleet::{Fleet, Lane, Mode};
use options::Options;
use report::{Report, say};
use site::Site;

/// The interval between progress lines.
const EVERY: Duration = Duration::from_secs(30);

/// The number of faults that ends a run.
const ENOUGH: u64 = 200;

#[tokio::main]
async fn main() -> ExitCode {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let Some(options) = Options::read(std::env::args().skip(1)) else {
        say(options::USAGE);
        return ExitCode::from(2);
    };
    say(&format!("hunt: --seed {}", options.seed));
    let report = Arc::new(Report::new());
    let (mut hunting, mut fleets) = (JoinSet::new(), Vec::new());
    for mode in Mode::ALL {
        let sites = sites(&options, mode);
        if sites.is_empty() {
            continue;
        }
        let (fleet, lanes) = Box::pin(Fleet::start(mode, sites)).await;
        let fleet = Arc::new(fleet);
        fleets.push(Arc::clone(&fleet));
        for lane in lanes {
            hunting.spawn(Box::pin(hunt(
                Arc::clone(&fleet),
                lane,
                options.clone(),
                Arc::clone(&report),
            )));
        }
    }
    say(&report.line());
    let said = Arc::clone(&report);
    let saying = tokio::spawn(async move {
        loop {
            tokio::time::sleep(EVERY).await;
            say(&said.line());
        }
    });
    let mut broken = false;
    while let Some(ended) = hunting.join_next().await {
        broken |= ended.is_err();
    }
    saying.abort();
    // All hunting tasks have ended.
    for fleet in fleets.into_iter().filter_map(Arc::into_inner) {
        fleet.end().await;
    }
    say(&report.line());
    say(&report.summary());
    if broken {
        say("the hunt in a site did not finish");
    }
    if broken || report.faults() > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Returns the chosen sites of a mode, with their numbers among the sites of all modes.
fn sites(options: &Options, mode: Mode) -> Vec<(u64, Site)> {
    let sites = site::all();
    let first = Mode::ALL.iter().position(|other| *other == mode).unwrap_or_default() * sites.len();
    let lanes = sites.len() * Mode::ALL.len();
    let numbered = sites
        .into_iter()
        .enumerate()
        .map(|(n, site)| ((first + n) as u64, site));
    numbered
        .filter(|(number, site)| match options.world {
            Some(world) => world % lanes as u64 == *number,
            None => options.takes(mode, site),
        })
        .collect()
}

/// Runs rounds in one site until the time is over or there are enough faults.
async fn hunt(fleet: Arc<Fleet>, lane: Lane, options: Options, report: Arc<Report>) {
    if let Some(world) = options.world {
        return round::round(&fleet, &lane, options.seed, &[world], &report).await;
    }
    let lanes = (site::all().len() * Mode::ALL.len()) as u64;
    let start = Instant::now();
    let mut next = lane.number;
    while start.elapsed() < options.time && report.faults() < ENOUGH {
        let _turn = fleet.turns.acquire().await.unwrap();
        let numbers: Vec<u64> = (0..fleet.mode.worlds()).map(|n| next + n * lanes).collect();
        next += fleet.mode.worlds() * lanes;
        Box::pin(round::round(&fleet, &lane, options.seed, &numbers, &report)).await;
    }
}
