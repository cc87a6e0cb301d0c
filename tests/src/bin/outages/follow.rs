//! Follows jobs by polling: the time of progress is known to within the interval between two looks.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lethe_tests::client::Client;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::evidence::Ledger;
use crate::jobs::Asked;
use crate::timeline::{Interval, Ms, ms, now};
use crate::times::Times;

/// The interval between two checks for the end of a job.
const LOOK: Duration = Duration::from_millis(100);

/// The states of jobs that have not ended.
const UNFINISHED: [&str; 5] = ["queued", "planning", "running", "verifying", "cancelling"];

/// Progress of a job, at an unknown moment of an interval.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) when: Interval,
    /// Whether the whole job moved on, with all of its parts.
    pub(crate) phase: bool,
}

/// An attempt of a job.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// The interval in which it was accepted.
    pub(crate) asked: Interval,
    pub(crate) steps: Vec<Step>,
    /// The intervals in which parts of it failed.
    pub(crate) failures: Vec<Interval>,
    /// The time of the first request to cancel it.
    pub(crate) cancelled: Option<Ms>,
    /// The job at the last look.
    pub(crate) view: Value,
    /// The time of the last look.
    pub(crate) seen: Ms,
    /// The ledger's rows of it when it became overdue.
    pub(crate) overdue: Option<String>,
}

/// A job with all of its attempts.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    pub(crate) asked: Arc<Asked>,
    pub(crate) attempts: Vec<Attempt>,
}

/// All followed jobs, by id.
pub(crate) struct Follow {
    client: Client,
    times: Times,
    ledger: Ledger,
    jobs: Mutex<BTreeMap<String, Followed>>,
}

impl Follow {
    pub(crate) fn new(client: Client, times: Times, ledger: Ledger) -> Self {
        Self {
            client,
            times,
            ledger,
            jobs: Mutex::default(),
        }
    }

    /// Follows a job from now on.
    pub(crate) fn add(&self, id: &str, asked: &Arc<Asked>) {
        let time = now();
        let followed = Followed {
            asked: Arc::clone(asked),
            attempts: vec![Attempt::new((time, time))],
        };
        self.jobs.lock().unwrap().entry(id.to_owned()).or_insert(followed);
    }

    /// Notes a request to cancel a job.
    pub(crate) fn cancelled(&self, id: &str) {
        let mut jobs = self.jobs.lock().unwrap();
        let attempt = jobs.get_mut(id).and_then(|job| job.attempts.last_mut());
        attempt.expect("it is followed").cancelled.get_or_insert_with(now);
    }

    /// Notes that another attempt was accepted.
    pub(crate) fn retried(&self, id: &str, when: Interval) {
        let mut jobs = self.jobs.lock().unwrap();
        let job = jobs.get_mut(id).expect("it is followed");
        job.attempts.push(Attempt::new(when));
    }

