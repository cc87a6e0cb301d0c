//! The report to a shell about a job that has ended or is held.

use anyhow::bail;
use serde_json::Value;

use crate::job::show;
use crate::output::{self, Format};

/// Shows a job that has ended or is held, with notes in words. Any state but success is an error for the shell too. So is
/// a success that found nothing, if `require_found` is set.
pub(crate) fn conclude(job: &Value, format: Format, require_found: bool) -> anyhow::Result<()> {
    show(job, format)?;
    for note in notes(job) {
        output::note(&note);
    }
    match job["state"].as_str() {
        Some("succeeded") if require_found && !has_found(job) => bail!("nothing was found"),
        Some("succeeded") => Ok(()),
        Some("held") => bail!(
            "legal holds keep memories of the job, and the rest is deleted: `lethe holds` lists holds, and the job goes on \
             after their release"
        ),
        state => bail!("the job ended in state {}", state.unwrap_or("nothing known")),
    }
}

/// Returns the job's warnings in words, and the numbers of deleted dependents.
fn notes(job: &Value) -> Vec<String> {
    let mut notes = Vec::new();
    for warning in items(&job["warnings"]) {
        let place = format!(
            "{}/{}",
            warning["target"].as_str().unwrap_or_default(),
            warning["table"].as_str().unwrap_or_default()
        );
        notes.push(match warning["code"].as_str() {
            Some("nothing_selected") => "nothing was selected: no memory matches the request".to_owned(),
            Some("mistyped") => {
                format!("{place} was skipped: its columns cannot hold a value of the request")
            }
            Some("full_scan") => format!("{place} was searched row by row: no index helps"),
            Some("held") => format!("{place}: a legal hold may keep memories of the request"),
            Some("dependents_uncounted") => {
                format!("{place}: more dependent rows were deleted than counted, because a worker died")
            }
            code => format!("{place}: {}", code.unwrap_or("a warning without a code")),
        });
    }
    for store in items(&job["stores"]) {
        for (table, n) in store["dependents"].as_object().into_iter().flatten() {
            let target = store["target"].as_str().unwrap_or_default();
            notes.push(format!(
                "{n} rows of the dependent table {table} in {target} were deleted with their memories"
            ));
        }
    }
    if job["state"] == "succeeded" && !has_found(job) && notes.is_empty() {
        notes.push("nothing was found: no store had a memory of the selection".to_owned());
    }
    notes
}

/// Returns whether any memory was there. An id that no store knows does not count, nor does an empty selection.
fn has_found(job: &Value) -> bool {
    let counts = items(&job["stores"]).filter_map(|store| store["counts"].as_object());
    counts
        .flatten()
        .any(|(outcome, n)| outcome != "absent" && n.as_u64().unwrap_or(0) > 0)
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(absent: u64, found: u64) -> Value {
        json!({"id": "j", "state": "succeeded", "warnings": [], "stores": [
            {"target": "main", "store": "sql", "counts": {"absent": absent, "erased": 0}, "dependents": {}},
            {"target": "main", "store": "vector", "counts": {"absent": absent, "erased": found}, "dependents": {}},
        ]})
    }

    #[test]
    fn absent_is_not_found() {
        assert!(has_found(&job(7, 1)) && !has_found(&job(7, 0)) && !has_found(&json!({"stores": []})));
        assert!(conclude(&job(7, 0), Format::Json, false).is_ok() && conclude(&job(7, 0), Format::Json, true).is_err());
        assert!(conclude(&job(7, 1), Format::Json, true).is_ok());
        assert_eq!(
            notes(&job(7, 0)),
            ["nothing was found: no store had a memory of the selection"]
        );
        assert!(notes(&job(7, 1)).is_empty());
    }

    #[test]
    fn a_held_job_is_no_success() {
        let mut held = job(0, 1);
        held["state"] = json!("held");
        let said = conclude(&held, Format::Json, false).unwrap_err().to_string();
        assert!(said.contains("`lethe holds`"), "{said}");
    }

    #[test]
    fn warnings_are_said_in_words() {
        let mut job = job(0, 0);
        job["warnings"] = json!([
            {"code": "mistyped", "target": "main", "table": "notes"},
            {"code": "nothing_selected", "target": null, "table": null},
            {"code": "held", "target": "main", "table": "notes"},
        ]);
        job["stores"][0]["dependents"] = json!({"chunks": 12});
        assert_eq!(
            notes(&job),
            [
                "main/notes was skipped: its columns cannot hold a value of the request",
                "nothing was selected: no memory matches the request",
                "main/notes: a legal hold may keep memories of the request",
                "12 rows of the dependent table chunks in main were deleted with their memories",
            ]
        );
    }
}
