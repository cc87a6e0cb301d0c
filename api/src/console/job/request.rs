//! The request that repeats a job, for `curl` and for `lethe`.
//!
//! Ids and queries stay out of it: the ledger does not give them back as they were sent.

use lethe_common::ledger::Aim;
use serde_json::{Map, Value, json};

use super::shown::Shown;
use crate::job::answer::Job;

/// In place of values that are not shown.
const HIDDEN: &str = "…";

/// The request that repeats a job.
pub(super) struct Request {
    pub(super) curl: String,
    pub(super) lethe: String,
}

impl Request {
    /// Returns the request, with the person and the conditions if they are shown.
    pub(super) fn of(job: &Job, shown: &Shown) -> Self {
        let aim = shown.selection.as_ref();
        let body = serde_json::to_string_pretty(&body(job, aim)).expect("texts and numbers are JSON");
        Self {
            curl: format!(
                "curl \"$LETHE_URL/v1/jobs\" \\\n  -H \"Authorization: Bearer $LETHE_KEY\" \\\n  \
                 -H 'Content-Type: application/json' \\\n  -d {}",
                quoted(&body)
            ),
            lethe: lethe(job, aim),
        }
    }
}

fn body(job: &Job, aim: Option<&Aim>) -> Value {
    let mut body = Map::new();
    for (name, value) in [("target", &job.target), ("table", &job.table)] {
        if let Some(value) = value {
            body.insert(name.to_owned(), json!(value));
        }
    }
    let select = match (job.kind.as_str(), aim.and_then(|aim| aim.subject.as_ref())) {
        ("ids", _) => json!({"ids": [HIDDEN]}),
        ("subject", Some(subject)) => json!({"subject": subject}),
        ("subject", None) => json!({"subject": {"user_id": HIDDEN}}),
        _ => json!({"query": {HIDDEN: HIDDEN}}),
    };
    body.insert("select".to_owned(), select);
    if let Some(aim) = aim.filter(|aim| aim.subject.is_none()) {
        for (name, value) in [("owner", &aim.owner), ("workspace", &aim.workspace)] {
            if let Some(value) = value {
                body.insert(name.to_owned(), json!(value));
            }
        }
    }
    if job.dry_run {
        body.insert("dry_run".to_owned(), json!(true));
    }
    if let Some(reference) = &job.reference {
        body.insert("reference".to_owned(), json!(reference));
    }
    if !job.labels.is_empty() {
        body.insert("labels".to_owned(), json!(job.labels));
    }
    if let Some(limit) = job.limit {
        body.insert("limit".to_owned(), json!(limit));
    }
    if let Some(pace) = &job.per_second {
        body.insert("per_second".to_owned(), json!(pace));
    }
    Value::Object(body)
}

fn lethe(job: &Job, aim: Option<&Aim>) -> String {
    let mut words = vec!["lethe submit".to_owned()];
    let mut option = |name: &str, value: &str| words.push(format!("--{name} {}", quoted(value)));
    let user = aim.and_then(|aim| aim.subject.as_ref()?.user_id.as_deref());
    match job.kind.as_str() {
        "ids" => option("ids-file", HIDDEN),
        "subject" => option("user", user.unwrap_or(HIDDEN)),
        _ => option("query", HIDDEN),
    }
    for (name, value) in [("target", &job.target), ("table", &job.table)] {
        if let Some(value) = value {
            option(name, value);
        }
    }
    if let Some(aim) = aim.filter(|aim| aim.subject.is_none()) {
        for (name, value) in [("owner", &aim.owner), ("workspace", &aim.workspace)] {
            if let Some(value) = value {
                option(name, value);
            }
        }
    }
    if let Some(reference) = &job.reference {
        option("reference", reference);
    }
    for (name, value) in &job.labels {
        option("label", &format!("{name}={value}"));
    }
    if let Some(limit) = job.limit {
        option("limit", &limit.to_string());
    }
    if let Some(pace) = &job.per_second {
        option("per-second", &pace.to_string());
    }
    if job.dry_run {
        words.push("--dry-run".to_owned());
    }
    words.join(" \\\n  ")
}

/// Returns a text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_value_is_one_word_of_a_shell() {
        assert_eq!(quoted("o'neil; rm $x"), "'o'\\''neil; rm $x'");
    }
}
