//! A job for people: a summary, and a row of a list.

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::output::{self, Cell, Format, printable};
use crate::words;

/// The headers of [`row`].
pub(crate) const COLUMNS: [&str; 8] = ["ID", "KIND", "STATE", "SELECTED", "COUNTS", "WAITS", "ERROR", "AGE"];

/// Prints a job in the form that was asked for.
pub(crate) fn show(job: &Value, format: Format) -> anyhow::Result<()> {
    // An answer without these is not the API's.
    job["id"]
        .as_str()
        .and_then(|_| job["state"].as_str())
        .context("the API did not answer with a job")?;
    match format {
        Format::Json => output::json(job)?,
        Format::Text => summary(job).iter().for_each(|line| output::coloured(line)),
    }
    Ok(())
}

/// Returns the row of a job in a list.
pub(crate) fn row(job: &Value, now: Timestamp) -> [Cell; COLUMNS.len()] {
    let state = text(job, "state");
    [
        text(job, "id").into(),
        kind(job).into(),
        Cell::styled(state, words::colour_of(state)),
        job["selected"].as_u64().unwrap_or(0).to_string().into(),
        counts(job).into(),
        text(&job["waits_for"], "reason").into(),
        text(job, "error_code").into(),
        words::age(&job["accepted_at"], now).into(),
    ]
}

fn text<'j>(job: &'j Value, name: &str) -> &'j str {
    job[name].as_str().unwrap_or("-")
}

fn kind(job: &Value) -> String {
    let kind = match text(job, "kind") {
        "subject" => "person",
        kind => kind,
    };
    let dry_run = if job["dry_run"] == true { " (dry run)" } else { "" };
    format!("{kind}{dry_run}")
}

/// Returns the counts of all stores, once if they agree.
fn counts(job: &Value) -> String {
    let stores: Vec<(String, String)> = stores(job).collect();
    let Some((_, first)) = stores.first() else {
        return "-".to_owned();
    };
    if stores.iter().all(|(_, counts)| counts == first) {
        return first.clone();
    }
    let all = stores.iter().map(|(store, counts)| format!("{store}: {counts}"));
    all.collect::<Vec<_>>().join("; ")
}

/// Returns the counts of each store, with its name.
fn stores(job: &Value) -> impl Iterator<Item = (String, String)> {
    let stores = job["stores"].as_array().into_iter().flatten();
    stores.map(|store| {
        let name = format!("{} {}", text(store, "target"), text(store, "store"));
        let none = Map::new();
        let counts = words::counts(store["counts"].as_object().unwrap_or(&none));
        (name, counts)
    })
}

/// Returns what a person wants to know about a job, line by line.
fn summary(job: &Value) -> Vec<String> {
    let (id, state) = (text(job, "id"), text(job, "state"));
    let style = words::colour_of(state);
    let dry_run = if job["dry_run"] == true {
        " (dry run: nothing was deleted)"
    } else {
        ""
    };
    let facts = facts(job);
    let width = facts.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let lines = facts
        .iter()
        .map(|(label, fact)| format!("  {label:<width$}  {}", printable(fact)));
    let head = format!("Job {}: {style}{}{style:#}{dry_run}", printable(id), printable(state));
    std::iter::once(head).chain(lines).collect()
}