    /// Waits until a job has ended. Returns its state.
    pub(crate) async fn ended(&self, id: &str) -> String {
        loop {
            let state = {
                let jobs = self.jobs.lock().unwrap();
                let attempt = jobs[id].attempts.last().expect("there is one");
                attempt
                    .ended()
                    .and_then(|_| attempt.view["state"].as_str().map(str::to_owned))
            };
            match state {
                Some(state) => return state,
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Returns all jobs as last seen.
    pub(crate) fn jobs(&self) -> BTreeMap<String, Followed> {
        self.jobs.lock().unwrap().clone()
    }

    /// Returns how many jobs have not ended, and how many there are.
    pub(crate) fn unfinished(&self) -> (usize, usize) {
        let jobs = self.jobs.lock().unwrap();
        let open = jobs
            .values()
            .filter(|job| job.attempts.iter().any(|attempt| attempt.ended().is_none()));
        (open.count(), jobs.len())
    }

    /// Looks at jobs until the future is dropped.
    pub(crate) async fn look_on(&self) {
        let mut ticks = tokio::time::interval(self.times.seconds(1.0).max(Duration::from_millis(250)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.look().await.is_some() {
                self.note_overdue().await;
            }
        }
    }

    /// Looks at every unfinished job. Returns `None` if the API is unreachable.
    async fn look(&self) -> Option<()> {
        let open: Vec<String> = {
            let jobs = self.jobs.lock().unwrap();
            let open = |job: &Followed| job.attempts.last().is_some_and(|attempt| attempt.ended().is_none());
            jobs.iter()
                .filter(|(_, job)| open(job))
                .map(|(id, _)| id.clone())
                .collect()
        };
        if open.is_empty() {
            return Some(());
        }
        let mut listed = HashMap::new();
        for state in UNFINISHED {
            let mut after = String::new();
            loop {
                let sent = now();
                let page = self.get(&format!("/v1/jobs?limit=200&state={state}{after}")).await?;
                for view in page["jobs"].as_array().into_iter().flatten() {
                    let id = view["id"].as_str().unwrap_or_default().to_owned();
                    listed.insert(id, (view.clone(), (sent, now())));
                }
                match page["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
        }
        for id in open {
            let (view, when) = if let Some(found) = listed.remove(&id) {
                found
            } else {
                let sent = now();
                (self.get(&format!("/v1/jobs/{id}")).await?, (sent, now()))
            };
            let mut jobs = self.jobs.lock().unwrap();
            jobs.get_mut(&id).expect("it is followed").take(view, when);
        }
        Some(())
    }

    async fn get(&self, path: &str) -> Option<Value> {
        let answer = self
            .client
            .try_send(self.client.request(Method::GET, path))
            .await
            .ok()?;
        (answer.status == StatusCode::OK).then_some(answer.body)
    }

    /// Keeps the ledger's rows of overdue jobs.
    async fn note_overdue(&self) {
        let longest = ms(self.times.limit() + self.times.tolerance());
        let overdue: Vec<String> = {
            let jobs = self.jobs.lock().unwrap();
            let is_overdue = |job: &Followed| {
                let attempt = job.attempts.last().expect("there is one");
                attempt.ended().is_none() && attempt.overdue.is_none() && now() - attempt.last_progress() > longest
            };
            jobs.iter()
                .filter(|(_, job)| is_overdue(job))
                .map(|(id, _)| id.clone())
                .collect()
        };
        for id in overdue {
            let rows = self.ledger.rows(&id).await;
            let mut jobs = self.jobs.lock().unwrap();
            if let Some(attempt) = jobs.get_mut(&id).and_then(|job| job.attempts.last_mut()) {
                attempt.overdue = Some(rows);
            }
        }
    }
}

impl Followed {
    /// Records a look at a job at some moment of `when`.
    fn take(&mut self, view: Value, when: Interval) {
        let number = self.attempts.len() as u64;
        // An answer from before a known retry says nothing new.
        if view["attempt"].as_u64() != Some(number) {
            return;
        }
        let accepted = moment(&view["accepted_at"]);
        let attempt = self.attempts.last_mut().expect("there is one");
        if let (1, Some(accepted)) = (number, accepted) {
            attempt.asked = (accepted, accepted);
            if attempt.view.is_null() {
                attempt.seen = accepted;
            }
        }
        attempt.take(view, when);
    }
}

impl Attempt {
    fn new(asked: Interval) -> Self {
        Self {
            asked,
            steps: Vec::new(),
            failures: Vec::new(),
            cancelled: None,
            view: Value::Null,
            seen: asked.0,
            overdue: None,
        }
    }

    /// Returns the end of the attempt, by the ledger's clock.
    pub(crate) fn ended(&self) -> Option<Ms> {
        moment(&self.view["ended_at"])
    }

    /// Returns the last moment at which it may have made progress.
    fn last_progress(&self) -> Ms {
        self.steps.last().map_or(self.asked.1, |step| step.when.1)
    }

    fn take(&mut self, view: Value, (sent, answered): Interval) {
        let phase = phase(&view);
        let moved = phase.is_some() && !self.view.is_null() && phase != self::phase(&self.view);
        let done = done(&view);
        // The first look at a second attempt includes the counts of the first attempt.
        let before = if self.view.is_null() {
            done.clone()
        } else {
            self::done(&self.view)
        };
        let first = self.view.is_null() && view["attempt"] == 1 && has_done(&view);
        let until = moment(&view["ended_at"]).unwrap_or(answered).min(answered);
        let when = (self.seen.min(until), until);
        if moved || first || done != before {
            self.steps.push(Step { when, phase: moved });
        }
        let more_failed = !self.view.is_null() && failed(&view) > failed(&self.view);
        if more_failed || (view["state"] == "failed" && self.failures.is_empty()) {
            self.failures.push(when);
        }
        self.seen = sent;
        let kept = phase.or_else(|| self::phase(&self.view));
        self.view = view;
        self.view["phase"] = json!(kept);
    }
}

/// Returns the phase of a job. Each phase comes once. A claim is no progress, nor is an end.
fn phase(view: &Value) -> Option<String> {
    if let Some(phase) = view["phase"].as_str() {
        return Some(phase.to_owned());
    }
    let phase = match view["state"].as_str()? {
        "queued" | "planning" => "start",
        // A preview has no plan: its claim makes it run.
        "running" if view["kind"] == "ids" || view["dry_run"] == true => "start",
        "running" => "running",
        "verifying" => "verifying",
        _ => return None,
    };
    Some(phase.to_owned())
}

/// Returns the counts that grow with every record of progress.
fn done(view: &Value) -> Value {
    let stores = view["stores"].as_array().into_iter().flatten();
    let counts = stores.map(|store| {
        let counts = store["counts"].as_object().into_iter().flatten();
        let counts = counts.filter(|(outcome, n)| !["failed", "left"].contains(&outcome.as_str()) && **n != 0);
        json!([store["target"], store["store"], counts.collect::<Vec<_>>()])
    });
    json!([view["round"], view["selected"], counts.collect::<Vec<_>>()])
}

/// Returns how many memories failed, in all stores.
fn failed(view: &Value) -> u64 {
    let stores = view["stores"].as_array().into_iter().flatten();
    stores.filter_map(|store| store["counts"]["failed"].as_u64()).sum()
}

fn has_done(view: &Value) -> bool {
    let stores = view["stores"].as_array().into_iter().flatten();
    stores
        .flat_map(|store| store["counts"].as_object().into_iter().flatten())
        .any(|(_, n)| *n != 0)
}

/// Returns a timestamp of an answer.
pub(crate) fn moment(value: &Value) -> Option<Ms> {
    let moment: jiff::Timestamp = value.as_str()?.parse().ok()?;
    Some(moment.as_millisecond())
}
