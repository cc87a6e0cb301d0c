//! A job as a row of a table.

use jiff::Timestamp;
use serde::Serialize;

use super::job::Job;
use crate::http::format::Row;

impl Row for Job {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "state",
        "kind",
        "target",
        "table",
        "principal",
        "schedule",
        "reference",
        "labels",
        "regulation",
        "due_at",
        "deadline",
        "dry_run",
        "selected",
        "remaining",
        "stores",
        "attempt",
        "waits_for",
        "error_code",
        "accepted_at",
        "not_before",
        "started_at",
        "ended_at",
    ];

    fn row(self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.state.to_owned(),
            self.kind,
            self.target.unwrap_or_default(),
            self.table.unwrap_or_default(),
            self.principal,
            self.schedule.unwrap_or_default(),
            self.reference.unwrap_or_default(),
            json(&self.labels),
            self.deadline
                .as_ref()
                .map_or_else(String::new, |deadline| deadline.regulation.clone()),
            time(self.deadline.as_ref().and_then(|deadline| deadline.due_at)),
            self.deadline.map_or("", |deadline| deadline.status).to_owned(),
            self.dry_run.to_string(),
            self.selected.to_string(),
            self.remaining.to_string(),
            json(&self.stores),
            self.attempt.to_string(),
            self.waits_for.map_or("", |wait| wait.reason).to_owned(),
            self.error_code.unwrap_or_default(),
            time(self.accepted_at),
            time(self.not_before),
            time(self.started_at),
            time(self.ended_at),
        ]
    }
}

/// Returns the text of an element that is no single value.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a part of a job is JSON")
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| at.to_string())
}
