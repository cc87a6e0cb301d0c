//! The outage run: real processes over stores that hang, refuse, slow down and cut connections, killed workers, and
//! callers who pause, cancel and retry. Meanwhile jobs arrive, each with a known right outcome.
//!
//! `tests/run outages --seed N --minutes M` starts the servers and runs it. The run ends without outages, until all
//! jobs have ended. Then the judge, which shares no code with workers, compares each job with its limit
//! (`retry.give_up_after`), the stores with the requests, and the totals with the jobs.
#![expect(clippy::unwrap_used, reason = "a run that cannot go on ends")]

mod attend;
mod counts;
mod evidence;
mod fleet;
mod follow;
mod jobs;
mod judge;
mod law;
mod neighbours;
mod options;
mod person;
mod remains;
mod report;
mod sites;
mod timeline;
mod times;
mod weather;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use attend::Attendant;
use evidence::Ledger;
use fleet::Fleet;
use follow::Follow;
use jobs::{Asked, Jobs};
use judge::{Fault, Judge, Wrong};
use options::Options;
use person::Person;
use report::say;
use sites::Sites;
use timeline::{Timeline, ms, now};

/// The interval between progress lines.
const EVERY: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let Some(options) = Options::read(std::env::args().skip(1)) else {
        say(options::USAGE);
        return ExitCode::from(2);
    };
    let minutes = options.time.as_secs_f64() / 60.0;
    say(&format!(
        "outages: --seed {} --minutes {minutes:.2} --scale {}; limit {:?}, tolerance {:?}",
        options.seed,
        options.times.scale,
        options.times.limit(),
        options.times.tolerance()
    ));
    if Box::pin(run(&options)).await {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs the outages. Returns whether there were no faults.
async fn run(options: &Options) -> bool {
    let sites = Arc::new(Sites::make(options.times).await);
    let ledger = Ledger::at(&sites.ledger);
    let fleet = Arc::new(Fleet::start_all(&sites).await);
    let follow = Arc::new(Follow::new(fleet.client.clone(), options.times, ledger.clone()));
    let timeline = Arc::new(Timeline::default());
    let person = Person {
        client: fleet.client.clone(),
    };
    let mut jobs = Jobs::new(options);
    let bystanders = jobs.bystanders.clone();
    for (target, memories) in bystanders.iter().enumerate() {
        sites.add(target, memories).await;
    }
    // A locked file accepts no writes: memories are written before the longest outage that may precede their job.
    let ahead = options.times.seconds(600.0);
    let mut asked: Vec<Arc<Asked>> = Vec::new();
    let mut later = None;
    for next in jobs.by_ref() {
        if next.at > ahead {
            later = Some(next);
            break;
        }
        asked.push(written(&sites, next).await);
    }
    let (began, start) = (now(), Instant::now());
    let attendant = Attendant {
        person: person.clone(),
        follow: Arc::clone(&follow),
        timeline: Arc::clone(&timeline),
        start,
    };
    let (mut attended, mut background) = (JoinSet::new(), JoinSet::new());
    for asked in &asked {
        attended.spawn(attendant.clone().attend(Arc::clone(asked)));
    }
    let looking = Arc::clone(&follow);
    background.spawn(async move { looking.look_on().await });
    let saying = (Arc::clone(&follow), Arc::clone(&timeline));
    background.spawn(async move { say_on(&saying.0, &saying.1).await });
    let weather = weather::draw(options);
    let happening = weather::happen(
        weather,
        Arc::clone(&sites),
        Arc::clone(&fleet),
        person,
        Arc::clone(&timeline),
    );
    let happening = tokio::spawn(happening);
    for next in later.into_iter().chain(jobs) {
        sleep_until((start + next.at).checked_sub(ahead).unwrap_or(start)).await;
        let next = written(&sites, next).await;
        attended.spawn(attendant.clone().attend(Arc::clone(&next)));
        asked.push(next);
    }
    happening.await.unwrap();
    say("the weather is over");
    let mut faults = ended(attended, options).await;
    background.shutdown().await;
    faults.extend(fleet.ended().into_iter().map(|text| Fault {
        wrong: Wrong::Died,
        job: None,
        text,
    }));
    let judge = Judge {
        times: options.times,
        spans: timeline.spans(),
        run: (began, now()),
    };
    let jobs = follow.jobs();
    for (id, job) in &jobs {
        faults.extend(judge.job(id, job));
    }
    faults.extend(remains::judge(&sites, &bystanders, &asked, &jobs).await);
    faults.extend(law::judge(&fleet.client, &jobs).await);
    faults.sort_by_key(|fault| fault.wrong);
    report::faults(&faults, &jobs, &judge, &fleet, &ledger).await;
    say(&report::summary(&jobs, &judge.spans));
    say(&neighbours::compare(&jobs, &judge.spans, ms(options.times.aftermath())));
    say(&format!("seed {}: {} faults", options.seed, faults.len()));
    // Processes and connections end before the databases are dropped.
    drop((fleet, follow, attendant));
    if let Some(sites) = Arc::into_inner(sites) {
        sites.end().await;
    }
    faults.is_empty()
}

/// Writes the memories of a deletion into the stores.
async fn written(sites: &Sites, asked: Asked) -> Arc<Asked> {
    for (target, memories) in asked.targets.iter().zip(&asked.meant) {
        sites.add(*target, memories).await;
    }
    Arc::new(asked)
}

/// Waits until every requested deletion has ended, at most as long as that may take without outages. Returns the
/// refusals.
async fn ended(mut attended: JoinSet<Result<(), String>>, options: &Options) -> Vec<Fault> {
    let times = options.times;
    // Closed windows, a retry and a pace, then two attempts that fail by their limits.
    let longest = times.seconds(400.0) + (times.limit() + times.tolerance()) * 2;
    let deadline = Instant::now() + longest;
    let mut faults = Vec::new();
    while let Ok(Some(done)) = tokio::time::timeout_at(deadline, attended.join_next()).await {
        if let Err(text) = done.unwrap() {
            faults.push(Fault {
                wrong: Wrong::Accepted,
                job: None,
                text,
            });
        }
    }
    if !attended.is_empty() {
        say(&format!(
            "{} requests have not come to an end within {longest:?}",
            attended.len()
        ));
        attended.shutdown().await;
    }
    faults
}

async fn say_on(follow: &Follow, timeline: &Timeline) {
    let start = Instant::now();
    loop {
        let (unfinished, all) = follow.unfinished();
        let under_way = timeline.spans().iter().filter(|span| span.ended.is_none()).count();
        let seconds = start.elapsed().as_secs();
        say(&format!(
            "{seconds} s: jobs {all}, unfinished {unfinished}; {under_way} outages under way"
        ));
        tokio::time::sleep(EVERY).await;
    }
}
