//! A hold as callers see it.

use jiff::Timestamp;
use lethe_common::clock::from_millis;
use lethe_common::hold::HoldOn;
use lethe_common::ledger::{HoldRow, InFlight};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::put::Placed;

/// A legal hold, without the persons, ids, workspaces or filter that it names.
#[derive(Serialize, ToSchema)]
pub(crate) struct HoldSummary {
    /// The name.
    name: String,
    /// The target that it is about; `null`: all targets.
    target: Option<String>,
    /// The table that it is about; `null`: all tables.
    table: Option<String>,
    /// Its kind: `everything`, `persons`, `ids`, `workspaces` or `query`.
    #[schema(example = "persons")]
    kind: &'static str,
    /// The ground.
    #[schema(example = "17(3)(e)")]
    ground: &'static str,
    /// The person or the office that demands it; `null` once it is released.
    by: Option<String>,
    /// The caller's name for the case.
    reference: Option<String>,
    /// The caller that wrote it last.
    principal: String,
    /// The time at which it expires; `null`: it stays until it is released.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// When it was placed.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// When it was last changed.
    #[schema(value_type = Option<String>, format = DateTime)]
    changed_at: Option<Timestamp>,
    /// When it was released or expired; `null`: it is in force.
    #[schema(value_type = Option<String>, format = DateTime)]
    released_at: Option<Timestamp>,
    /// The number of jobs that it keeps from ending, counted up to 1,000.
    jobs: u64,
}

/// A legal hold. It has one of the fields `everything`, `persons`, `ids`, `workspaces` and `filter`, and none of them
/// once it is released.
#[derive(Serialize, ToSchema)]
pub(crate) struct Hold {
    #[serde(flatten)]
    about: HoldSummary,
    /// Whether it keeps all memories.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    everything: Option<bool>,
    /// The owners whose memories it keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    persons: Option<Vec<String>>,
    /// The ids of the memories that it keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ids: Option<Vec<String>>,
    /// The workspaces whose memories it keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    workspaces: Option<Vec<String>>,
    /// The filter of its query, as workers read it: with the columns of the table, and with absolute times.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    filter: Option<Value>,
}

/// A hold that was placed, and what it does not bind.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlacedHold {
    #[serde(flatten)]
    hold: Hold,
    /// The jobs with a batch that began before the hold. These batches may still erase memories that it names.
    in_flight: JobsInFlight,
    /// The tables whose rows have no column for its persons or workspaces. The hold may keep nothing there.
    not_covered: Vec<UncoveredTable>,
    /// The targets that no worker serves at present. The hold is in force there too.
    unserved: Vec<String>,
}

/// Jobs with batches that have begun.
#[derive(Serialize, ToSchema)]
struct JobsInFlight {
    /// The jobs, at most 1,000.
    jobs: Vec<JobInFlight>,
    /// Whether there may be others.
    more: bool,
}

/// A job with batches that have begun.
#[derive(Serialize, ToSchema)]
struct JobInFlight {
    /// The job.
    id: Uuid,
    /// The number of these batches.
    partitions: u64,
}

/// A table that a hold does not cover.
#[derive(Serialize, ToSchema)]
struct UncoveredTable {
    /// The target.
    target: String,
    /// The table.
    table: String,
}

impl From<HoldRow> for HoldSummary {
    fn from(row: HoldRow) -> Self {
        Self {
            name: row.name,
            target: row.target,
            table: row.table,
            kind: row.kind.as_str(),
            ground: row.ground.as_str(),
            by: row.by,
            reference: row.reference,
            principal: row.principal,
            until: row.until.and_then(from_millis),
            created_at: from_millis(row.created_at),
            changed_at: from_millis(row.changed_at),
            released_at: row.released_at.and_then(from_millis),
            jobs: row.jobs,
        }
    }
}

impl From<HoldRow> for Hold {
    fn from(mut row: HoldRow) -> Self {
        let on = row.on.take();
        let mut hold = Self {
            about: row.into(),
            everything: None,
            persons: None,
            ids: None,
            workspaces: None,
            filter: None,
        };
        match on {
            Some(HoldOn::Everything) => hold.everything = Some(true),
            Some(HoldOn::Persons(names)) => hold.persons = Some(names),
            Some(HoldOn::Ids(ids)) => hold.ids = Some(ids),
            Some(HoldOn::Workspaces(names)) => hold.workspaces = Some(names),
            Some(HoldOn::Query(filter)) => hold.filter = Some(json!(filter)),
            None => {}
        }
        hold
    }
}

impl From<Placed> for PlacedHold {
    fn from(placed: Placed) -> Self {
        let uncovered = |(target, table)| UncoveredTable { target, table };
        Self {
            hold: placed.row.into(),
            in_flight: placed.in_flight.into(),
            not_covered: placed.not_covered.into_iter().map(uncovered).collect(),
            unserved: placed.unserved,
        }
    }
}

impl From<InFlight> for JobsInFlight {
    fn from(found: InFlight) -> Self {
        let jobs = found
            .jobs
            .into_iter()
            .map(|(job, partitions)| JobInFlight { id: job.0, partitions });
        Self {
            jobs: jobs.collect(),
            more: found.more,
        }
    }
}
