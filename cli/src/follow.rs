//! Following a job until it ends or is held: a line for each event, and a bar on a terminal. Both go beside the answer.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use lethe_common::clock::Clock;
use serde_json::Value;

use crate::api::Api;
use crate::output::{self, Format, printable};
use crate::words;

/// The interval of requests for a watched job.
// An eye follows no faster steps of a bar.
const LOOK: Duration = Duration::from_millis(100);

/// The length of a full bar. The number of memories may not be known yet, and a bar of length 0
/// looks full.
const BAR: u64 = 1_000;

/// The states in which a job rests: it has ended, or waits until holds are released, which may take years.
const RESTING: [&str; 4] = ["succeeded", "failed", "cancelled", "held"];

/// Shows a job's progress until it ends or is held; returns the job. Only people get its events.
pub(crate) async fn follow(api: &Api, id: &str, format: Format) -> anyhow::Result<Value> {
    let bar = bar()?;
    let mut last = None;
    loop {
        let job = api.job(id).await?;
        let state = job["state"].as_str().context("the API did not answer with a job")?;
        let rests = RESTING.contains(&state);
        let selected = job["selected"].as_u64().unwrap_or(0);
        let progress = job["progress"].as_f64().unwrap_or(0.0).clamp(0.0, 1.0);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a bar shows a fraction"
        )]
        let of = |whole: u64| (progress * whole as f64).round() as u64;
        bar.set_position(of(BAR));
        bar.set_message(format!("{}/{selected} {state}", of(selected)));
        if rests {
            bar.finish();
            return Ok(job);
        }
        let event = Event::of(&job);
        if format == Format::Text && last.as_ref() != Some(&event) {
            let why = job["waits_for"]["detail"].as_str();
            let line = event.line(of(selected), selected, why, Clock::system().now());
            bar.suspend(|| output::progress(&line));
            last = Some(event);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn bar() -> anyhow::Result<ProgressBar> {
    let bar = ProgressBar::new(BAR);
    if std::io::stderr().is_terminal() {
        let style = ProgressStyle::with_template("  {bar:40.cyan/blue} {msg}").context("draw a bar")?;
        bar.set_style(style);
    } else {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    Ok(bar)
}

/// The wait that is not told: between any two batches a job waits for its turn.
const TURN: &str = "turn";

/// The part of a job that is told when it changes.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    state: String,
    error: Option<String>,
    next_attempt: Option<String>,
    /// The reason why it does not move. The times in its sentence change with each attempt.
    waits_for: Option<String>,
}

impl Event {
    fn of(job: &Value) -> Self {
        let text = |name: &str| job[name].as_str().map(str::to_owned);
        Self {
            state: text("state").unwrap_or_default(),
            error: text("error_code"),
            next_attempt: text("next_attempt_at"),
            waits_for: job["waits_for"]["reason"]
                .as_str()
                .filter(|reason| *reason != TURN)
                .map(str::to_owned),
        }
    }

    /// Returns the line that tells it. `why` is the sentence about the wait.
    fn line(&self, done: u64, selected: u64, why: Option<&str>, now: Timestamp) -> String {
        let style = words::colour_of(&self.state);
        let time = now.strftime("%H:%M:%SZ");
        let mut line = format!(
            "{time}  {style}{}{style:#}, {done} of {selected} done",
            printable(&self.state)
        );
        let mut add = |text: std::fmt::Arguments<'_>| line.write_fmt(text).expect("a String takes any text");
        if let Some(error) = &self.error {
            add(format_args!(", error {}", printable(error)));
        }
        if let Some(at) = &self.next_attempt {
            add(format_args!(", next try at {}", printable(at)));
        }
        if let (Some(_), Some(why)) = (&self.waits_for, why) {
            add(format_args!(". {}", printable(why)));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(job: &Value) -> String {
        let now = "2030-01-01T12:00:03.5Z".parse().unwrap();
        let line = Event::of(job).line(1, 2, job["waits_for"]["detail"].as_str(), now);
        anstream::adapter::strip_str(&line).to_string()
    }

    #[test]
    fn an_event_is_told_on_one_line() {
        assert_eq!(line(&json!({"state": "running"})), "12:00:03Z  running, 1 of 2 done");
        let waits = json!({
            "state": "running", "error_code": "unavailable", "next_attempt_at": "2030-01-01T12:00:09Z",
            "waits_for": {"reason": "store", "detail": "A store of `main` has not answered."},
        });
        assert_eq!(
            line(&waits),
            "12:00:03Z  running, 1 of 2 done, error unavailable, next try at 2030-01-01T12:00:09Z. A store of `main` has not \
             answered."
        );
    }

    #[test]
    fn progress_alone_is_no_event() {
        let of = |selected: u64| Event::of(&json!({"state": "running", "selected": selected}));
        assert_eq!(of(1), of(2));
        assert_ne!(of(1), Event::of(&json!({"state": "verifying"})));
        let turn =
            json!({"state": "running", "waits_for": {"reason": "turn", "detail": "It waits for a free worker."}});
        assert_eq!(of(1), Event::of(&turn));
    }
}
