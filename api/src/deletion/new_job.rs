//! Translation of a request into a job for the ledger. Invalid requests are refused here.

use std::collections::HashSet;

use jiff::Timestamp;
use lethe_common::clock;
use lethe_common::config::{Columns, Config, Table, Uuids};
use lethe_common::filter::Filter;
use lethe_common::job::{JobId, Subject};
use lethe_common::ledger::{ExecutionOptions, NewJob, NewPartition, Scope};

use crate::auth::Principal;
use crate::deletion::deadline;
use crate::deletion::placement::{self, MappedTable};
use crate::deletion::places::place;
use crate::deletion::query;
use crate::deletion::request::{CreateJob, Options, Select, text};
use crate::http::problem::{Kind, Problem};

/// The route in the scope of jobs and their idempotency keys.
pub(crate) const ROUTE: &str = "POST /v1/jobs";

/// The field name of a whole query, in every query language.
pub(crate) const QUERY: &str = "query";

/// The fields that have another name in the body of `POST /v1/jobs`.
pub(crate) const WORDS: &[(&str, &str)] = &[(QUERY, query::PLACE)];

/// Returns the job of a JSON body. Times such as `{"ago": "90d"}` count from `now`.
pub(crate) fn job(
    config: &Config,
    principal: &Principal,
    asked: CreateJob,
    trace: Option<String>,
    now: Timestamp,
) -> Result<(NewJob, Options), Problem> {
    let (options, select) = asked.options(config.api.max_id_length)?;
    let Select { ids, subject, query } = select;
    let job = match (ids, subject, query) {
        (Some(ids), None, None) => by_ids(config, principal, &options, ids)?,
        (None, Some(subject), None) => {
            let subject = subject.checked(config.api.max_id_length)?;
            by_subject(config, principal, &options, subject)?
        }
        (None, None, Some(query)) => by_query(config, principal, &options, |table| query::read(query, table, now))
            .map_err(|problem| problem.in_words(WORDS))?,
        (None, None, None) => {
            return Err(Problem::invalid("select", "give `ids`, `subject` or `query`"));
        }
        _ => {
            return Err(Problem::invalid(
                "select",
                "give only one of `ids`, `subject` and `query`",
            ));
        }
    };
    let mut job = NewJob { trace, ..job };
    job.execution.legal = deadline::legal(config, &options, job.subject.is_some(), now)?;
    Ok((job, options))
}

/// Returns a job by ids.
pub(crate) fn by_ids(
    config: &Config,
    principal: &Principal,
    options: &Options,
    ids: Vec<String>,
) -> Result<NewJob, Problem> {
    let (new, (target, table)) = without_ids(config, principal, options)?;
    if ids.is_empty() {
        return Err(Problem::invalid("select.ids", "give at least one id"));
    }
    let most = config.api.max_ids_per_request;
    if ids.len() > most {
        let what = format_args!("give at most {most} ids, or send them to `POST /v1/jobs` as `application/x-ndjson`");
        return Err(Problem::invalid("select.ids", what));
    }
    for (n, id) in ids.iter().enumerate() {
        self::id(id, config).map_err(|what| Problem::invalid(&format!("select.ids[{n}]"), what))?;
    }
    let ids = distinct(ids);
    if options.limit.is_some_and(|limit| ids.len() as u64 > limit) {
        return Err(over_limit());
    }
    let batch = config.worker.batch as usize;
    let mut partitions = Vec::with_capacity(ids.len().div_ceil(batch));
    let mut ids = ids.into_iter().peekable();
    while ids.peek().is_some() {
        let part = ids.by_ref().take(batch).collect();
        partitions.push(NewPartition::ids(target, table, part, options.purpose()));
    }
    Ok(NewJob { partitions, ..new })
}

/// Returns a job by ids without its ids, and the table that they belong to.
pub(crate) fn without_ids<'a>(
    config: &'a Config,
    principal: &Principal,
    options: &Options,
) -> Result<(NewJob, MappedTable<'a>), Problem> {
    let owner = principal.owner(options.owner.as_deref())?;
    let workspace = principal.workspace(options.workspace.as_deref())?;
    let targets = placement::reached(config, principal)?;
    let place = placement::for_ids(&targets, options.target.as_deref(), options.table.as_deref())?;
    placement::check_ids(place, [owner.is_some(), workspace.is_some(), options.kind.is_some()])?;
    let mut job = new(principal, options);
    (job.owner, job.workspace) = (owner, workspace);
    job.target = Some(place.0.name.clone());
    job.table = Some(place.1.name.clone());
    job.places = vec![self::place(place)];
    Ok((job, place))
}

