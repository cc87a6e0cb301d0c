//! The check that a table of a job can hold its subject: a column of numbers holds no e-mail address.

use std::collections::BTreeSet;

use lethe_common::config::{Config, SqlEndpoint, Table};
use lethe_common::filter::Type;
use lethe_common::job::Field;
use lethe_common::ledger::{NewJob, Route, WorkerRow};

use super::held::held;
use crate::deletion::placement::{column, subject_field};
use crate::http::problem::Problem;
use crate::workers;

/// The value that a job requires of a field, and the field's name in a request.
struct Demand<'a> {
    field: Field,
    name: String,
    value: &'a str,
}

/// Refuses a job by subject or query if none of its tables can hold its values. Tables of unknown types may hold them.
pub(super) fn check(config: &Config, workers: &[WorkerRow], job: &NewJob) -> Result<(), Problem> {
    if job.execution.lenient {
        return Ok(());
    }
    let demands = demands(job);
    let routes: BTreeSet<&Route> = job.partitions.iter().map(|partition| &partition.route).collect();
    let mut first = None;
    for route in routes {
        match refusal(config, workers, route, &demands) {
            None => return Ok(()),
            Some(problem) => first = first.or(Some(problem)),
        }
    }
    first.map_or(Ok(()), Err)
}

/// Returns the values that a job requires, per name of the subject.
fn demands(job: &NewJob) -> Vec<Vec<Demand<'_>>> {
    if let Some(subject) = &job.subject {
        let named = |name| {
            let fields = subject.fields_as(name).map(|(field, value)| Demand {
                field,
                name: subject_field(field),
                value,
            });
            fields.collect()
        };
        return (0..subject.names()).map(named).collect();
    }
    let given = [
        (Field::User, "owner", &job.owner),
        (Field::Workspace, "workspace", &job.workspace),
        (Field::Kind, "kind", &job.memory_kind),
    ];
    let mut demands = Vec::new();
    for (field, name, value) in given {
        demands.extend(value.as_deref().map(|value| Demand {
            field,
            name: name.to_owned(),
            value,
        }));
    }
    vec![demands]
}

/// Returns the problem if a table can hold none of these demands.
fn refusal(config: &Config, workers: &[WorkerRow], route: &Route, demands: &[Vec<Demand<'_>>]) -> Option<Problem> {
    let target = config.target(&route.target)?;
    let table = target.tables.iter().find(|table| table.name == route.table)?;
    // A column of numbers in SQLite may hold texts too, so the worker checks it.
    let is_lax = target.sql.as_ref().is_none_or(SqlEndpoint::is_sqlite);
    let types = workers::types(workers, route)?;
    let holds = |column: &str| Some(held(&types, column)).filter(|of| !(is_lax && matches!(of, Type::Integer(_))));
    let mut first = None;
    for demands in demands {
        let refused = demands.iter().find_map(|demand| mistyped(table, demand, &holds))?;
        first = first.or(Some(refused));
    }
    first
}

fn mistyped(table: &Table, demand: &Demand<'_>, holds: &dyn Fn(&str) -> Option<Type>) -> Option<Problem> {
    let columns = table.columns.as_ref()?;
    if demand.field == Field::User && columns.owners.is_some() {
        // The owner is compared by name, in another table.
        return None;
    }
    let column = column(columns, demand.field)?;
    let of = holds(column).filter(|of| !of.may_be(demand.value))?;
    let what = match of {
        Type::Uuid => "UUIDs",
        Type::Bytes { .. } => "bytes, as hexadecimal digits",
        _ => "whole numbers",
    };
    let detail = format_args!(
        "no table of this job can hold this value: `{column}` of `{}` holds {what}",
        table.name
    );
    Some(Problem::invalid(&demand.name, detail))
}
