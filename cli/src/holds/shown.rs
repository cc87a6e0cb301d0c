//! A hold for people: a summary, a row of a list, and notes about a hold that was placed.

use serde_json::Value;

use crate::output::{Cell, printable};
use crate::words;

/// The headers of [`row`].
pub(super) const COLUMNS: [&str; 6] = ["NAME", "KEEPS", "PLACE", "GROUND", "UNTIL", "JOBS"];

/// Returns the row of a hold in a list. It names no person and no id.
pub(super) fn row(hold: &Value) -> [Cell; COLUMNS.len()] {
    let until = match hold["released_at"].as_str() {
        Some(at) => format!("released {at}"),
        None => text(hold, "until").to_owned(),
    };
    let jobs = hold["jobs"].as_u64().unwrap_or(0);
    let jobs_style = if jobs > 0 { "held" } else { "" };
    [
        text(hold, "name").into(),
        keeps(hold).into(),
        place(hold).into(),
        text(hold, "ground").into(),
        until.into(),
        Cell::styled(&jobs.to_string(), words::colour_of(jobs_style)),
    ]
}

/// Returns a hold line by line.
pub(super) fn summary(hold: &Value) -> Vec<String> {
    let state = match hold["released_at"].as_str() {
        Some(at) => format!("released at {at}"),
        None => "in force".to_owned(),
    };
    let mut lines = vec![format!("Hold {}: {}", printable(text(hold, "name")), printable(&state))];
    let mut add = |label: &str, fact: &str| lines.push(format!("  {label:<9}  {}", printable(fact)));
    add("keeps", &keeps(hold));
    for name in ["persons", "ids", "workspaces"] {
        for value in items(&hold[name]) {
            add("", value.as_str().unwrap_or_default());
        }
    }
    if !hold["filter"].is_null() {
        add("", &hold["filter"].to_string());
    }
    add("place", &place(hold));
    add("ground", text(hold, "ground"));
    for (label, name) in [("by", "by"), ("reference", "reference"), ("until", "until")] {
        if let Some(text) = hold[name].as_str() {
            add(label, text);
        }
    }
    add(
        "placed",
        &format!("{} by {}", text(hold, "created_at"), text(hold, "principal")),
    );
    add("held jobs", &hold["jobs"].as_u64().unwrap_or(0).to_string());
    lines
}

/// Returns what the caller has to know about a hold that was placed, sentence by sentence.
pub(super) fn notes(placed: &Value) -> Vec<String> {
    let mut notes = Vec::new();
    for job in items(&placed["in_flight"]["jobs"]) {
        let id = text(job, "id");
        notes.push(format!(
            "job {id} began batches before the hold, and may still delete their memories: `lethe watch {id}` follows it"
        ));
    }
    if placed["in_flight"]["more"] == true {
        notes.push(
            "further jobs may have begun batches before the hold: `lethe jobs --state running` lists them".to_owned(),
        );
    }
    for table in items(&placed["not_covered"]) {
        notes.push(format!(
            "the hold may keep nothing in {}/{}: no mapped column of its rows has this field",
            text(table, "target"),
            text(table, "table")
        ));
    }
    for target in items(&placed["unserved"]).filter_map(Value::as_str) {
        notes.push(format!(
            "no worker has the target {target}: the hold binds the workers that start later"
        ));
    }
    notes.iter().map(|note| printable(note)).collect()
}

fn text<'h>(hold: &'h Value, name: &str) -> &'h str {
    hold[name].as_str().unwrap_or("-")
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// Returns what a hold keeps, without the names.
fn keeps(hold: &Value) -> String {
    for (name, one) in [("persons", "person"), ("ids", "id"), ("workspaces", "workspace")] {
        match hold[name].as_array().map(Vec::len) {
            None => {}
            Some(1) => return format!("1 {one}"),
            Some(n) => return format!("{n} {name}"),
        }
    }
    // A list has no names, and the release of a hold deletes them.
    text(hold, "kind").to_owned()
}

/// Returns the place of a hold.
fn place(hold: &Value) -> String {
    match (hold["target"].as_str(), hold["table"].as_str()) {
        (Some(target), Some(table)) => format!("{target}/{table}"),
        (Some(target), None) => target.to_owned(),
        (None, _) => "all targets".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hold() -> Value {
        json!({
            "name": "case-77", "target": "main", "table": null, "kind": "persons", "persons": ["ana", "b\u{1b}[2J"],
            "ground": "17(3)(e)", "by": "Legal", "reference": "CASE-77", "until": "2031-01-01T00:00:00Z",
            "principal": "legal", "jobs": 2,
            "created_at": "2030-01-01T00:00:00Z", "changed_at": "2030-01-01T00:00:00Z", "released_at": null,
        })
    }

    #[test]
    fn a_hold_is_shown_with_what_it_keeps_and_why() {
        assert_eq!(
            summary(&hold()),
            [
                "Hold case-77: in force",
                "  keeps      2 persons",
                "             ana",
                "             b\\u{1b}[2J",
                "  place      main",
                "  ground     17(3)(e)",
                "  by         Legal",
                "  reference  CASE-77",
                "  until      2031-01-01T00:00:00Z",
                "  placed     2030-01-01T00:00:00Z by legal",
                "  held jobs  2",
            ]
        );
        let released = json!({"name": "case-77", "kind": "persons", "released_at": "2030-02-01T00:00:00Z"});
        let lines = summary(&released);
        assert_eq!(lines[0], "Hold case-77: released at 2030-02-01T00:00:00Z");
        assert_eq!(lines[1], "  keeps      persons");
        let query = json!({"name": "q", "kind": "query", "filter": {"all": true}});
        assert_eq!(
            summary(&query)[1..3],
            ["  keeps      query", "             {\"all\":true}"]
        );
        assert_eq!(keeps(&json!({"kind": "ids", "ids": ["1"]})), "1 id");
    }

    #[test]
    fn a_list_names_no_person() {
        let shown = format!("{:?}", row(&hold()));
        assert!(shown.contains("2 persons") && !shown.contains("ana"), "{shown}");
    }

    #[test]
    fn the_notes_say_what_the_hold_does_not_keep() {
        let mut placed = hold();
        assert!(notes(&placed).is_empty());
        placed["in_flight"] = json!({"jobs": [{"id": "j", "partitions": 1}], "more": true});
        placed["not_covered"] = json!([{"target": "main", "table": "notes"}]);
        placed["unserved"] = json!(["archive"]);
        let said = notes(&placed);
        assert_eq!(said.len(), 4, "{said:?}");
        assert!(
            said[0].contains("job j began batches") && said[2].contains("main/notes"),
            "{said:?}"
        );
    }
}