/// Returns a job for all memories of a subject.
pub(crate) fn by_subject(
    config: &Config,
    principal: &Principal,
    options: &Options,
    subject: Subject,
) -> Result<NewJob, Problem> {
    let others = [
        ("owner", &options.owner),
        ("workspace", &options.workspace),
        ("kind", &options.kind),
    ];
    for (field, given) in others {
        if given.is_some() {
            let what =
                format_args!("leave it out: {field} belongs to `ids` or `query`, a subject has fields of its own");
            return Err(Problem::invalid(field, what));
        }
    }
    for alias in &subject.aliases {
        principal.subject(Some(alias))?;
    }
    let subject = Subject {
        user_id: principal.subject(subject.user_id.as_deref())?,
        workspace: principal.workspace(subject.workspace.as_deref())?,
        ..subject
    };
    let targets = placement::reached(config, principal)?;
    let places = placement::for_subject(&targets, options.target.as_deref(), options.table.as_deref())?;
    placement::check_subject(&places, &subject)?;
    let partitions = places
        .iter()
        .flat_map(|(target, table)| {
            (0..subject.names()).map(|name| NewPartition::subject(target, table, name, options.dry_run))
        })
        .collect();
    // A job with a single target is listed under it, even if the request does not name it.
    let target = places[0].0;
    let one = places.iter().all(|(other, _)| other.name == target.name);
    Ok(NewJob {
        target: one.then(|| target.name.clone()),
        table: options.table.clone(),
        subject: Some(subject),
        places: places.iter().copied().map(place).collect(),
        partitions,
        ..new(principal, options)
    })
}

/// Returns a job for the memories that match a filter. `read` makes the filter for the table. The caller's credentials
/// add the owner and the workspace.
pub(crate) fn by_query(
    config: &Config,
    principal: &Principal,
    options: &Options,
    read: impl FnOnce(&Table) -> Result<Filter, Problem>,
) -> Result<NewJob, Problem> {
    let (job, (target, table)) = without_ids(config, principal, options)?;
    let filter = filter(table, read)?;
    Ok(NewJob {
        query: Some(filter),
        partitions: vec![NewPartition::query(target, table, options.dry_run)],
        ..job
    })
}

/// Returns the filter that `read` makes for a table. Refuses tables and filters that queries do not support.
pub(crate) fn filter(table: &Table, read: impl FnOnce(&Table) -> Result<Filter, Problem>) -> Result<Filter, Problem> {
    // A query compares column values, and in this table they differ from the UUIDs that callers write.
    let is_comparable = |columns: &Columns| columns.uuids != Some(Uuids::Hex);
    if !table.columns.as_ref().is_none_or(is_comparable) {
        let what = format_args!(
            "table `{}` stores UUIDs as 32 digits (`uuids = \"hex\"`), which queries do not compare: select by `ids` or \
             `subject`",
            table.name
        );
        return Err(Problem::invalid(QUERY, what));
    }
    let filter = read(table)?;
    if table.columns.is_none() {
        filter.check_points().map_err(|error| Problem::invalid(QUERY, error))?;
    }
    Ok(filter)
}

/// Returns the scope of the caller's idempotency keys.
pub(crate) fn scope(principal: &Principal) -> Scope {
    Scope {
        principal: principal.name.clone(),
        route: ROUTE,
    }
}

fn new(principal: &Principal, options: &Options) -> NewJob {
    NewJob {
        id: JobId::new(),
        scope: scope(principal),
        idempotency: None,
        request: None,
        target: None,
        table: None,
        owner: None,
        workspace: None,
        memory_kind: options.kind.clone(),
        subject: None,
        query: None,
        dry_run: options.dry_run,
        limit: options.limit,
        expect: options.expect,
        per_second: options.per_second.map(f64::from),
        execution: ExecutionOptions {
            marks: options.marks.clone(),
            ..ExecutionOptions::default()
        },
        not_before: options.not_before.map(clock::to_millis),
        trace: None,
        places: Vec::new(),
        warnings: Vec::new(),
        partitions: Vec::new(),
    }
}

/// Refuses a text that cannot be a memory's id. The error says what to write.
pub(crate) fn id(id: &str, config: &Config) -> Result<(), String> {
    text("id", id, config.api.max_id_length).map_err(|problem| {
        let what = problem.detail.split_once(": ").map_or("", |(_, what)| what);
        what.to_owned()
    })
}

/// Returns the ids without duplicates, in the same order.
fn distinct(mut ids: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::with_capacity(ids.len());
    let first: Vec<bool> = ids.iter().map(|id| seen.insert(id.as_str())).collect();
    drop(seen);
    let mut first = first.into_iter();
    ids.retain(|_| first.next().unwrap_or(true));
    ids
}

pub(crate) fn over_limit() -> Problem {
    Problem::new(
        Kind::LimitExceeded,
        "more ids were given than `limit` allows: nothing was accepted",
    )
}

#[cfg(test)]
mod tests {
    use super::distinct;

    #[test]
    fn ids_that_came_before_are_left_out() {
        let ids = ["b", "a", "b", "c", "a"].map(str::to_owned).to_vec();
        assert_eq!(distinct(ids), ["b", "a", "c"]);
    }
}
