//! The tables of a job, and the check that their mappings support its conditions.
//!
//! Only the configuration decides, and no store is queried. `targets` are the targets that the caller reaches. Other
//! targets do not exist for it.

use lethe_common::config::{Columns, Config, Table, Target};
use lethe_common::job::{Field, Subject};

use crate::auth::Principal;
use crate::http::problem::{Kind, Problem};

/// A table of a target.
pub(crate) type MappedTable<'a> = (&'a Target, &'a Table);

/// Returns the targets that the caller reaches. Refuses a caller that reaches none of those in the configuration.
pub(crate) fn reached<'a>(config: &'a Config, principal: &Principal) -> Result<Vec<&'a Target>, Problem> {
    let targets = principal.targets(config);
    if targets.is_empty() && !config.targets.is_empty() {
        let detail = "your credentials cover no target of the configuration: use others";
        return Err(Problem::new(Kind::Forbidden, detail));
    }
    Ok(targets)
}

/// Returns the one table that ids belong to.
pub(crate) fn for_ids<'a>(
    targets: &[&'a Target],
    target: Option<&str>,
    table: Option<&str>,
) -> Result<MappedTable<'a>, Problem> {
    let target = match target {
        Some(name) => named(targets, name)?,
        None => match targets {
            [only] => only,
            [] => return Err(nowhere()),
            _ => {
                let names = listed(targets.iter().map(|target| &target.name));
                return Err(Problem::invalid("target", format_args!("name one of {names}")));
            }
        },
    };
    let table = match table {
        Some(name) => table_of(target, name)?,
        None => match target.tables.as_slice() {
            [only] => only,
            [] => return Err(nowhere()),
            tables => {
                let names = listed(tables.iter().map(|table| &table.name));
                return Err(Problem::invalid("table", format_args!("name one of {names}")));
            }
        },
    };
    Ok((target, table))
}

/// Returns the tables to search for a subject.
pub(crate) fn for_subject<'a>(
    targets: &[&'a Target],
    target: Option<&str>,
    table: Option<&str>,
) -> Result<Vec<MappedTable<'a>>, Problem> {
    if table.is_some() {
        return Ok(vec![for_ids(targets, target, table)?]);
    }
    let named = target.map(|name| named(targets, name)).transpose()?;
    let places: Vec<_> = named
        .as_ref()
        .map_or(targets, std::slice::from_ref)
        .iter()
        .copied()
        .flat_map(|target| target.tables.iter().map(move |table| (target, table)))
        .collect();
    if places.is_empty() { Err(nowhere()) } else { Ok(places) }
}

/// Refuses conditions on ids that the mapping does not support.
// The columns of a SQL row decide these conditions. A vector without a row stays as unverifiable if its payload lacks
// the field.
pub(crate) fn check_ids((target, table): MappedTable<'_>, [owner, workspace, kind]: [bool; 3]) -> Result<(), Problem> {
    let demanded = [
        (owner, "owner", Field::User),
        (workspace, "workspace", Field::Workspace),
        (kind, "kind", Field::Kind),
    ];
    for (_, name, field) in demanded.into_iter().filter(|(demanded, ..)| *demanded) {
        match (&table.columns, &table.collection) {
            (Some(columns), _) => {
                let mapped = column(columns, field).is_some();
                needs(mapped, name, (target, table), "columns", field)?;
            }
            (None, Some(collection)) => {
                let mapped = collection.payload.get(field);
                needs(mapped.is_some(), name, (target, table), "collection.payload", field)?;
            }
            (None, None) => {}
        }
    }
    Ok(())
}

/// Refuses a subject that a mapping does not support: each store of a table must find it by itself.
pub(crate) fn check_subject(places: &[MappedTable<'_>], subject: &Subject) -> Result<(), Problem> {
    for (field, _) in subject.fields() {
        let name = subject_field(field);
        for &(target, table) in places {
            if let Some(columns) = &table.columns {
                let mapped = column(columns, field).is_some();
                needs(mapped, &name, (target, table), "columns", field)?;
            }
            if let Some(collection) = &table.collection {
                let mapped = collection.payload.get(field);
                needs(mapped.is_some(), &name, (target, table), "collection.payload", field)?;
            }
        }
    }
    Ok(())
}

fn needs(
    mapped: bool,
    name: &str,
    (target, table): MappedTable<'_>,
    section: &str,
    field: Field,
) -> Result<(), Problem> {
    if mapped {
        return Ok(());
    }
    let what = format_args!(
        "table `{}` of target `{}` does not map this field: {}, or choose other tables",
        table.name,
        target.name,
        to_map(section, field)
    );
    Err(Problem::invalid(name, what))
}

/// Returns the advice about a field that a section of a mapping lacks.
// The API reads no schema. The command does, and it finds owners that rows only reference.
pub(crate) fn to_map(section: &str, field: Field) -> String {
    let line = match (section, field) {
        ("columns", Field::User) => " (`lethe targets check` prints the line, also for an owner in another table)",
        _ => "",
    };
    format!("map `{section}.{}` in the configuration{line}", mapping_word(field))
}

pub(crate) fn named<'a>(targets: &[&'a Target], name: &str) -> Result<&'a Target, Problem> {
    let found = targets.iter().copied().find(|target| target.name == name);
    found.ok_or_else(|| {
        let names = listed(targets.iter().map(|target| &target.name));
        Problem::invalid("target", format_args!("no target has this name: name one of {names}"))
    })
}

fn table_of<'a>(target: &'a Target, name: &str) -> Result<&'a Table, Problem> {
    target.table(name).ok_or_else(|| {
        let names = listed(target.tables.iter().map(|table| &table.name));
        Problem::invalid(
            "table",
            format_args!(
                "target `{}` has no table of this name: name one of {names}",
                target.name
            ),
        )
    })
}

fn nowhere() -> Problem {
    Problem::invalid(
        "target",
        "no memories are configured: add a target with a table to the configuration",
    )
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

pub(crate) fn column(columns: &Columns, field: Field) -> Option<&String> {
    match field {
        Field::User => columns.user.as_ref(),
        Field::Agent => columns.agent.as_ref(),
        Field::App => columns.app.as_ref(),
        Field::Run => columns.run.as_ref(),
        Field::Workspace => columns.workspace.as_ref(),
        Field::Kind => columns.kind.as_ref(),
    }
}

/// Returns the name of a field in a mapping.
fn mapping_word(field: Field) -> &'static str {
    match field {
        Field::User => "user",
        Field::Agent => "agent",
        Field::App => "app",
        Field::Run => "run",
        Field::Workspace => "workspace",
        Field::Kind => "kind",
    }
}

/// Returns the name of a subject's field in a request.
pub(crate) fn subject_field(field: Field) -> String {
    format!("select.subject.{}", word(field))
}

/// Returns the name of a field in a request.
pub(crate) fn word(field: Field) -> &'static str {
    match field {
        Field::User => "user_id",
        Field::Agent => "agent_id",
        Field::App => "app_id",
        Field::Run => "run_id",
        Field::Workspace => "workspace",
        Field::Kind => "kind",
    }
}
