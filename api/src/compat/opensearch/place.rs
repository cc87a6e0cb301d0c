//! The places of OpenSearch's containers and memory types.
//!
//! A container is a target, or a workspace of a target. A type is the table of its name, the table that the
//! configuration names for it, or a kind in the only table with several kinds.

use lethe_common::config::{Config, Containers, OpenSearch, Table, Target};

use crate::auth::Principal;
use crate::deletion::placement;
use crate::http::json::short;
use crate::http::problem::{Kind, Missing, Problem};

/// The four types of memories.
const TYPES: [&str; 4] = ["sessions", "working", "long-term", "history"];

/// The place of a container's memories of one type.
pub(super) struct MappedContainer<'a> {
    pub(super) target: &'a Target,
    pub(super) table: &'a Table,
    /// The kind condition, if the table holds several kinds.
    pub(super) kind: Option<&'static str>,
    /// The workspace condition, if the container is a workspace.
    pub(super) workspace: Option<String>,
}

/// Finds the place of a container's memories of one type.
pub(super) fn find<'a>(
    config: &'a Config,
    principal: &Principal,
    container: &str,
    memory_type: &str,
) -> Result<MappedContainer<'a>, Problem> {
    let Some(kind) = TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(memory_type)) else {
        let text = short(memory_type);
        let known = TYPES.join(", ");
        let detail = format!("Invalid memory type: {text}. Must be one of: {known}");
        return Err(Problem::new(Kind::Malformed, detail));
    };
    let settings = &config.compat.opensearch;
    let (target, workspace) = target(config, principal, settings, container)?;
    let (table, kind) = table(settings, target, kind)?;
    Ok(MappedContainer {
        target,
        table,
        kind,
        workspace,
    })
}

/// Finds the table of an index name: one of the caller's targets with a single table, a table, or `target.table`.
pub(super) fn index<'a>(config: &'a Config, principal: &Principal, name: &str) -> Result<MappedContainer<'a>, Problem> {
    let found = |target: &'a Target, table: &'a Table| MappedContainer {
        target,
        table,
        kind: None,
        workspace: None,
    };
    let ambiguous = |names: Vec<String>| {
        let (name, names) = (short(name), names.join(", "));
        Problem::new(
            Kind::Malformed,
            format!("index [{name}] is several tables: name one of {names}"),
        )
    };
    let targets = principal.targets(config);
    let places: Vec<(&Target, &Table)> = targets
        .iter()
        .flat_map(|target| target.tables.iter().map(|table| (*target, table)))
        .collect();
    let of_target: Vec<_> = places.iter().filter(|(target, _)| target.name == name).collect();
    if let [(target, table)] = of_target[..] {
        return Ok(found(target, table));
    }
    let full = |(target, table): &(&Target, &Table)| format!("{}.{}", target.name, table.name);
    let named: Vec<_> = places
        .iter()
        .filter(|place| place.1.name == name || full(place) == name)
        .collect();
    match (&named[..], &of_target[..]) {
        ([(target, table)], _) => Ok(found(target, table)),
        ([], []) => {
            let text = format!("no such index [{}]", short(name));
            Err(Problem::new(Kind::NotFound, text).lacking(Missing::Index))
        }
        ([], several) | (several, _) => Err(ambiguous(several.iter().map(|place| full(place)).collect())),
    }
}

fn target<'a>(
    config: &'a Config,
    principal: &Principal,
    settings: &OpenSearch,
    container: &str,
) -> Result<(&'a Target, Option<String>), Problem> {
    let missing = || Problem::new(Kind::NotFound, "Memory container not found");
    let closed = || {
        let detail = "User doesn't have permissions to delete memories in this container";
        Problem::new(Kind::Forbidden, detail)
    };
    if settings.containers == Containers::Targets {
        let target = config.target(container).ok_or_else(missing)?;
        return if principal.reaches(container) {
            Ok((target, None))
        } else {
            Err(closed())
        };
    }
    let targets = principal.targets(config);
    let target = match &settings.target {
        Some(name) => placement::named(&targets, name).map_err(|_| closed())?,
        None => targets
            .first()
            .copied()
            .filter(|_| targets.len() == 1)
            .ok_or_else(missing)?,
    };
    let workspace = principal.workspace(Some(container)).map_err(|_| closed())?;
    Ok((target, workspace))
}

fn table<'a>(
    settings: &OpenSearch,
    target: &'a Target,
    kind: &'static str,
) -> Result<(&'a Table, Option<&'static str>), Problem> {
    let named = settings.types.get(kind).map_or(kind, String::as_str);
    if let Some(table) = target.table(named) {
        // The table may hold other types too.
        return Ok((table, has_kinds(table).then_some(kind)));
    }
    let kinds = |table: &&Table| has_kinds(table);
    let mut tables = target.tables.iter().filter(kinds);
    if let (Some(table), None) = (tables.next(), tables.next()) {
        return Ok((table, Some(kind)));
    }
    let detail = format!("no table holds memories of the type {kind}: map compat.opensearch.types, or a kind column");
    Err(Problem::new(Kind::Malformed, detail))
}

/// Returns whether a table distinguishes kinds. Its columns decide, if it has any.
fn has_kinds(table: &Table) -> bool {
    match (&table.columns, &table.collection) {
        (Some(columns), _) => columns.kind.is_some(),
        (None, Some(collection)) => collection.payload.kind.is_some(),
        (None, None) => false,
    }
}
