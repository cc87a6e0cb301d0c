//! The request that repeats a job, for `curl` and for `lethe`.
//!
//! Queries stay out of it: the ledger does not give them back as they were sent. Ids, persons, owners and workspaces are
//! in it only if a form asked for them.

use lethe_common::deadline::NONE;
use lethe_common::job::{Field, Subject};
use serde_json::{Map, Value, json};

use super::shown::{Selection, Shown};
use crate::console::links;
use crate::job::answer::Job;

/// In place of values that are not shown.
const HIDDEN: &str = "…";

/// The most ids of a command. More of them are sent from a file.
pub(super) const MOST_IDS: usize = 100;

/// The name of that file in the commands.
const FILE: &str = "ids.ndjson";

/// The request that repeats a job.
pub(super) struct Request {
    pub(super) curl: String,
    /// `None` for all memories of a workspace: the command line has no such selection.
    pub(super) lethe: Option<String>,
    /// Whether it lacks values that the job has.
    pub(super) hides: bool,
    /// The file that the reader writes first: there are too many ids for a command.
    pub(super) file: Option<&'static str>,
}

impl Request {
    /// Returns the request, with the ids, the person and the conditions if they are shown.
    pub(super) fn of(job: &Job, shown: &Shown) -> Self {
        let selection = shown.selection.as_ref();
        let fields = fields(job, selection);
        let is_workspace =
            subject(selection).is_some_and(|subject| subject.fields().all(|(field, _)| field == Field::Workspace));
        let lethe = (!is_workspace).then(|| lethe(job, selection));
        let file = is_in_file(selection).then_some(FILE);
        let curl = match file {
            Some(_) => uploaded(&fields),
            None => posted(job, selection, fields),
        };
        Self {
            curl,
            lethe,
            hides: hides(job, selection),
            file,
        }
    }
}

/// Returns whether values of a job are not shown. A query never is, nor the kind beside it.
fn hides(job: &Job, selection: Option<&Selection>) -> bool {
    match job.kind.as_str() {
        "ids" => ids(selection).is_none(),
        "subject" => subject(selection).is_none(),
        _ => true,
    }
}

fn is_in_file(selection: Option<&Selection>) -> bool {
    selection.is_some_and(|shown| shown.listed.more)
}

/// Returns the ids of the request; `None` if they are not shown.
fn ids(selection: Option<&Selection>) -> Option<&[String]> {
    let ids = &selection?.listed.ids;
    (!ids.is_empty()).then_some(ids.as_slice())
}

/// Returns the person of the request; `None` if it is not shown.
fn subject(selection: Option<&Selection>) -> Option<&Subject> {
    selection?.aim.subject.as_ref()
}

