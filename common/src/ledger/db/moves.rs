//! The moves (state transitions) of an event, as SQL. They are derived from [`next`], so that the two cannot disagree.

use std::fmt::Write as _;

use strum::IntoEnumIterator as _;

use crate::state::{Event, State, next};

/// The moves of an event, as SQL: the states in which it may happen, and the next state of each.
pub(in crate::ledger) struct Moves {
    /// `{job.queued}, {job.running}`: for `state IN (…)`.
    pub(in crate::ledger) from: String,
    /// `CASE jobs.state WHEN {job.queued} THEN {job.cancelling} … END`: for `SET state = …`.
    pub(in crate::ledger) to: String,
}

impl Moves {
    /// Returns the moves of an event.
    pub(in crate::ledger) fn of(event: Event) -> Self {
        let mut from = String::new();
        let mut to = String::from("CASE jobs.state");
        for state in State::iter() {
            if let Ok(after) = next(state, event) {
                let (state, after) = (state.as_str(), after.as_str());
                let separator = if from.is_empty() { "" } else { ", " };
                write!(from, "{separator}{{job.{state}}}").expect("a String takes all text");
                write!(to, " WHEN {{job.{state}}} THEN {{job.{after}}}").expect("a String takes all text");
            }
        }
        to.push_str(" END");
        Self { from, to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::db::Dialect;

    #[test]
    fn moves_say_in_sql_what_next_says() {
        let moves = Moves::of(Event::CancelRequested);
        let [from, to] = [moves.from, moves.to].map(|text| Dialect::Postgres.text(&text));
        assert_eq!(from, "'queued', 'planning', 'running', 'verifying', 'held'");
        assert!(to.contains("WHEN 'held' THEN 'cancelling'"));
    }
}
