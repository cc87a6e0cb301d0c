//! The workers, also those that have gone.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::frame::{Frame, answer};
use super::links;
use super::session::Session;
use super::words::{self, Moment};
use crate::http::problem::Problem;
use crate::routes::workers::{Worker, reported};
use crate::state::AppState;
use crate::workers::is_heard;

/// For how long a worker that has gone is shown. The ledger keeps its last report for at least as long.
pub(super) const SHOWN: Duration = Duration::from_hours(24);

/// The page.
#[derive(Template)]
#[template(path = "console/workers.html")]
struct Workers {
    frame: Frame,
    /// The workers that have gone, in words; `None` if there are none.
    gone: Option<String>,
    rows: Vec<Row>,
}

/// A worker in the list.
struct Row {
    name: String,
    version: String,
    slots: String,
    mappings: Vec<Mapping>,
    started: Option<Moment>,
    claimed: Option<Moment>,
    seen: Option<Moment>,
    is_gone: bool,
}

/// A mapping that a worker serves.
struct Mapping {
    place: String,
    digest: String,
}

impl Row {
    fn of(worker: Worker, is_gone: bool) -> Self {
        let mapping = |route: &String| {
            let (place, digest) = route.rsplit_once('/').unwrap_or((route.as_str(), ""));
            Mapping {
                place: place.to_owned(),
                digest: digest.to_owned(),
            }
        };
        Self {
            version: worker.version,
            slots: words::count(worker.slots),
            mappings: worker.mappings.iter().map(mapping).collect(),
            started: worker.started_at.map(Moment),
            claimed: worker.last_claim_at.map(Moment),
            seen: worker.last_seen_at.map(Moment),
            is_gone,
            name: worker.name,
        }
    }
}

/// Shows the workers that reported within a day.
pub(super) async fn page(State(state): State<AppState>, session: Session) -> Result<Response, Problem> {
    let shown = reported(&state, &session.principal, SHOWN).await?;
    let shown = shown.into_iter().map(|row| {
        let is_gone = !is_heard(&row);
        (Worker::from(row), is_gone)
    });
    let frame = Frame::of(&session, links::WORKERS, "Workers").with_events(links::EVENTS);
    Ok(answer(StatusCode::OK, frame, |frame| Workers::of(frame, shown)))
}

impl Workers {
    /// Returns the page with these workers, and whether each has gone.
    fn of(frame: Frame, shown: impl Iterator<Item = (Worker, bool)>) -> Self {
        let mut rows: Vec<Row> = shown.map(|(worker, is_gone)| Row::of(worker, is_gone)).collect();
        rows.sort_by_key(|row| !row.is_gone);
        Self {
            frame,
            gone: gone(&rows),
            rows,
        }
    }
}

/// Returns the workers that have gone, in words.
fn gone(rows: &[Row]) -> Option<String> {
    let gone = rows.iter().filter(|row| row.is_gone).count();
    if gone == 0 {
        return None;
    }
    let all = words::many(u64::try_from(rows.len()).unwrap_or(u64::MAX), "worker", "workers");
    let what = format!("{gone} of {all} stopped reporting without signing off.");
    if gone == rows.len() {
        return Some(format!("{what} No worker reports now: nothing is erased."));
    }
    Some(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(name: &str) -> Worker {
        Worker {
            name: name.to_owned(),
            version: "1.2.3".to_owned(),
            slots: 4,
            mappings: vec!["main/memories/0a1b".to_owned()],
            started_at: None,
            last_seen_at: "2030-01-31T12:00:00Z".parse().ok(),
            last_claim_at: None,
        }
    }

    fn page(shown: &[&str], heard: &[&str]) -> Workers {
        let shown = shown.iter().map(|name| (worker(name), !heard.contains(name)));
        Workers::of(Frame::outside("Workers"), shown)
    }

    #[test]
    fn one_of_several_workers_that_has_gone_is_said_and_comes_first() {
        let page = page(&["a", "b", "c"], &["a", "c"]);
        let names: Vec<&str> = page.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["b", "a", "c"]);
        let text = page.render().unwrap();
        assert!(text.contains("1 of 3 workers stopped reporting"), "{text}");
        assert_eq!(text.matches("class=\"state failed\">gone").count(), 1, "{text}");
        assert!(!text.contains("nothing is erased"), "{text}");
    }

    #[test]
    fn no_worker_is_said_to_have_gone_while_all_report() {
        let text = page(&["a"], &["a"]).render().unwrap();
        assert!(
            !text.contains("stopped reporting") && !text.contains(">gone<"),
            "{text}"
        );
        assert!(text.contains("main/memories") && text.contains("0a1b"), "{text}");
    }

    #[test]
    fn without_a_worker_the_page_says_what_to_do() {
        let all = page(&["a", "b"], &[]).render().unwrap();
        assert!(
            all.contains("2 of 2 workers") && all.contains("nothing is erased"),
            "{all}"
        );
        let none = page(&[], &[]).render().unwrap();
        assert!(none.contains("lethe worker"), "{none}");
    }
}
