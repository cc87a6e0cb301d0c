//! The conditions of a job on each memory: owner, workspace, kind, filter and snapshot.

use std::sync::Arc;

use lethe_common::job::Field;
use lethe_common::ledger::Lease;

use crate::span::About;
use crate::store::{Conditions, Query, Start, TimeBound};

/// Returns the job's conditions on a memory besides its id, under this lease.
pub(crate) fn conditions(lease: &Lease) -> Conditions {
    conditions_as(lease, lease.alias)
}

/// Returns the same conditions under another of a person's names.
pub(crate) fn conditions_as(lease: &Lease, alias: u32) -> Conditions {
    let job = &lease.job;
    let mut fields: Vec<(Field, String)> = Vec::new();
    if let Some(subject) = &job.subject {
        fields.extend(subject.fields_as(alias).map(|(field, value)| (field, value.to_owned())));
    }
    let mut demand = |field, value: &Option<String>| {
        if let Some(value) = value
            && !fields.iter().any(|(known, _)| *known == field)
        {
            fields.push((field, value.clone()));
        }
    };
    demand(Field::User, &job.owner);
    demand(Field::Workspace, &job.workspace);
    demand(Field::Kind, &job.memory_kind);
    let conditions = Conditions::of(fields);
    match &job.query {
        None => conditions,
        Some(filter) => conditions.with_query(Query {
            filter: Arc::clone(filter),
            start: start(lease),
        }),
    }
}

/// Returns the snapshot: the rows at the job's start, as its plan found them.
// An unreadable snapshot must not widen the job: it then selects no row that has a time.
fn start(lease: &Lease) -> Option<Start> {
    let text = lease.snapshot.as_deref()?;
    Some(serde_json::from_str(text).unwrap_or_else(|_| {
        let about = About::lease(lease);
        tracing::error!(
            job.id = about.job,
            partition = about.partition,
            "a snapshot cannot be read"
        );
        Start {
            written: TimeBound::Unknown,
            changed: None,
        }
    }))
}