/// Returns the fields of the request beside its selector.
fn fields(job: &Job, selection: Option<&Selection>) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in [("target", &job.target), ("table", &job.table)]
        .into_iter()
        .chain(conditions(selection))
    {
        if let Some(value) = value {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    if job.dry_run {
        fields.insert("dry_run".to_owned(), json!(true));
    }
    if let Some(reference) = &job.reference {
        fields.insert("reference".to_owned(), json!(reference));
    }
    for (name, value) in legal(job) {
        fields.insert(name.to_owned(), json!(value));
    }
    if !job.labels.is_empty() {
        fields.insert("labels".to_owned(), json!(job.labels));
    }
    if let Some(limit) = job.limit {
        fields.insert("limit".to_owned(), json!(limit));
    }
    if let Some(pace) = &job.per_second {
        fields.insert("per_second".to_owned(), json!(pace));
    }
    fields
}

/// Returns the legal fields of the request. The repeated request counts from the same arrival: the person has asked once.
fn legal(job: &Job) -> impl Iterator<Item = (&'static str, String)> {
    let deadline = job.deadline.as_ref();
    let regulation = deadline.map(|deadline| deadline.regulation.clone());
    // Without a word, such a request has the default regime of the configuration.
    let says_none = !job.dry_run && (job.kind == "subject" || job.ground.is_some());
    let regulation = regulation.or_else(|| says_none.then(|| NONE.to_owned()));
    let received_at = deadline.and_then(|deadline| deadline.received_at);
    [
        ("regulation", regulation),
        ("ground", job.ground.map(str::to_owned)),
        ("received_at", received_at.map(|at| at.to_string())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

/// Returns the conditions beside ids or a query. The fields of a person hold all of its own.
fn conditions(selection: Option<&Selection>) -> impl Iterator<Item = (&'static str, &Option<String>)> {
    let shown = selection.filter(|shown| shown.aim.subject.is_none()).into_iter();
    shown.flat_map(|Selection { aim, listed }| {
        [
            ("owner", &aim.owner),
            ("workspace", &aim.workspace),
            ("kind", &listed.memory_kind),
        ]
    })
}

/// Returns the command that posts JSON.
fn posted(job: &Job, selection: Option<&Selection>, mut fields: Map<String, Value>) -> String {
    let select = match job.kind.as_str() {
        "ids" => ids(selection).map_or_else(|| json!({"ids": [HIDDEN]}), |ids| json!({"ids": ids})),
        "subject" => subject(selection).map_or_else(
            || json!({"subject": {"user_id": HIDDEN}}),
            |subject| json!({"subject": subject}),
        ),
        _ => json!({"query": {HIDDEN: HIDDEN}}),
    };
    fields.insert("select".to_owned(), select);
    let body = serde_json::to_string_pretty(&fields).expect("texts and numbers are JSON");
    let body = quoted(&body);
    format!(
        "curl \"$LETHE_URL/v1/jobs\" \\\n  -H \"Authorization: Bearer $LETHE_KEY\" \\\n  \
         -H 'Content-Type: application/json' \\\n  -d {body}"
    )
}

/// Returns the command that uploads the file of ids. The other fields are in the query, where no character is one of the
/// shell's.
fn uploaded(fields: &Map<String, Value>) -> String {
    let texts: Vec<(&String, String)> = fields
        .iter()
        .map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    let path = links::with(
        "/v1/jobs",
        texts.iter().map(|(name, value)| (name.as_str(), value.as_str())),
    );
    format!(
        "curl \"$LETHE_URL{path}\" \\\n  -H \"Authorization: Bearer $LETHE_KEY\" \\\n  \
         -H 'Content-Type: application/x-ndjson' \\\n  --data-binary @{FILE}"
    )
}

fn lethe(job: &Job, selection: Option<&Selection>) -> String {
    let mut words = vec!["lethe submit".to_owned()];
    // With `=` a value may begin with a hyphen.
    let mut option = |name: &str, value: &str| words.push(format!("--{name}={}", quoted(value)));
    let listed = ids(selection).filter(|_| !is_in_file(selection));
    match job.kind.as_str() {
        "ids" if listed.is_some() => {}
        "ids" => option("ids-file", if is_in_file(selection) { FILE } else { HIDDEN }),
        "subject" => match subject(selection) {
            None => option("user", HIDDEN),
            Some(subject) => fields_of(subject).for_each(|(name, value)| option(name, value)),
        },
        _ => option("query", HIDDEN),
    }
    for (name, value) in [("target", &job.target), ("table", &job.table)]
        .into_iter()
        .chain(conditions(selection))
    {
        if let Some(value) = value {
            option(name, value);
        }
    }
    if let Some(reference) = &job.reference {
        option("reference", reference);
    }
    for (name, value) in legal(job) {
        option(&name.replace('_', "-"), &value);
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
    if let Some(ids) = listed {
        // An id may begin with a hyphen.
        let ids = ids.iter().map(|id| quoted(id));
        words.push(format!("-- {}", ids.collect::<Vec<_>>().join(" ")));
    }
    words.join(" \\\n  ")
}

/// Returns the options for all fields of a person. A field that is missing would widen the deletion.
fn fields_of(subject: &Subject) -> impl Iterator<Item = (&'static str, &str)> {
    // Without `..`, so that a new field is not forgotten here.
    let Subject {
        user_id,
        aliases,
        agent_id,
        app_id,
        run_id,
        workspace,
    } = subject;
    let aliases = aliases.iter().map(|alias| ("alias", alias.as_str()));
    let others = [
        ("agent", agent_id),
        ("app", app_id),
        ("run", run_id),
        ("workspace", workspace),
    ];
    let others = others
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let user = user_id.iter().map(|user| ("user", user.as_str()));
    user.chain(aliases).chain(others)
}

/// Returns a text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_of_a_shell() {
        assert_eq!(quoted("o'neil; rm $x"), "'o'\\''neil; rm $x'");
    }

    #[test]
    fn every_field_of_a_person_is_an_option() {
        let text = |value: &str| Some(value.to_owned());
        let subject = Subject {
            user_id: text("a"),
            aliases: vec!["b".to_owned(), "c".to_owned()],
            agent_id: text("d"),
            app_id: text("e"),
            run_id: text("f"),
            workspace: text("g"),
        };
        let all: Vec<_> = fields_of(&subject).collect();
        let expected = [
            ("user", "a"),
            ("alias", "b"),
            ("alias", "c"),
            ("agent", "d"),
            ("app", "e"),
            ("run", "f"),
            ("workspace", "g"),
        ];
        assert_eq!(all, expected);
        let agent = Subject {
            agent_id: text("d"),
            ..Subject::default()
        };
        assert_eq!(fields_of(&agent).collect::<Vec<_>>(), [("agent", "d")]);
    }
}
