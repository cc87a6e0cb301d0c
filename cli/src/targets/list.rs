//! The targets as the API and its workers see them.

use serde_json::Value;

use crate::api::{Api, Server, listed};
use crate::output::{self, Cell, Format, Table};
use crate::words;

/// Lists the targets, a row for each table, and the faults of their mappings.
pub(super) async fn list(server: &Server) -> anyhow::Result<()> {
    let api = Api::of(server)?;
    let list = api.send(api.get("targets")).await?;
    let targets = listed(&list, "targets")?;
    if server.output == Format::Json {
        return targets.iter().try_for_each(output::json);
    }
    let mut table = Table::new(["TARGET", "TABLE", "STORES", "WORKERS", "STATE"]);
    table.print(&targets.iter().flat_map(rows).collect::<Vec<_>>());
    table.end("the configuration of the API names no target that this key reaches");
    for target in targets {
        for fault in elements(&target["faults"]) {
            let place = format!("{}/{}", text(target, "name"), text(fault, "table"));
            output::note(&format!(
                "{place} does not fit: {}",
                output::printable(text(fault, "fault"))
            ));
        }
    }
    Ok(())
}

fn rows(target: &Value) -> impl Iterator<Item = [Cell; 5]> {
    elements(&target["tables"]).map(move |table| {
        let state = state(target, table);
        [
            text(target, "name").into(),
            text(table, "name").into(),
            stores(target, table).into(),
            table["served_by"].as_u64().unwrap_or(0).to_string().into(),
            Cell::styled(state, words::colour_of(state)),
        ]
    })
}

/// Returns the state of a table: what keeps its jobs from running, if anything.
fn state(target: &Value, table: &Value) -> &'static str {
    let is_its = |fault: &Value| fault["table"] == table["name"];
    if target["paused"] == true {
        "paused"
    } else if elements(&target["faults"]).any(is_its) {
        "does not fit"
    } else if table["served_by"] == 0 {
        "no worker"
    } else {
        "ready"
    }
}

/// Returns the stores of a table, each with its health as workers report it.
fn stores(target: &Value, table: &Value) -> String {
    let stores = elements(&table["stores"]).filter_map(Value::as_str).map(|store| {
        let health = &target["stores"][store];
        let number = |name: &str| health[name].as_u64().unwrap_or(0);
        let codes: Vec<&str> = elements(&health["codes"]).filter_map(Value::as_str).collect();
        match (number("up"), number("down")) {
            (0, 0) => format!("{store} unknown"),
            (_, 0) => format!("{store} up"),
            (0, _) => format!("{store} down ({})", codes.join(", ")),
            (_, down) => format!("{store} down for {down} workers ({})", codes.join(", ")),
        }
    });
    stores.collect::<Vec<_>>().join(", ")
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or("-")
}

fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_shows_what_keeps_its_jobs_from_running() {
        let mut target = json!({
            "name": "main", "paused": false, "faults": [{"table": "other", "fault": "no column"}],
            "stores": {"sql": {"up": 2, "down": 0, "codes": []}, "vector": {"up": 0, "down": 2, "codes": ["timeout"]}},
        });
        let mut table = json!({"name": "memories", "stores": ["sql", "vector"], "served_by": 2});
        assert_eq!(stores(&target, &table), "sql up, vector down (timeout)");
        assert_eq!(state(&target, &table), "ready");
        table["served_by"] = json!(0);
        assert_eq!(state(&target, &table), "no worker");
        table["name"] = json!("other");
        assert_eq!(state(&target, &table), "does not fit");
        target["paused"] = json!(true);
        assert_eq!(state(&target, &table), "paused");
        target["stores"] = json!({});
        assert_eq!(stores(&target, &table), "sql unknown, vector unknown");
    }
}