fn facts(job: &Value) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut add = |label: &str, fact: String| facts.push((label.to_owned(), fact));
    let place = match (job["target"].as_str(), job["table"].as_str()) {
        (Some(target), Some(table)) => format!("{target}/{table}"),
        (Some(target), None) => target.to_owned(),
        (None, _) => "all targets".to_owned(),
    };
    let what = match text(job, "kind") {
        "ids" => "memories by id",
        "subject" => "all memories of one person",
        "query" => "memories that match a query",
        kind => kind,
    };
    add("selection", format!("{what}, in {place}"));
    let selected = job["selected"].as_u64().unwrap_or(0);
    let remaining = job["remaining"].as_u64().unwrap_or(0);
    if job["ended_at"].is_null() && remaining > 0 {
        let done = selected.saturating_sub(remaining);
        add("selected", format!("{selected}, of these {done} are done"));
    } else {
        add("selected", selected.to_string());
    }
    for (store, counts) in stores(job) {
        add(&store, counts);
    }
    if let Some(pace) = job["per_second"].as_f64() {
        add("pace", format!("at most {pace} per second"));
    }
    if let Some(code) = job["error_code"].as_str() {
        add("error", code.to_owned());
    }
    if let Some(reference) = job["reference"].as_str() {
        add("reference", reference.to_owned());
    }
    for (key, value) in job["labels"].as_object().into_iter().flatten() {
        add("label", format!("{key}={}", value.as_str().unwrap_or_default()));
    }
    if let Some(ground) = job["ground"].as_str() {
        add("ground", ground.to_owned());
    }
    if let Some(due) = job["deadline"]["due_at"].as_str() {
        let deadline = &job["deadline"];
        let status = text(deadline, "status").replace('_', " ");
        add("due", format!("{due} ({}): {status}", text(deadline, "regulation")));
    }
    if let Some(why) = job["waits_for"]["detail"].as_str() {
        add("waits", why.to_owned());
    }
    if let Some(at) = job["next_attempt_at"].as_str() {
        add("next try", at.to_owned());
    }
    if let Some(digest) = job["preview"]["digest"].as_str() {
        add("digest", digest.to_owned());
    }
    facts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job() -> Value {
        json!({
            "id": "00000000-0000-7000-8000-000000000000", "state": "failed", "kind": "subject", "dry_run": false,
            "target": null, "table": null, "selected": 3, "remaining": 0, "per_second": 0.5,
            "stores": [
                {"target": "main", "store": "sql", "counts": {"erased": 3, "absent": 0}},
                {"target": "main", "store": "vector", "counts": {"erased": 2, "failed": 1}},
            ],
            "error_code": "constraint", "waits_for": null, "next_attempt_at": null, "preview": null,
            "accepted_at": "2030-01-01T00:00:00Z", "ended_at": "2030-01-01T00:00:09Z",
        })
    }

    fn plain(lines: &[String]) -> Vec<String> {
        let plain = lines.iter().map(|line| anstream::adapter::strip_str(line).to_string());
        plain.collect()
    }

    #[test]
    fn a_job_is_summed_up_for_people() {
        assert_eq!(
            plain(&summary(&job())),
            [
                "Job 00000000-0000-7000-8000-000000000000: failed",
                "  selection    all memories of one person, in all targets",
                "  selected     3",
                "  main sql     3 erased",
                "  main vector  2 erased, 1 failed",
                "  pace         at most 0.5 per second",
                "  error        constraint",
            ]
        );
    }

    #[test]
    fn a_job_says_why_it_waits_and_has_its_marks() {
        let mut waiting = job();
        waiting["waits_for"] = json!({"reason": "pause", "detail": "`main` has been paused."});
        waiting["reference"] = json!("DSR-4711");
        waiting["labels"] = json!({"team": "privacy"});
        waiting["ground"] = json!("17(1)(b)");
        waiting["deadline"] = json!({"regulation": "gdpr", "due_at": "2030-02-01T00:00:00Z", "status": "in_time"});
        let lines = plain(&summary(&waiting)).join("\n");
        assert!(lines.contains("  waits        `main` has been paused."), "{lines}");
        assert!(
            lines.contains("  reference    DSR-4711") && lines.contains("  label        team=privacy"),
            "{lines}"
        );
        assert!(
            lines.contains("  ground       17(1)(b)")
                && lines.contains("  due          2030-02-01T00:00:00Z (gdpr): in time"),
            "{lines}"
        );
        assert_eq!(
            row(&waiting, "2030-01-01T00:00:05Z".parse().unwrap()).len(),
            COLUMNS.len()
        );
    }

    #[test]
    fn a_dry_run_says_that_nothing_was_deleted_and_shows_its_digest() {
        let mut job = job();
        for (name, value) in [
            ("state", json!("succeeded")),
            ("kind", json!("ids")),
            ("target", json!("main")),
            ("table", json!("memories")),
            ("dry_run", json!(true)),
            ("per_second", Value::Null),
            ("error_code", Value::Null),
            ("preview", json!({"digest": "0123", "tables": []})),
            (
                "stores",
                json!([{"target": "main", "store": "sql", "counts": {"found": 3}}]),
            ),
        ] {
            job[name] = value;
        }
        assert_eq!(
            plain(&summary(&job)),
            [
                "Job 00000000-0000-7000-8000-000000000000: succeeded (dry run: nothing was deleted)",
                "  selection  memories by id, in main/memories",
                "  selected   3",
                "  main sql   3 found",
                "  digest     0123",
            ]
        );
        assert_eq!(kind(&job), "ids (dry run)");
    }

    #[test]
    fn equal_counts_of_stores_are_said_once_in_a_list() {
        assert_eq!(counts(&job()), "main sql: 3 erased; main vector: 2 erased, 1 failed");
        let mut equal = job();
        equal["stores"][1]["counts"] = json!({"erased": 3});
        assert_eq!(counts(&equal), "3 erased");
        assert_eq!(counts(&json!({"stores": []})), "-");
        // A job that has ended with nothing is not shown as one that goes on.
        assert!(show(&json!({"hello": "you"}), Format::Json).is_err());
    }
}
